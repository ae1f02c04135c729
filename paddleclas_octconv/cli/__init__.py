"""The command line: ``paddleclas <command> …`` or ``python -m paddleclas_octconv <command> …``.

A command is one line in ``COMMANDS`` and one module, imported only when that command runs, with
``HELP`` (one line), ``add_arguments(parser)`` and ``run(args) -> int`` (the exit code).
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import textwrap
import warnings
from typing import NoReturn, Sequence

from ..common import files, machine, streams
from ..common.errors import OctConvError, traceback_wanted
from ..common.images import bound_images
from ..common.processes import ended_by_signals
from ..common.say import described, say_error
from ..common.suggest import suggest
from ..common.version import __version__
from ..patches.python_eval import evaluate_names_and_numbers

COMMANDS = {
    "train": "paddleclas_octconv.cli.train",
    "eval": "paddleclas_octconv.cli.eval",
    "infer": "paddleclas_octconv.cli.infer",
    "export": "paddleclas_octconv.cli.export",
    "predict": "paddleclas_octconv.cli.predict",
    "prepare": "paddleclas_octconv.cli.prepare",
    "check-data": "paddleclas_octconv.cli.check_data",
    "configs": "paddleclas_octconv.cli.configs",
    "models": "paddleclas_octconv.cli.models",
    "summary": "paddleclas_octconv.cli.summary",
    "octavize": "paddleclas_octconv.cli.octavize",
    "visualize": "paddleclas_octconv.cli.visualize",
    "benchmark": "paddleclas_octconv.cli.benchmark",
    "compare": "paddleclas_octconv.cli.compare",
    "weights": "paddleclas_octconv.cli.weights",
    "convert-weights": "paddleclas_octconv.cli.convert_weights",
    "completion": "paddleclas_octconv.cli.completion",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise OctConvError(f"{self.prog.partition(' ')[2]}: {message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (2, with one line on stderr, on bad input)."""
    argv = sys.argv[1:] if argv is None else list(argv)
    streams.prepare()
    bound_images()
    try:
        with ended_by_signals():
            code = _main(argv)
        sys.stdout.flush()  # what cannot be written is told here, not at the interpreter's end
        return code
    except BrokenPipeError:
        streams.abandon_output()
        return streams.BROKEN_PIPE
    except OctConvError as error:
        return _fail(error)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "paddle":
            return _fail(machine.NO_PADDLE)
        raise
    except ImportError as error:  # a library that it needs is not there, or of another version
        if traceback_wanted():
            raise
        return _fail(f"a package that is installed cannot be imported: {described(error)}")
    except MemoryError:
        return _fail("there is not enough memory for this")
    except OSError as error:  # a file that the system refuses, wherever it is met
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{files.reason(error)}")
    except KeyboardInterrupt:
        return 130


def _fail(error: object) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        streams.abandon_output()
    say_error(error)
    return 2


def _main(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0
    if argv[0] == "--version":
        paddle = machine.paddle_version()
        versions = [*([f"Paddle {paddle}"] if paddle else []), f"Python {sys.version.split()[0]}"]
        print(f"paddleclas-octconv {__version__} ({', '.join(versions)})")
        return 0
    return _run(argv[0], argv[1:])


def _run(command: str, argv: list[str]) -> int:
    if command not in COMMANDS:
        raise OctConvError(
            f"unknown command {command!r}{suggest(command, COMMANDS)} "
            f"(commands: {', '.join(COMMANDS)})"
        )
    parser = parser_of(command)
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(_unknown(unknown[0].partition("=")[0], parser))
    try:
        os.getcwd()
    except OSError:
        raise OctConvError("the current folder is no longer there: change to another") from None
    warnings.filterwarnings("ignore", message="No ccache found")  # of Paddle; no concern here
    evaluate_names_and_numbers()  # some commands build networks of a config in this process
    from .options import spelling

    try:
        return importlib.import_module(COMMANDS[command]).run(args)
    except OctConvError as error:
        raise OctConvError(spelling(parser, args).of(str(error))) from error


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of a command's options."""
    module = importlib.import_module(COMMANDS[command])
    parser = Parser(prog=f"paddleclas {command}", description=module.HELP, allow_abbrev=False)
    module.add_arguments(parser)
    return parser


# What other tools call an option.
_ALIASES = {
    "--lr": ("--learning-rate", "--base-lr", "--rate"),
    "--epochs": ("--num-epochs", "--max-epochs", "--n-epochs"),
    "--batch-size": ("--bs", "--batch", "--train-batch-size"),
    "--image-size": ("--img-size", "--imgsz", "--size", "--resolution", "--input-size"),
    "--output": ("--output-dir", "--save-dir", "--out", "--work-dir", "--project", "--log"),
    "--weights": ("--checkpoint", "--model", "--pretrained", "--pretrained-model", "--params"),
    "--root": ("--output", "--output-dir", "--out", "--save-dir", "--dir"),
    "--images": ("--image", "--infer-imgs", "--input", "--source", "--img", "--data"),
    "--arch": ("--model", "--network", "--backbone"),
    "--gpus": ("--gpu", "--devices", "--gpu-ids"),
    "--threads": ("--workers", "--num-workers"),
}


def _unknown(given: str, parser: argparse.ArgumentParser) -> str:
    """What to say of an option that a command does not have."""
    if not given.startswith("-"):
        return f"unexpected argument {given!r}"
    options = [option for action in parser._actions for option in action.option_strings]
    plain = given.replace("_", "-").lower()
    for option in options:
        if plain == option or plain in _ALIASES.get(option, ()):
            return f"unknown option {given}; did you mean {option}?"
    longer = [option for option in options if len(plain) > 3 and option.startswith(plain)]
    if longer:
        return f"unknown option {given}; did you mean {' or '.join(longer[:3])}?"
    return f"unknown option {given}{suggest(plain, options, 1)}"


def _help() -> str:
    from .predictor_options import predictor_options

    width = max(60, shutil.get_terminal_size().columns - 1)
    commands: list[str] = []
    for name, path in COMMANDS.items():
        meaning = importlib.import_module(path).HELP
        first, further = f"  {name:<17}", " " * 19
        commands += textwrap.wrap(meaning, width, initial_indent=first, subsequent_indent=further)
    lines = ["usage: paddleclas COMMAND …  (each COMMAND has --help)", "", "commands:", *commands]
    options = predictor_options(width)
    if options:
        lines += ["", "without a COMMAND, PaddleClas's predictor, with its options:", *options]
    return "\n".join(lines)
