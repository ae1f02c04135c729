"""The options that ``train``, ``eval``, ``infer`` and ``export`` have in common."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Iterator

from ..backbones.catalogue import CATALOGUE
from ..checkpoints.outputs import best_weights
from ..common.errors import OctConvError
from ..common.say import say
from ..config import check, find_config, load_config
from ..config.dotted import get, leaves
from ..config.image_size import check_image_shape
from ..config.recipe import apply, follows_epochs
from ..config.vocabulary import ALLOW_OPTION
from ..run import job as jobs
from ..run import launch
from ..weights import TRUST_VARIABLE
from .options import add_config, add_overrides, recipe_of


def add_arguments(parser: argparse.ArgumentParser, distributed: bool = True) -> None:
    """Add the options of a job to a command, those of the launcher if ``distributed``."""
    add_config(
        parser, "a YAML file, or the name of a shipped config ('paddleclas configs' lists them)"
    )
    add_overrides(parser, "set a value of the config, such as Global.epochs=5; any number of times")
    parser.add_argument(
        "-p", "--profiler_options", metavar="OPTIONS", help="passed on to PaddleClas"
    )
    parser.add_argument(
        "--paddleclas",
        metavar="DIR",
        help="run the trainer of this checkout of PaddleClas (also: PADDLECLAS_HOME)",
    )
    parser.add_argument(
        ALLOW_OPTION,
        action="store_true",
        help="let keys of the config through that PaddleClas does not read",
    )
    parser.add_argument(
        "--trust-weights",
        action="store_true",
        help=f"load weights even from a file that can run code (also: {TRUST_VARIABLE}=1)",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show all that Paddle and PaddleClas have to say; else it is in the log file alone",
    )
    if distributed:
        group = parser.add_argument_group(
            "many processes", "options of python -m paddle.distributed.launch, which then runs"
        )
        for name, meaning in launch.OPTIONS:
            spellings = dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}"))
            group.add_argument(*spellings, dest=_dest(name), metavar="VALUE", help=meaning)


def prepare(mode: str, args: argparse.Namespace) -> jobs.Job:
    """The job that a command line asks for: all that it needs is found and checked.

    Raises:
        OctConvError: something is missing or malformed.
    """
    options = _launch_options(args)
    launch.check(options)
    path = find_config(args.config)
    config = load_config(path, args.override)
    check.check_values(config)
    recipe = recipe_of(args)
    if recipe.weights is not None:
        recipe.weights = weights_in(config, recipe.weights)
    before = dict(_overridden(config, args.override))
    apply(config, recipe)
    _refuse_contradictions(before, dict(_overridden(config, args.override)))
    _check_image_shape(config, path)
    return jobs.prepare(
        mode,
        config,
        path,
        args.paddleclas,
        args.allow_unknown_keys,
        options=options,
        profiler_options=args.profiler_options,
        trust_weights=args.trust_weights,
        verbose=args.verbose,
    )


def _overridden(config: dict[str, Any], overrides: list[str]) -> Iterator[tuple[str, Any]]:
    """The values at the keys of ``-o``, lists and sections with all they hold."""
    for override in overrides:
        key = override.partition("=")[0].strip()
        for leaf, value in leaves(config):
            if leaf == key or leaf.startswith(f"{key}."):
                yield leaf, value


def _refuse_contradictions(before: dict[str, Any], after: dict[str, Any]) -> None:
    """See that no option sets what ``-o`` has set to something else.

    Raises:
        OctConvError: naming the key and both values.
    """
    for key, value in before.items():
        if value != after.get(key, value) and not follows_epochs(key):
            raise OctConvError(
                f"-o {key}={value}: an option sets it to {after[key]}; give one of the two"
            )


def weights_in(config: dict[str, Any], path: str) -> str:
    """The weights that ``--weights`` names: a file, or the best in the folder of a training."""
    name = get(config, "Arch.name")
    if name is None or not os.path.isdir(path):
        return path
    try:
        return str(best_weights({"Global": {"output_dir": path}, "Arch": {"name": name}}))
    except OctConvError:
        raise OctConvError(
            f"--weights {path}: holds no best_model.pdparams or latest.pdparams of {name}"
        ) from None


def _check_image_shape(config: dict[str, Any], path: Path) -> None:
    """See that the transforms make what the network is exported for.

    Some configs of PaddleClas have always missed that, and train all the same: of those that are
    not for a network of this package it is said, not refused.

    Raises:
        OctConvError: they make images of another size.
    """
    try:
        check_image_shape(config)
    except OctConvError as error:
        if get(config, "Arch.name") in CATALOGUE:
            raise
        try:
            check_image_shape(load_config(path))
        except OctConvError:
            say(f"warning: {error}")
        else:
            raise


def words(args: argparse.Namespace, command: str) -> list[str]:
    """The command line on which another command finds what a training has made.

    Args:
        args: of the training.
        command: "train", to go on with it; "eval" or "export".
    """
    said = ["paddleclas", command, "-c", args.config]
    for override in args.override:
        said += ["-o", override]
    if args.paddleclas:
        said += ["--paddleclas", args.paddleclas]
    recipe = recipe_of(args)
    if recipe.image_size:
        said += ["--image-size", str(recipe.image_size)]
    said += _flags(args, ALLOW_OPTION, "--trust-weights")
    if command != "train":
        return said + (["-o", f"Global.output_dir={recipe.output}"] if recipe.output else [])
    for name in ("epochs", "batch_size", "lr", "device", "output"):
        value = getattr(recipe, name)
        if value is not None:
            said += [f"--{name.replace('_', '-')}", str(value)]
    said += _flags(args, "--allow-non-finite-loss")
    if args.profiler_options:
        said.append(f"--profiler_options={args.profiler_options}")
    launched = _launch_options(args).items()
    return [*said, *(f"--{name}={value}" for name, value in launched), "--resume"]


def _flags(args: argparse.Namespace, *options: str) -> list[str]:
    """Those of the options without a value that were given."""
    return [option for option in options if getattr(args, option[2:].replace("-", "_"))]


def _launch_options(args: argparse.Namespace) -> dict[str, str]:
    """What was given of the options of ``paddle.distributed.launch``, by its name for them."""
    given = {name: getattr(args, _dest(name), None) for name, _ in launch.OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def _dest(option: str) -> str:
    return f"launch_{option.replace('-', '_')}"
