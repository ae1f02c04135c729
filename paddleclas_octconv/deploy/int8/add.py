"""Add INT8 models to an exported folder, unless they lose too much."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ...common import machine
from ...common.errors import OctConvError
from ...common.say import say
from ..engines import ENGINES
from ..images import Listed, Preprocess, batches, listed, preprocess_of
from ..predictor import create_predictor
from . import CALIBRATION_IMAGES, MAX_DROP, quantize_onnx, quantize_openvino
from .accuracy import BATCH, Progress, top1
from .ranges import RANGES

if TYPE_CHECKING:
    import numpy as np

OPTION = "--int8"
QUANTIZERS = {tool.ENGINE: tool for tool in (quantize_openvino, quantize_onnx)}


class Result(NamedTuple):
    """What an INT8 model gives, beside the float model of the same engine.

    Attributes:
        engine: that engine.
        calibration_images: how many the model was calibrated on.
        evaluation_images: how many the two were evaluated on.
        top1_fp32, top1_int8: of the evaluation images, in per cent.
    """

    engine: str
    calibration_images: int
    evaluation_images: int
    top1_fp32: float
    top1_int8: float

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


def demand(engines: Sequence[str]) -> None:
    """Check that networks can be quantised for some engines. Imports nothing.

    Raises:
        OctConvError: no engine is asked for, or a package is missing.
    """
    if not engines:
        raise OctConvError(f"{OPTION} should go with --openvino or --onnx, or both")
    packages = [package for engine in engines for package in QUANTIZERS[engine].PACKAGES]
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise OctConvError(
            f"{OPTION} needs {' and '.join(missing)}: pip install 'paddleclas-octconv[int8]'"
            + (" (it needs Python 3.10 or newer)" if "nncf" in missing else "")
        )


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
    engines: Sequence[str],
    data: Data,
    progress: Progress,
    max_drop: float = MAX_DROP,
) -> list[Result]:
    """Write the INT8 model of each engine into an exported folder that holds its float one.

    Args:
        folder: the exported folder.
        engines: some of ``QUANTIZERS``.
        data: as of ``data_of``.
        progress: shows how far calibration and evaluation are.
        max_drop: how many percentage points of top-1 INT8 may lose.

    Raises:
        OctConvError: an image cannot be read, a model cannot be quantised, or loses more.
    """
    for engine in engines:
        _quantize(folder, engine, data, progress)
    pairs = [(engine, precision) for engine in engines for precision in ("fp32", "int8")]
    predictors = [
        create_predictor(folder, engine=engine, precision=precision, threads=machine.cpu_count())
        for engine, precision in pairs
    ]
    found = dict(zip(pairs, top1(predictors, data.evaluation, data.preprocess, progress)))
    results = [
        Result(
            engine,
            len(data.training.paths),
            len(data.evaluation.paths),
            found[engine, "fp32"].percent,
            found[engine, "int8"].percent,
        )
        for engine in engines
    ]
    for result in results:
        if result.drop > max_drop:
            raise OctConvError(
                f"{OPTION}: with {result.engine}, {data.measure} on {result.evaluation_images} "
                f"images falls from {result.top1_fp32:.2f} % to {result.top1_int8:.2f} %, by "
                f"{result.drop:.2f} points, more than --max-drop {max_drop:g}; nothing is written"
            )
    return results


def _quantize(folder: Path, engine: str, data: Data, progress: Progress) -> None:
    """Quantise with each of ``RANGES``, and keep what comes nearest to the float model.

    That is judged by the images that it is calibrated on: those of the evaluation stay unseen.
    """
    wanted = _probabilities(folder, engine, "fp32", data)
    kept: tuple[float, dict[Path, bytes]] | None = None
    for ranges in RANGES:
        count = len(data.training.paths)
        images = _read(data.training.paths, data.preprocess)
        shown = progress(images, f"calibration, {engine}, {ranges} of the ranges", count)
        QUANTIZERS[engine].quantize(folder, shown, count, ranges)
        given = _probabilities(folder, engine, "int8", data)
        distance = float(abs(given - wanted).sum(axis=1).mean())
        if kept is None or distance < kept[0]:
            model = ENGINES[engine].find(folder, "int8")
            files = {model, model.with_suffix(".bin")} if model else set()
            kept = distance, {file: file.read_bytes() for file in files if file.is_file()}
    assert kept is not None
    for file, content in kept[1].items():
        file.write_bytes(content)


def _probabilities(folder: Path, engine: str, precision: str, data: Data) -> np.ndarray:
    """What a model gives for the images that INT8 is calibrated on, (images, classes)."""
    import numpy as np

    predictor = create_predictor(
        folder, engine=engine, precision=precision, threads=machine.cpu_count()
    )
    read = batches(data.training.paths, data.preprocess, BATCH)
    return np.concatenate([predictor(images) for _, images in read])


def _read(paths: Iterable[Path], preprocess: Preprocess) -> Iterator[Any]:
    for path in paths:
        yield preprocess.read(path)[None]
