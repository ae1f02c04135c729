"""``paddleclas export``: an inference folder that every reader can open."""

from __future__ import annotations

import argparse

from ..deploy import export
from . import job

HELP = "export a trained network for inference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser, distributed=False)
    parser.add_argument(
        "--format",
        choices=export.CHOICES,
        help="pir: inference.json, the faster one, for Paddle 3; pdmodel: inference.pdmodel, for "
        "PaddleClas's predictor and Paddle 2; default: both where Paddle writes both",
    )


def run(args: argparse.Namespace) -> int:
    """Export into ``Global.save_inference_dir``."""
    formats = export.formats_of(args.format)
    task = job.prepare("export", args)
    folder = export.export(task.run, task.config, formats, [task.trainer.root])
    print(f"paddleclas: exported to {folder}")
    return 0
