"""``paddleclas octavize``: a trained vanilla network becomes an octave one, without training."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import data
from ..api.jobs import weights_in
from ..common import machine
from ..common.errors import OctConvError
from ..common.files import demand_place
from ..deploy.engines import ENGINES, engine_of, fastest_installed
from ..post_training import search, task, written
from .options import (
    add_config,
    add_json,
    add_overrides,
    add_recipe,
    alpha,
    config_from,
    file_or_folder,
    points,
    positive,
    recipe_of,
    seed,
)
from .tables import fitted

if TYPE_CHECKING:
    from ..post_training.run import Result

HELP = "make a trained network octave, without training it again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser, "the config that the vanilla network was trained with")
    add_overrides(parser, "set a value of the config; any number of times")
    add_recipe(parser, "weights", "image_size")
    parser.add_argument(
        "--output",
        type=file_or_folder,
        metavar="DIR",
        help="a new folder for weights, config and report (default: octave in Global.output_dir)",
    )
    parser.add_argument(
        "--alpha",
        type=alpha,
        metavar="A",
        help=f"share of low-frequency channels, or one for each stage (default: {task.ALPHA})",
    )
    parser.add_argument(
        "--max-drop",
        type=points,
        metavar="POINTS",
        help="find by measuring what becomes octave: the fastest network that loses so many points "
        "of top-1 (of agreement, without labels) at most",
    )
    parser.add_argument(
        "--images",
        type=positive,
        default=task.CALIBRATION,
        metavar="N",
        help="of the training list to calibrate on, without their labels (default: %(default)s)",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help=f"to measure in: {', '.join(ENGINES)} (default: the first of them that is installed)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="of what is drawn by chance (default: 0)"
    )
    parser.add_argument(
        "--distil",
        type=file_or_folder,
        metavar="FILE",
        help="write a config here by which 'paddleclas train' distils the octave network from the "
        "vanilla one",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Make the folder and print a table.

    Raises:
        OctConvError: something does not fit, or more is lost than ``--max-drop`` allows.
    """
    from ..post_training import run as post_training

    asked = _task(args)
    with _Progress(post_training.steps(asked)) as progress:
        found = post_training.octavize_trained(asked, progress.tell)
    if asked.distil and found.is_octave:
        written.write_distilling(asked, found.arch)
    if args.json:
        print(json.dumps(_as_data(asked, found), indent=2))
    else:
        print(_table(asked, found))
        print("\n".join(_next(asked, found)))
    if not found.is_within:
        raise OctConvError(
            f"--max-drop {asked.max_drop:g}: no octave network that is faster loses so little: "
            f"{search.shown(found.alphas, found.strides)}, which is written, loses "
            f"{found.score.drop:.2f} points of {_measure(found)}"
        )
    return 0


def _task(args: argparse.Namespace) -> task.Task:
    """What a command line asks for, checked as far as it can be without Paddle."""
    task.check_options(args.alpha, args.max_drop)
    engine = args.engine or fastest_installed()
    engine_of(engine).demand()
    recipe = recipe_of(args)
    given = recipe.weights
    recipe.weights = None
    config = config_from(args).with_recipe(recipe)
    task.check(config)
    if not machine.has_paddle():
        raise OctConvError(machine.NO_PADDLE)
    if given is None:
        weights = task.find_weights(config)
    else:
        weights = task.file_of(weights_in(config.network, given), "--weights")
    output = args.output or Path(config.output_dir, "octave")
    if args.distil and args.distil.parent != output:  # which will be there by then
        demand_place("--distil", args.distil)
    data.ensure_for(config)
    searched = args.max_drop is not None
    return task.Task(
        config=config,
        weights=weights,
        output=output,
        alpha=None if searched else task.ALPHA if args.alpha is None else args.alpha,
        max_drop=args.max_drop,
        images=args.images,
        engine=engine,
        seed=args.seed,
        distil=args.distil,
    )


def _measure(found: Result) -> str:
    return "agreement" if found.score.top1 is None else "top-1"


def _table(asked: task.Task, found: Result) -> str:
    from prettytable import PrettyTable

    measure = f"{_measure(found)}, %"
    table = PrettyTable(["network", measure, "M mult-adds", f"ms ({asked.engine})", "x"], align="r")
    table.align["network"] = "l"
    scores = found.score
    before = 100.0 if scores.top1 is None else scores.vanilla_top1
    after = scores.agreement if scores.top1 is None else scores.top1
    rows = (
        (asked.vanilla["name"], before, found.vanilla_multiply_adds, found.vanilla_ms, 1.0),
        (_name(found), after, found.multiply_adds, found.ms, found.speed_up),
    )
    for name, value, cost, milliseconds, speed_up in rows[: 1 + found.is_octave]:
        shown = (f"{value:.2f}", f"{cost / 1e6:,.1f}", f"{milliseconds:.2f}", f"{speed_up:.2f}")
        table.add_row([name, *shown])
    return f"on the {scores.images} images of the evaluation list\n{fitted(table)}"


def _name(found: Result) -> str:
    if found.strides:
        return f"octave, {search.shown(found.alphas, found.strides)}"
    return f"octave, alpha {found.arch.get('alpha')}"


def _next(asked: task.Task, found: Result) -> list[str]:
    """The files, and the commands that take them."""
    config = shlex.quote(str(asked.output / written.CONFIG))
    lines = [f"paddleclas: written: {asked.output}{os.sep}: {', '.join(_files(asked.output))}"]
    if not found.is_octave:
        lines.insert(0, "paddleclas: no octave network is faster here: it is the vanilla one")
    lines.append(f"paddleclas: next: paddleclas export -c {config} --openvino --int8")
    if asked.distil and found.is_octave:
        distil = shlex.quote(str(asked.distil))
        lines.append(
            f"paddleclas: to distil: paddleclas train -c {distil}, then paddleclas export "
            f"-c {distil}"
        )
    elif asked.distil:
        lines.append(f"paddleclas: {asked.distil} is not written: there is nothing to distil")
    return lines


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _as_data(asked: task.Task, found: Result) -> dict[str, Any]:
    return {
        **found._asdict(),
        "score": found.score._asdict(),
        "speed_up": found.speed_up,
        "engine": asked.engine,
        "output": str(asked.output),
    }


class _Progress:
    """One bar on standard error; none without a terminal."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._total = total
        form = "{desc}: {bar} {elapsed}"
        self._bar = tqdm(total=total, disable=None, bar_format=form)

    def tell(self, what: str, done: int = 0, of: int = 0) -> None:
        self._bar.set_description(f"{what}, {done} of {of}" if of else what)
        if not of:
            self._bar.update()
            self._bar.total = max(self._total, int(self._bar.n))  # a search has no set length

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
