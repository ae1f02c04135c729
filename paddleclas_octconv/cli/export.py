"""``paddleclas export``: an inference folder that every reader can open."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..deploy import export, images, to_onnx
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
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="write inference.onnx too, and check it (needs the extra [onnx])",
    )


def run(args: argparse.Namespace) -> int:
    """Export into ``Global.save_inference_dir``."""
    export.formats_of(args.format)  # what no config can mend is told before one is read
    if args.onnx:
        to_onnx.demand()
    task = job.prepare("export", args)
    formats = export.formats_of(args.format, export.is_quantized(task.config))

    def finish(folder: Path) -> None:
        if args.onnx:
            samples = images.samples(task.config, count=8)
            difference = to_onnx.add(folder, task.config["Global"]["image_shape"], samples)
            print(f"paddleclas: {to_onnx.FILE} agrees with Paddle Inference to {difference:.1e}")

    folder = export.export(task.run, task.config, formats, [task.trainer.root], finish)
    print(f"paddleclas: exported to {folder}")
    return 0
