"""The command line: ``paddleclas <command> …`` or ``python -m paddleclas_octconv <command> …``.

A command is one line in ``COMMANDS`` and one module, imported only when that command runs, with
``HELP`` (one line), ``add_arguments(parser)`` and ``run(args) -> int`` (the exit code).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NoReturn, Sequence

from .. import __version__
from ..common.errors import OctConvError
from ..common.say import say_error
from ..common.suggest import suggest

COMMANDS = {
    "train": "paddleclas_octconv.cli.train",
    "eval": "paddleclas_octconv.cli.eval",
    "infer": "paddleclas_octconv.cli.infer",
    "export": "paddleclas_octconv.cli.export",
    "benchmark": "paddleclas_octconv.cli.benchmark",
    "configs": "paddleclas_octconv.cli.configs",
    "convert-weights": "paddleclas_octconv.cli.convert_weights",
    "models": "paddleclas_octconv.cli.models",
    "prepare": "paddleclas_octconv.cli.prepare",
    "check-data": "paddleclas_octconv.cli.check_data",
    "compare": "paddleclas_octconv.cli.compare",
    "summary": "paddleclas_octconv.cli.summary",
    "visualize": "paddleclas_octconv.cli.visualize",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise OctConvError(f"{self.prog.partition(' ')[2]}: {message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (2, with one line on stderr, on bad input)."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        if not argv or argv[0] in ("-h", "--help"):
            print(_help())
            return 0
        if argv[0] == "--version":
            print(__version__)
            return 0
        return _run(argv[0], argv[1:])
    except OctConvError as error:
        say_error(error)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(command: str, argv: list[str]) -> int:
    if command not in COMMANDS:
        raise OctConvError(
            f"unknown command {command!r}{suggest(command, COMMANDS)} "
            f"(commands: {', '.join(COMMANDS)})"
        )
    module = importlib.import_module(COMMANDS[command])
    parser = Parser(prog=f"paddleclas {command}", description=module.HELP, allow_abbrev=False)
    module.add_arguments(parser)
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        options = [option for action in parser._actions for option in action.option_strings]
        parser.error(f"unknown option {unknown[0]}{suggest(unknown[0].partition('=')[0], options)}")
    return module.run(args)


def _help() -> str:
    lines = [f"  {name:<17}{importlib.import_module(path).HELP}" for name, path in COMMANDS.items()]
    return "\n".join(
        [
            "usage: paddleclas COMMAND …  (each COMMAND has --help)",
            "",
            "commands:",
            *lines,
        ]
    )
