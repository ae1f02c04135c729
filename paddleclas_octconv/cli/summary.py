"""``paddleclas summary``: a config's network, layer by layer, octave pairs shown as pairs."""

from __future__ import annotations

import argparse
import json
from typing import Any, Callable

from ..common.numbers import significant
from .options import add_config, add_json, add_overrides, add_recipe, config_from, recipe_of
from .tables import fits, fitted

HELP = "print a config's network layer by layer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser)
    add_overrides(parser, "set a value")
    add_recipe(parser, "image_size")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    import paddle

    from ..visualize import trained
    from ..visualize.trace import trace

    config = config_from(args).with_recipe(recipe_of(args))
    shape = config.image_shape
    model = trained.build(config)
    steps = trace(model, paddle.zeros([1, *shape]))
    trainable = sum(p.size for p in model.parameters() if p.trainable)
    if args.json:
        print(json.dumps(as_json(steps, shape, trainable), indent=2))
    else:
        print(render(steps, shape, trainable))
    return 0


def as_json(steps: list, shape: list[int], trainable: int) -> dict[str, Any]:
    """What ``render`` shows, as numbers."""
    return {
        "input": shape,
        "layers": [
            {
                "name": step.name,
                "type": step.kind,
                "high": list(step.high),
                "low": None if step.low is None else list(step.low),
                "parameters": int(step.parameters),
                "multiply_adds": int(sum(step.multiply_adds)),
            }
            for step in steps
        ],
        "total_parameters": int(sum(step.parameters for step in steps)),
        "trainable_parameters": int(trainable),
        "multiply_adds": int(sum(sum(step.multiply_adds) for step in steps)),
        "low_multiply_adds": int(sum(step.multiply_adds[1] for step in steps)),
    }


def render(steps: list, shape: list[int], trainable: int) -> str:
    """The table and the totals; those of the parameters are what ``paddle.summary`` counts."""
    table = _table(steps, "output, ", "{:,}".format)
    if not fits(table):  # names are wrapped only where short numbers do not make room for them
        table = _table(steps, "", _short)
    total = sum(step.parameters for step in steps)
    costs = [sum(step.multiply_adds) for step in steps]
    low_share = sum(step.multiply_adds[1] for step in steps) / max(1, sum(costs))
    lines = [
        f"input {_shape(shape)}",
        fitted(table),
        f"Total params: {total:,}",
        f"Trainable params: {trainable:,}",
        f"Non-trainable params: {total - trainable:,}",
        f"Multiply-adds: {sum(costs):,} ({low_share:.1%} of them make low-frequency maps)",
    ]
    return "\n".join(lines)


def _table(steps: list, prefix: str, number: Callable[[int], str]) -> Any:
    from prettytable import PrettyTable

    table = PrettyTable(["layer", "type", f"{prefix}high", f"{prefix}low", "params", "mult-adds"])
    table.align = "r"
    table.align["layer"] = table.align["type"] = "l"
    for step in steps:
        low = "" if step.low is None else _shape(step.low)
        cost = sum(step.multiply_adds)
        row = [step.name, step.kind, _shape(step.high), low]
        table.add_row([*row, number(step.parameters), number(cost) if cost else ""])
    return table


def _short(count: int) -> str:
    """A number with three digits and its unit."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{significant(count / size)} {unit}"
    return str(count)


def _shape(shape) -> str:
    return "x".join(map(str, shape))
