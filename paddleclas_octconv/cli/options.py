"""Options, and values of options, that several commands have."""

from __future__ import annotations

import argparse

from ..common.numbers import whole

MOST_PIXELS = 16384


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


def positive(text: str) -> int:
    """The value of an option that counts something."""
    value = whole(text)
    if value is None or value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number from 1")
    return value


def pixels(text: str) -> int:
    """The value of an option that is the side of an image."""
    value = whole(text)
    if value is None or not 1 <= value <= MOST_PIXELS:
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number, 1 to {MOST_PIXELS}")
    return value


def alpha(text: str) -> float | list[float]:
    """The value of ``--alpha``: ``0.5``, or ``0.5,0.5,0.25,0`` for each stage."""
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be a number, or numbers with commas between them"
        ) from None
    return values if len(values) > 1 else values[0]
