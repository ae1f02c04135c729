"""One predictor for an exported folder, whichever engine runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import OctConvError
from ..common.say import say
from .engines import AUTO, ENGINES, PRECISIONS, Engine, Predictor, engine_of, precision_of
from .engines.paddle_files import check_files, model_files
from .engines.paddle_inference import (
    demand_gpu,
    keep_intermediate_tensors,
    may_keep_tensors,
    raw_outputs,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "PRECISIONS",
    "Predictor",
    "check_files",
    "create_predictor",
    "demand_gpu",
    "keep_intermediate_tensors",
    "may_keep_tensors",
    "model_files",
    "outputs",
    "run",
]


def create_predictor(
    folder: str | os.PathLike[str],
    *,
    engine: str = AUTO,
    precision: str = "fp32",
    threads: int = 1,
    **options: Any,
) -> Predictor:
    """Open an exported folder.

    Args:
        folder: what ``paddleclas export`` wrote.
        engine: "openvino", "onnxruntime" or "paddle"; "auto" takes the fastest of them that is
            installed, has its file in the folder and knows the precision, and says which.
        precision: "fp32" (computes in float32 on every engine), "bf16", "fp16" or "int8".
        threads: CPU threads.
        options: those of Paddle Inference (``onednn``, ``gpu``, ``memory_optim``,
            ``keep_tensors``: see ``engines.paddle_inference``); with any, "auto" takes it.

    Returns:
        A predictor: called with preprocessed float32 images (N, C, H, W) it gives probabilities
        (N, classes). What it refuses, and how, is the same in every engine.

    Raises:
        OctConvError: the engine is not installed, the folder lacks its file, the engine or the
            processor lacks the precision, or an argument is of another kind.
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise OctConvError(f"folder: {folder!r} should be the path of a folder")
    folder, precision = Path(folder), precision_of(precision)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise OctConvError(f"threads: {threads!r} should be a whole number from 1")
    if not folder.is_dir():
        raise OctConvError(f"{folder}: no such folder")
    if engine == AUTO:
        chosen, model = _fastest(folder, precision, paddle_only=bool(options))
        if not options:
            say(f"engine: {chosen.name}, {precision}, {model}")
    else:
        chosen = engine_of(engine)
        model = _demand(chosen, folder, precision)
    chosen.demand_options(options)
    return chosen.open(model, precision, threads, **options)


def run(predictor: Any, images: np.ndarray) -> np.ndarray:
    """The first output for images; arguments and errors are those of ``outputs``."""
    return outputs(predictor, images)[0]


def outputs(predictor: Any, images: np.ndarray) -> list[np.ndarray]:
    """All outputs for images.

    Args:
        predictor: one of ``create_predictor``, or a ``paddle.inference.Predictor``.
        images: (N, C, H, W), preprocessed, of a floating type.

    Raises:
        OctConvError: the images are something else.
    """
    if isinstance(predictor, Predictor):
        return predictor.outputs(images)
    return raw_outputs(predictor, images)


def _fastest(folder: Path, precision: str, paddle_only: bool) -> tuple[Engine, Path]:
    """The first engine that can open a folder, and the file it reads."""
    engines = [ENGINES["paddle"]] if paddle_only else list(ENGINES.values())
    able = [engine for engine in engines if precision in engine.precisions]
    found = [(engine, engine.find(folder, precision)) for engine in able]
    for engine, model in found:
        if model and engine.is_installed():
            return engine, model
    for engine, model in found:
        if model:
            engine.demand()  # its file is there, so it is what is missing
    if len(engines) == 1:
        _demand(engines[0], folder, precision)
    if precision == "fp32":
        model_files(folder)
    wanted = "; ".join(f"{engine.name}: {engine.wanted(precision)}" for engine in able)
    raise OctConvError(f"{folder} holds no model for {precision}: {wanted}")


def _demand(engine: Engine, folder: Path, precision: str) -> Path:
    engine.demand_precision(precision)
    engine.demand()
    model = engine.find(folder, precision)
    if model is None:
        raise OctConvError(engine.missing(folder, precision))
    return model
