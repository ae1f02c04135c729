"""``paddleclas export``: an inference folder that every reader can open."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..common.errors import OctConvError
from ..deploy import export, int8, metadata, to_onnx, to_openvino
from . import job
from .options import add_recipe, positive

HELP = "export a trained network for inference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser, distributed=False)
    add_recipe(parser, "weights", "image_size", inference="output")
    parser.add_argument(
        "--format",
        choices=export.CHOICES,
        help="pir: inference.json, the faster one, for Paddle 3; pdmodel: inference.pdmodel, for "
        "PaddleClas's predictor and Paddle 2; default: both where Paddle writes both",
    )
    parser.add_argument(
        "--openvino",
        action="store_true",
        help="write openvino/model.xml too, and check it (needs the extra [openvino])",
    )
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="write inference.onnx too, and check it (needs the extra [onnx])",
    )
    group = parser.add_argument_group("INT8, after training")
    group.add_argument(
        "--int8",
        action="store_true",
        help="with --openvino or --onnx: write an INT8 model beside the other (needs the extra "
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
        type=percentage_points,
        default=int8.MAX_DROP,
        metavar="POINTS",
        help="how many percentage points of top-1 INT8 may lose (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Export into ``Global.save_inference_dir``."""
    engines = ["openvino"] * args.openvino + ["onnxruntime"] * args.onnx
    export.formats_of(args.format)  # what no config can mend is told before one is read
    if args.openvino:
        to_openvino.demand()
    if args.onnx:
        to_onnx.demand()
    if args.int8:
        from ..deploy.int8 import add

        add.demand(engines)
    task = job.prepare("export", args)
    quantized = export.is_quantized(task.config)
    formats = export.formats_of(args.format, quantized)
    if args.openvino and "pdmodel" not in formats:
        raise OctConvError(
            f"--openvino with --format {args.format}: OpenVINO reads inference.pdmodel alone"
        )
    for option in ("openvino", "int8"):
        if quantized and getattr(args, option):
            # OpenVINO reads it, but gives other classes.
            raise OctConvError(
                f"--{option}: this config trains for INT8 by PaddleSlim (Slim.quant), which Paddle "
                "alone runs right: train without Slim, and export with --openvino --int8"
            )
    data = add.data_of(task.config, args.calibration_images) if args.int8 else None
    if args.format is None and not args.openvino:
        formats = ()  # those that this network can be written in

    def finish(folder: Path) -> None:
        from ..deploy import images

        samples = images.samples(task.config, count=8) if engines else None
        for engine, convert in (("openvino", to_openvino), ("onnxruntime", to_onnx)):
            if engine in engines:
                difference = convert.add(folder, task.config["Global"]["image_shape"], samples)
                print(
                    f"paddleclas: {convert.FILE} agrees with Paddle Inference to {difference:.1e}"
                )
        if data:
            results = add.add(folder, engines, data, _progress, args.max_drop)
            metadata.note(folder, "INT8", {r.engine: _rounded(r) for r in results})
            for result in results:
                print(
                    f"paddleclas: INT8 with {result.engine}: {data.measure} "
                    f"{result.top1_int8:.2f} % of {result.evaluation_images} images, "
                    f"{result.top1_fp32:.2f} % in float32"
                )

    folder = export.export(task.run, task.config, formats, [task.trainer.root], finish)
    print(f"paddleclas: exported to {folder}")
    return 0


def percentage_points(text: str) -> float:
    """The value of ``--max-drop``."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 0 to 100")
    return value


def _progress(items, about: str, count: int):
    from tqdm import tqdm

    # Without a terminal (None) there is no bar.
    return tqdm(items, desc=about, total=count, unit=" images", disable=None)


def _rounded(result) -> dict:
    """A result as it is noted."""
    values = result._asdict()
    del values["engine"]
    return {key: round(value, 3) for key, value in values.items()}
