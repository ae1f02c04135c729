"""The options that ``train``, ``eval``, ``infer`` and ``export`` have in common."""

from __future__ import annotations

import argparse
from typing import Any

from ..api.jobs import find_job
from ..config import Config
from ..config.recipe import PLACES
from ..config.vocabulary import ALLOW_OPTION
from ..run import launch
from ..run.job import Job
from ..weights import TRUST_VARIABLE
from . import parser_of
from .options import add_config, add_overrides, recipe_of, spelling

_OUTPUT = PLACES["output"]
# Of a config, what is nothing to "eval" and "export" of what was trained, or is ``--weights``.
_OF_TRAINING = (
    *(_OUTPUT, PLACES["weights"], "Global.checkpoints", "Global.epochs"),
    *("Global.save_interval", "Global.eval_during_train", "Global.eval_interval", "Optimizer."),
)


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
        help="accept keys of the config that PaddleClas does not read",
    )
    parser.add_argument(
        "--trust-weights",
        action="store_true",
        help=f"load weights even from a file that can run code (also: {TRUST_VARIABLE}=1)",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show the whole output of Paddle and PaddleClas (default: in the log file only)",
    )
    if distributed:
        group = parser.add_argument_group(
            "many processes",
            "options of python -m paddle.distributed.launch, which then starts them",
        )
        for name, meaning in launch.OPTIONS:
            spellings = dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}"))
            group.add_argument(*spellings, dest=_dest(name), metavar="VALUE", help=meaning)


def job_from(mode: str, args: argparse.Namespace) -> Job:
    """The job that a command line asks for: all that it needs is found and checked.

    Raises:
        OctConvError: something is missing or malformed.
    """
    return find_job(
        mode,
        args.config,
        recipe_of(args),
        args.override,
        _launch_options(args),
        checkout=args.paddleclas,
        allow_unknown_keys=args.allow_unknown_keys,
        profiler_options=args.profiler_options,
        trust_weights=args.trust_weights,
        verbose=args.verbose,
        spelling=spelling(parser_of(mode), args),
    )


def words(args: argparse.Namespace, command: str, config: Config) -> list[str]:
    """The command line on which another command finds what a training has made.

    It repeats what was given of the options that this command has too, but for how processes are
    launched. An option of the recipe that it has not, but that is one key of the config, is given
    as that. Where "eval" and "export" would not find the weights by the config alone, it names the
    folder that has them.

    Args:
        args: of the training.
        command: "train", to go on with it; "eval" or "export".
        config: of the training.
    """
    said = ["paddleclas", command]
    goes_on = command == "train"
    known = {action.dest: action for action in parser_of(command)._actions}
    for action in parser_of("train")._actions:
        value = getattr(args, action.dest, action.default)
        key = PLACES.get(action.dest.partition("recipe_")[2])
        is_launching = action.dest.startswith("launch_") or action.dest == "profiler_options"
        if action.dest == "override" and not goes_on:
            value = [each for each in value if not _key(each).startswith(_OF_TRAINING)]
        if value == action.default or ((is_launching or key == _OUTPUT) and not goes_on):
            continue
        if action.dest in known:
            said += _spelled(known[action.dest], value)
        elif key is not None:
            said += ["-o", f"{key}={value}"]
    if goes_on:
        return said if args.resume else [*said, "--resume"]
    is_elsewhere = args.recipe_output is not None or _OUTPUT in map(_key, args.override)
    if is_elsewhere or config.pretrained_model:  # which they would take
        said += _spelled(known["recipe_weights"], config.output_dir)
    return said


def _key(override: str) -> str:
    """The key that ``-o`` sets."""
    return override.partition("=")[0].strip()


def _spelled(action: argparse.Action, value: Any) -> list[str]:
    """An option as it is written with a value; its values, where it was given more than once."""
    option = action.option_strings[0]
    if action.nargs == 0:
        return [option]
    values = value if isinstance(value, list) else [value]
    return [
        word
        for each in map(str, values)
        # What begins with a dash would be taken for an option of its own.
        for word in ([f"{action.option_strings[-1]}={each}"] if each[:1] == "-" else [option, each])
    ]


def _launch_options(args: argparse.Namespace) -> dict[str, str]:
    """What was given of the options of ``paddle.distributed.launch``, by its name for them."""
    given = {name: getattr(args, _dest(name), None) for name, _ in launch.OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def _dest(option: str) -> str:
    return f"launch_{option.replace('-', '_')}"
