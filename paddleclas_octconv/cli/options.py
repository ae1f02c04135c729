"""Options that several commands have."""

from __future__ import annotations

import argparse


def add_config(
    parser: argparse.ArgumentParser, help: str = "a YAML file, or a shipped config"
) -> None:
    """Add ``-c CONFIG``."""
    parser.add_argument("-c", "--config", required=True, help=help)


def add_overrides(parser: argparse.ArgumentParser, help: str) -> None:
    """Add ``-o KEY=VALUE``, any number of times."""
    parser.add_argument(
        "-o", "--override", metavar="KEY=VALUE", action="append", default=[], help=help
    )
