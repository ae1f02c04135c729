"""``paddleclas export``: an inference folder that every reader can open."""

from __future__ import annotations

import argparse

from ..api.export import engine_options, write
from ..deploy import int8
from ..deploy.engines import CONVERTED
from ..deploy.export import CHOICES
from . import job
from .options import add_recipe, points, positive

HELP = "export a trained network for inference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser, distributed=False)
    add_recipe(parser, "weights", "image_size", inference="output")
    parser.add_argument(
        "--format",
        choices=CHOICES,
        help="pir: inference.json, the faster one, for Paddle Inference 3; pdmodel: "
        "inference.pdmodel, for PaddleClas's predictor and Paddle 2; default: both where Paddle "
        "writes both",
    )
    parser.add_argument(
        "--dynamic-size",
        action="store_true",
        help="the model takes images of any height and width, as with Global.image_shape=[3,-1,-1]",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="the model takes exactly N images at a time (default: any number)",
    )
    for engine in CONVERTED.values():
        parser.add_argument(
            f"--{engine.option}",
            action="store_true",
            help=f"write {engine.files['fp32']} too, and check it: for {engine.read_by} (needs the "
            f"extra [{engine.extra}])",
        )
    group = parser.add_argument_group("INT8, after training")
    group.add_argument(
        "--int8",
        action="store_true",
        help=f"with {engine_options('or')}: write an INT8 model beside the other (needs the extra "
        "[int8]), calibrated on images that the config trains on, and measure its top-1 on the "
        "images that it evaluates on",
    )
    group.add_argument(
        "--calibration-images",
        type=positive,
        default=int8.CALIBRATION_IMAGES,
        metavar="N",
        help="default: %(default)s",
    )
    group.add_argument(
        "--max-drop",
        type=points,
        default=int8.MAX_DROP,
        metavar="POINTS",
        help="how many percentage points of top-1 INT8 may lose (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Export into ``Global.save_inference_dir``."""
    write(
        lambda: job.job_from("export", args),
        [engine for engine in CONVERTED.values() if getattr(args, engine.option)],
        form=args.format,
        dynamic_size=args.dynamic_size,
        batch_size=args.batch_size,
        int8=args.int8,
        calibration_images=args.calibration_images,
        max_drop=args.max_drop,
        tell=print,
    )
    return 0
