"""Add INT8 models to an exported folder, unless they lose too much."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from ...common import machine
from ...common.errors import OctConvError
from ...common.say import say
from .. import agreement
from ..conversion import room_demanded
from ..engines import ConvertedEngine, Predictor
from ..engines.base import RANGES, demand_modules, filled_up
from ..images import Listed, Preprocess, batches, listed, preprocess_of
from ..predictor import create_predictor
from . import CALIBRATION_IMAGES, MAX_DROP
from .accuracy import BATCH, Progress, top1

OPTION = "--int8"
EXTRA = "int8"
WARMUP, TURNS = 3, 15  # predictions, to see what INT8 gains


class Result(NamedTuple):
    """What an INT8 model gives, beside the float model of the same engine.

    Attributes:
        engine: that engine.
        calibration_images: how many the model was calibrated on.
        evaluation_images: how many the two were evaluated on.
        top1_fp32, top1_int8: of the evaluation images, in per cent.
        speed_up: how many times as fast as the float model it takes an image alone.
    """

    engine: str
    calibration_images: int
    evaluation_images: int
    top1_fp32: float
    top1_int8: float
    speed_up: float

    @property
    def drop(self) -> float:
        """What INT8 loses, in percentage points."""
        return self.top1_fp32 - self.top1_int8


class Data(NamedTuple):
    """The images that INT8 needs, and how they are preprocessed."""

    training: Listed
    evaluation: Listed
    preprocess: Preprocess

    @property
    def measure(self) -> str:
        """What of the evaluation images is counted."""
        return "exact match" if self.evaluation.several else "top-1"


def demand(engines: Sequence[ConvertedEngine], what: str = OPTION) -> None:
    """Check that networks can be quantised for some engines. Imports nothing.

    Args:
        engines: those.
        what: the option that asks for it.

    Raises:
        OctConvError: a package is missing.
    """
    packages = [package for engine in engines for package in engine.quantizers]
    note = " (nncf needs Python 3.10 or newer)" if "nncf" in packages else ""
    demand_modules(what, packages, EXTRA, note)


def data_of(config: Mapping[str, Any], calibration_images: int = CALIBRATION_IMAGES) -> Data:
    """The images of a config: some that it trains on, and all that it evaluates on.

    Raises:
        OctConvError: a list is missing, malformed or empty, a preprocessing step is unknown, or
            the first image cannot be read.
    """
    try:
        data = Data(
            listed(config, "Train").spread(calibration_images),
            listed(config, "Eval"),
            preprocess_of(config),
        )
        data.preprocess.read(data.training.paths[0])
        data.preprocess.read(data.evaluation.paths[0])
    except OctConvError as error:
        raise OctConvError(f"{OPTION}: {error}") from None
    if len(data.training.paths) < calibration_images:
        say(f"warning: {OPTION}: the config trains on {len(data.training.paths)} images alone")
    return data


def add(
    folder: Path,
    engines: Sequence[ConvertedEngine],
    data: Data,
    progress: Progress,
    max_drop: float = MAX_DROP,
) -> tuple[list[Result], list[OctConvError]]:
    """Write the INT8 model of each engine into an exported folder that holds its float one.

    Args:
        folder: the exported folder.
        engines: whose.
        data: as of ``data_of``.
        progress: shows how far calibration and evaluation are.
        max_drop: how many percentage points of top-1 INT8 may lose.

    Returns:
        What each gives, and why one was refused: such a one is taken away, the float models stay.
    """
    results, refused = [], []
    for engine in engines:
        try:
            with room_demanded(folder, EXTRA):
                _quantize(folder, engine, data, progress)
            results.append(_judged(folder, engine, data, progress, max_drop))
        except OctConvError as error:
            refused.append(error)
            for file in _files(folder, engine):
                file.unlink()
    return results, refused


def _judged(
    folder: Path, engine: ConvertedEngine, data: Data, progress: Progress, max_drop: float
) -> Result:
    """What an INT8 model gives.

    Raises:
        OctConvError: it is wrong in some call, or loses more than ``max_drop``.
    """
    float32, int8 = (_open(folder, engine, precision) for precision in ("fp32", "int8"))
    _, images = next(batches(data.training.paths, data.preprocess, agreement.CALL_IMAGES))
    images = images[np.arange(agreement.CALL_IMAGES) % len(images)]
    for predictor in (engine.open_plainly(int8.model), int8):
        what = f"{OPTION}: {int8.model.relative_to(folder)}"
        agreement.demand_steady(what, float32.outputs, predictor.outputs, images)
    right = top1([float32, int8], data.evaluation, data.preprocess, progress)
    count = len(data.evaluation.paths)
    speed_up = _milliseconds(float32, images[:1]) / _milliseconds(int8, images[:1])
    before, after = (found.percent for found in right)
    result = Result(engine.name, len(data.training.paths), count, before, after, speed_up)
    if result.drop > max_drop:
        raise OctConvError(
            f"{OPTION}: with {result.engine}, {data.measure} on {result.evaluation_images} images "
            f"falls from {result.top1_fp32:.2f} % to {result.top1_int8:.2f} %, by "
            f"{result.drop:.2f} points, more than --max-drop {max_drop:g}"
        )
    return result


def _quantize(folder: Path, engine: ConvertedEngine, data: Data, progress: Progress) -> None:
    """Quantise with each of ``RANGES``, and keep what comes nearest to the float model.

    That is judged by the images that it is calibrated on: those of the evaluation stay unseen.
    """
    wanted = _probabilities(folder, engine, "fp32", data)
    size = _open(folder, engine, "fp32").batch_size or 1
    kept: tuple[float, dict[Path, bytes]] | None = None
    for ranges in RANGES:
        count = -(-len(data.training.paths) // size)
        read = batches(data.training.paths, data.preprocess, size)
        images = (filled_up(batch, size) for _, batch in read)
        shown = progress(images, f"calibration, {engine.name}, {ranges} of the ranges", count)
        engine.quantize(folder, shown, count, ranges)
        given = _probabilities(folder, engine, "int8", data)
        distance = float(abs(given - wanted).sum(axis=1).mean())
        if kept is None or distance < kept[0]:
            kept = distance, {file: file.read_bytes() for file in _files(folder, engine)}
    assert kept is not None
    for file, content in kept[1].items():
        file.write_bytes(content)


def _probabilities(folder: Path, engine: ConvertedEngine, precision: str, data: Data) -> np.ndarray:
    """What a model gives for the images that INT8 is calibrated on, (images, classes)."""
    predictor = _open(folder, engine, precision)
    read = batches(data.training.paths, data.preprocess, BATCH)
    return np.concatenate([predictor(images) for _, images in read])


def _milliseconds(predictor: Predictor, images: np.ndarray) -> float:
    """How long a prediction takes, as the median of some after a few others."""
    durations = []
    for _ in range(WARMUP + TURNS):
        start = time.perf_counter()
        predictor(images)
        durations.append(time.perf_counter() - start)
    return 1000 * statistics.median(durations[WARMUP:])


def _open(folder: Path, engine: ConvertedEngine, precision: str) -> Predictor:
    return create_predictor(
        folder, engine=engine.name, precision=precision, threads=machine.cpu_count()
    )


def _files(folder: Path, engine: ConvertedEngine) -> list[Path]:
    """Those of an engine's INT8 model that are there."""
    return [file for file in engine.paths(folder, "int8") if file.is_file()]
