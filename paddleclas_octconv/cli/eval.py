"""``paddleclas eval``: PaddleClas's tools/eval.py on a config."""

from __future__ import annotations

import argparse

from . import job
from .options import add_recipe

HELP = "evaluate a trained network on the config's Eval data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "weights", "batch_size", "image_size", "device")


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code."""
    return job.prepare("eval", args).run()
