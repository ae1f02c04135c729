"""Options, and values of options, that several commands have."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
from pathlib import Path
from typing import Any, Callable

from ..common import numbers
from ..common.errors import OctConvError
from ..common.numbers import shown
from ..common.spelling import Spelling
from ..config import Config, find_config
from ..config.recipe import KEYS, RULES, Recipe
from ..octavizer.options import MODULES_VARIABLE, OCTAVE


def add_config(
    parser: argparse.ArgumentParser, help: str = "a YAML file, or a shipped config"
) -> None:
    """Add ``-c CONFIG``."""
    parser.add_argument("-c", "--config", required=True, help=help)
    add_modules(parser)


def add_modules(parser: argparse.ArgumentParser) -> None:
    """Add ``--module NAME``, any number of times, for the processes that a command starts too."""
    parser.add_argument(
        "--module",
        action=_Module,
        default=[],
        help="a Python module in which the config may name a network, as Octave's backbone "
        f"module.Name (also: {MODULES_VARIABLE}=A,B)",
    )


class _Module(argparse.Action):
    def __call__(self, parser: Any, args: Any, name: Any, option: Any = None) -> None:
        if not all(part.isidentifier() for part in name.split(".")):
            parser.error(f"argument {option}: {shown(name)} should be a module: my.networks")
        args.module = [*args.module, name]
        before = os.environ.get(MODULES_VARIABLE)
        os.environ[MODULES_VARIABLE] = f"{before},{name}" if before else name


def add_overrides(parser: argparse.ArgumentParser, help: str) -> None:
    """Add ``-o KEY=VALUE``, any number of times."""
    parser.add_argument(
        "-o", "--override", metavar="KEY=VALUE", action="append", default=[], help=help
    )


def config_from(args: argparse.Namespace) -> Config:
    """The config that ``add_config`` and ``add_overrides`` name.

    Raises:
        OctConvError: it cannot be read, or a value is wrong.
    """
    return Config.read(find_config(args.config), args.override)


def typed(rule: numbers.Rule) -> Callable[[str], Any]:
    """The type of an option that is a number, of which a rule says what it should be."""

    def convert(text: str) -> int | float:
        value: int | float | None = numbers.whole(text)
        if value is None:
            with contextlib.suppress(ValueError):
                value = float(text)
        if value is None or not rule.test(value):
            raise argparse.ArgumentTypeError(f"{shown(text)} should be {rule.right}")
        return value

    return convert


positive, pixels, seed = map(typed, (numbers.POSITIVE, numbers.PIXELS, numbers.SEED))
threads, share, points = map(typed, (numbers.THREADS, numbers.SHARE, numbers.POINTS))


def path(text: str) -> str:
    """The value of an option that is a file or folder: of a shell's empty variable, nothing."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{shown(text)} should be a path")
    return text


def file_or_folder(text: str) -> Path:
    """As ``path``, for commands that go on with a ``Path``: that of nothing is the folder here."""
    return Path(path(text))


def alpha(text: str) -> float | list[float]:
    """The value of ``--alpha``: ``0.5``, or ``0.5,0.5,0.25,0`` for each stage."""
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} should be a number, or numbers with commas between them"
        ) from None
    return values if len(values) > 1 else values[0]


# Options of a recipe: name to (metavariable, meaning). Their names are those of ``Recipe``.
_RECIPE: dict[str, tuple[str, str]] = {
    "epochs": ("N", "epochs to train"),
    "batch_size": ("N", "images per step, in training and evaluation"),
    "image_size": ("PIXELS", "side of the input, in all transforms and image_shape"),
    "lr": ("RATE", "learning rate, the highest of the schedule"),
    "patience": ("N", "stop after N evaluations without a better metric (Global.patience)"),
    "device": ("NAME", "cpu, gpu, …"),
    "output": ("DIR", "folder of the training: weights and logs (Global.output_dir)"),
    "inference": ("DIR", "folder to export into (Global.save_inference_dir)"),
    "weights": (
        "PATH",
        "a .pdparams file, or the folder of a training (default: the config's own)",
    ),
    "images": ("PATH", "an image, or a folder of them (default: the config's)"),
    "topk": ("N", "classes to name for each image"),
}


# Those that mean the same in commands that set them otherwise, such as ``compare``.
_ANYWHERE = ("epochs", "image_size")


def add_recipe(parser: argparse.ArgumentParser, *names: str, **spelled: str) -> None:
    """Add options that set values of the config everywhere they stand.

    Args:
        parser: the command's.
        names: of ``Recipe``'s attributes; ``batch_size`` is the option ``--batch-size``.
        spelled: attributes whose option has another name.
    """
    group = parser.add_argument_group("the recipe", "set everywhere in the config; -o sets one key")
    for name in (*names, *spelled):
        metavar, meaning = _RECIPE[name]
        kind = typed(RULES[name]) if name in RULES else str if name == "device" else path
        option = f"--{spelled.get(name, name).replace('_', '-')}"
        group.add_argument(option, dest=f"recipe_{name}", type=kind, metavar=metavar, help=meaning)


def recipe_of(args: argparse.Namespace) -> Recipe:
    """What the options of ``add_recipe`` say."""
    return Recipe(**{name: getattr(args, f"recipe_{name}", None) for name in _RECIPE})


def spelling(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Spelling:
    """How a command line spells the keys of a config that its options set."""
    offered, given = {}, {}
    for action in parser._actions:
        _, is_of_recipe, name = action.dest.rpartition("recipe_")
        for key in KEYS.get(name, ()) if is_of_recipe or name in _ANYWHERE else ():
            offered[key] = action.option_strings[0]
            if getattr(args, action.dest, None) is not None:
                given[key] = offered[key]
    return Spelling(offered, given)


def named_network(text: str) -> tuple[str, dict[str, Any]]:
    """A network on a command line, as ``Arch`` has it: its name, and its options.

    ``NAME``, ``NAME:KEY=VALUE,…``, ``Octave:BACKBONE`` or ``Octave:BACKBONE,KEY=VALUE,…``

    Raises:
        OctConvError: it is something else.
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for index, option in enumerate(filter(None, rest.split(","))):
        key, separator, value = option.partition("=")
        if name == OCTAVE and index == 0 and not separator:
            options["backbone"] = option
            continue
        try:
            if not key.isidentifier() or key == "name":
                raise ValueError
            options[key] = ast.literal_eval(value)
            json.dumps(options[key])  # as it will be handed on
        except (ValueError, SyntaxError, TypeError):
            raise OctConvError(
                f"{text}: {option!r} should be KEY=VALUE, such as alpha=0.25"
            ) from None
    if not name.isidentifier():
        raise OctConvError(f"{text}: is neither the name of a network nor a folder")
    return name, options


def asks_for_cpu(args: argparse.Namespace) -> bool:
    """Whether the command line itself says that the CPU shall be used."""
    given = getattr(args, "recipe_device", None)
    return given == "cpu" or "Global.device=cpu" in args.override


def add_json(parser: argparse.ArgumentParser) -> Any:
    """Add ``--json``; returns the group of which one option can be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--json",
        action="store_true",
        help="print JSON on standard output, everything else on standard error",
    )
    return group
