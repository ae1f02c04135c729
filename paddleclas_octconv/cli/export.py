"""``paddleclas export``: an inference folder that every reader can open."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..common.errors import OctConvError
from ..common.say import say
from ..deploy import export, int8, metadata
from ..deploy.engines import CONVERTED
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
        help="pir: inference.json, the faster one, for Paddle Inference 3; pdmodel: "
        "inference.pdmodel, for PaddleClas's predictor and Paddle 2; default: both where Paddle "
        "writes both",
    )
    parser.add_argument(
        "--dynamic-size",
        action="store_true",
        help="the model takes images of any height and width, not of Global.image_shape alone",
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
        help=f"with {_options('or')}: write an INT8 model beside the other (needs the extra "
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
    engines = [engine for engine in CONVERTED.values() if getattr(args, engine.option)]
    export.formats_of(args.format)  # what no config can mend is told before one is read
    for engine in engines:
        engine.demand_conversion()
    if args.int8:
        from ..deploy.int8 import add

        if not engines:
            raise OctConvError(f"--int8 should go with {_options('or')}, or both")
        add.demand(engines)
    task = job.job_from("export", args)
    quantized = export.is_quantized(task.config.sections)
    formats = export.formats_of(args.format, quantized)
    for engine in engines:
        if engine.needs_pdmodel and "pdmodel" not in formats:
            raise OctConvError(
                f"--{engine.option} with --format {args.format}: {engine.title} reads "
                "inference.pdmodel alone"
            )
    wrong = [engine.option for engine in engines if not engine.takes_slim] + ["int8"] * args.int8
    if quantized and wrong:
        # Engines read it, but give other classes.
        raise OctConvError(
            f"--{wrong[0]}: this config trains for INT8 by PaddleSlim (Slim.quant), which Paddle "
            "alone runs right: train without Slim, and export with --openvino --int8"
        )
    data = add.data_of(task.config, args.calibration_images) if args.int8 else None
    if args.format is None and not any(engine.needs_pdmodel for engine in engines):
        formats = ()  # those that this network can be written in
    task.dynamic_size = args.dynamic_size
    refusals: list[OctConvError] = []

    def finish(folder: Path) -> None:
        from ..deploy import conversion, images

        samples = images.samples(task.config.sections, count=8) if engines else None
        for engine in engines:
            difference = conversion.add(engine, folder, task.image_shape, samples)
            file = engine.files["fp32"]
            print(f"paddleclas: {file} agrees with Paddle Inference to {difference:.1e}")
        if data:
            results, refused = add.add(folder, engines, data, _progress, args.max_drop)
            refusals.extend(refused)
            if results:
                metadata.note(folder, "INT8", {r.engine: _rounded(r) for r in results})
            for result in results:
                print(
                    f"paddleclas: INT8 with {result.engine}: {data.measure} "
                    f"{result.top1_int8:.2f} % of {result.evaluation_images} images, "
                    f"{result.top1_fp32:.2f} % in float32; {result.speed_up:.2f} times as fast"
                )
                if CONVERTED[result.engine].int8_note:
                    say(f"note: {CONVERTED[result.engine].int8_note}")

    folder = export.export(task.run, task.config.sections, formats, [task.trainer.root], finish)
    print(f"paddleclas: exported to {folder}")
    if refusals:
        raise OctConvError("; ".join(f"{error}: no such model is written" for error in refusals))
    return 0


def _options(word: str) -> str:
    """The options that write a model for an engine: "--openvino or --onnx"."""
    return f" {word} ".join(f"--{engine.option}" for engine in CONVERTED.values())


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
