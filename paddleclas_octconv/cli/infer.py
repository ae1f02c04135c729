"""``paddleclas infer``: PaddleClas's tools/infer.py on a config."""

from __future__ import annotations

import argparse

from . import job

HELP = "predict images (-o Infer.infer_imgs=<image or folder>)"
add_arguments = job.add_arguments


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code."""
    return job.prepare("infer", args).run()
