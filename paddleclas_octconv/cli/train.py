"""``paddleclas train``: PaddleClas's tools/train.py on a config."""

from __future__ import annotations

import argparse

from . import job

HELP = "train a network"
add_arguments = job.add_arguments


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code."""
    return job.prepare("train", args).run()
