"""``paddleclas eval``: PaddleClas's tools/eval.py on a config."""

from __future__ import annotations

import argparse

from . import job

HELP = "evaluate a trained network on the config's Eval data"
add_arguments = job.add_arguments


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code."""
    return job.prepare("eval", args).run()
