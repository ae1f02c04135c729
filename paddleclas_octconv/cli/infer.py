"""``paddleclas infer``: PaddleClas's tools/infer.py on a config."""

from __future__ import annotations

import argparse

from . import job
from .options import add_recipe

HELP = "predict images (--images <image or folder>)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "images", "weights", "topk", "batch_size", "image_size", "device")


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code."""
    return job.prepare("infer", args).run()
