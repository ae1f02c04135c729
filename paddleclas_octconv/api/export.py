"""``export``: an inference folder that every reader can open."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Sequence

from ..common.errors import OctConvError
from ..common.numbers import POINTS, POSITIVE
from ..common.progress import bar
from ..common.say import say
from ..config.recipe import Recipe
from ..config.values import ANY
from ..deploy import export as exporting
from ..deploy import int8 as quantising
from ..deploy import metadata
from ..deploy.engines import CONVERTED, ConvertedEngine
from ..run.job import Job
from . import jobs
from .jobs import JobOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..deploy.int8.add import Result


class ExportOptions(JobOptions, total=False):
    """``JobOptions``, and the engines for which a model is written too.

    Attributes:
        openvino: write a model for OpenVINO, and check it.
        onnx: write one for ONNX Runtime, and check it.
    """

    openvino: bool
    onnx: bool


@dataclass(frozen=True)
class Exported:
    """What an export has written.

    Attributes:
        folder: with all that prediction needs: model, preprocessing and the names of the classes.
        int8: of each INT8 model its engine, its top-1 and that of the float model, in per cent,
            and how many times as fast it is.
    """

    folder: Path
    int8: tuple[Result, ...] = ()


def export(
    config: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    image_size: int | None = None,
    output: str | os.PathLike[str] | None = None,
    format: str | None = None,
    dynamic_size: bool = False,
    batch_size: int | None = None,
    int8: bool = False,
    calibration_images: int = quantising.CALIBRATION_IMAGES,
    max_drop: float = quantising.MAX_DROP,
    **options: Unpack[ExportOptions],
) -> Exported:
    """Export a trained network, as ``paddleclas export`` does; in processes of their own.

    Args:
        config: that of the training.
        weights: a ``.pdparams`` file, or the folder of a training; by default the best of the
            config's own.
        image_size: side of the network's input, in pixels.
        output: the folder to export into.
        format: "pir", "pdmodel" or "both"; by default both where Paddle writes both.
        dynamic_size: the model takes images of any height and width.
        batch_size: it takes exactly so many images at a time; by default any number.
        int8: write an INT8 model for each engine, too.
        calibration_images: how many of the config's images that is calibrated on.
        max_drop: how many percentage points of top-1 it may lose.
        **options: see ``api.export.ExportOptions``.

    Raises:
        OctConvError: something is missing or malformed, the export has failed, or an INT8 model
            loses too much; then all else is written.
    """
    if batch_size is not None:
        POSITIVE.demand("batch_size", batch_size)
    POSITIVE.demand("calibration_images", calibration_images)
    POINTS.demand("max_drop", max_drop)
    recipe = Recipe(weights=jobs.text(weights), image_size=image_size, inference=jobs.text(output))
    engines = [engine for engine in CONVERTED.values() if options.get(engine.option)]
    others = {name: value for name, value in options.items() if name not in _ENGINES}
    found: list[Job] = []

    def find() -> Job:
        found.append(jobs.job_of("export", config, recipe, others))
        return found[0]

    try:
        return write(
            find, engines, format, dynamic_size, batch_size, int8, calibration_images, max_drop
        )
    except SystemExit as end:
        jobs.demand_success(found[0], int(end.code or 0))
        raise


_ENGINES = [engine.option for engine in CONVERTED.values()]


def write(
    find_job: Callable[[], Job],
    engines: Sequence[ConvertedEngine],
    form: str | None,
    dynamic_size: bool,
    batch_size: int | None,
    int8: bool,
    calibration_images: int,
    max_drop: float,
    tell: Callable[[str], object] = lambda message: None,
) -> Exported:
    """Do what ``export`` and the command of that name are for.

    Args:
        find_job: called once what no config can mend is known to be right.
        engines: for which models are written too.
        form: the format.
        dynamic_size, batch_size, int8, calibration_images, max_drop: as of ``export``.
        tell: is given what was found, and where it is, in lines.

    Raises:
        OctConvError: as of ``export``.
        SystemExit: PaddleClas's exporter has failed, and has said why.
    """
    exporting.formats_of(form)  # what no config can mend is told before one is read
    for engine in engines:
        engine.demand_conversion()
    if int8:
        from ..deploy.int8 import add

        if not engines:
            raise OctConvError(f"--int8 should go with {engine_options('or')}, or both")
        add.demand(engines)
    task = find_job()
    quantized = exporting.is_quantized(task.config.sections)
    formats = exporting.formats_of(form, quantized)
    for engine in engines:
        if engine.needs_pdmodel and "pdmodel" not in formats:
            raise OctConvError(
                f"--{engine.option} with --format {form}: {engine.title} reads "
                "inference.pdmodel alone"
            )
    wrong = [engine.option for engine in engines if not engine.takes_slim] + ["int8"] * int8
    if quantized and wrong:
        # Engines read it, but give other classes.
        raise OctConvError(
            f"--{wrong[0]}: this config trains for INT8 by PaddleSlim (Slim.quant), which Paddle "
            "alone runs right: train without Slim, and export with --openvino --int8"
        )
    data = add.data_of(task.config, calibration_images) if int8 else None
    if form is None and not any(engine.needs_pdmodel for engine in engines):
        formats = ()  # those that this network can be written in
    if dynamic_size:
        channels = task.config["Global"]["image_shape"][0]
        task.config = task.config.changed({"Global.image_shape": [channels, ANY, ANY]})
    task.batch_size = batch_size
    refusals: list[OctConvError] = []
    written: list[Result] = []

    def finish(folder: Path) -> None:
        from ..deploy import conversion, images

        shape = task.config["Global"]["image_shape"]
        samples = images.samples(task.config.sections, count=8) if engines else None
        for engine in engines:
            difference = conversion.add(engine, folder, shape, samples)
            file = engine.files["fp32"]
            tell(f"paddleclas: {file} agrees with Paddle Inference to {difference:.1e}")
        if data:
            results, refused = add.add(folder, engines, data, _progress, max_drop)
            written.extend(results)
            refusals.extend(refused)
            if results:
                metadata.note(folder, "INT8", {r.engine: _rounded(r) for r in results})
            for result in results:
                tell(
                    f"paddleclas: INT8 with {result.engine}: {data.measure} "
                    f"{result.top1_int8:.2f} % of {result.evaluation_images} images, "
                    f"{result.top1_fp32:.2f} % in float32; {result.speed_up:.2f} times as fast"
                )
                if CONVERTED[result.engine].int8_note:
                    say(f"note: {CONVERTED[result.engine].int8_note}")

    folder = exporting.export(task.run, task.config.sections, formats, [task.trainer.root], finish)
    tell(f"paddleclas: exported to {folder}")
    if refusals:
        raise OctConvError("; ".join(f"{error}: no such model is written" for error in refusals))
    return Exported(folder, tuple(written))


def engine_options(word: str) -> str:
    """The options that write a model for an engine: "--openvino or --onnx"."""
    return f" {word} ".join(f"--{engine.option}" for engine in CONVERTED.values())


def _progress(items, about: str, count: int):
    return bar(count, about, items=items)


def _rounded(result) -> dict:
    """A result as it is noted."""
    values = result._asdict()
    del values["engine"]
    return {key: round(value, 3) for key, value in values.items()}
