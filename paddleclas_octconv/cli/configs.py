"""``paddleclas configs``: the configs that come with the package."""

from __future__ import annotations

import argparse

from ..config import shipped_configs

HELP = "list the shipped configs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--path", action="store_true", help="print the path of each file")


def run(args: argparse.Namespace) -> int:
    """Print one name, or path, a line."""
    for name, path in shipped_configs().items():
        print(path if args.path else name)
    return 0
