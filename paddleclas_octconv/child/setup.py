"""An engine that PaddleClas cannot make from a config is told of in one line."""

from __future__ import annotations

import contextlib
import traceback
from types import TracebackType
from typing import Any, Iterator

from ..common.errors import TRACEBACK, OctConvError, traceback_wanted
from ..common.say import one_line
from ..patches.paddleclas_engine import EVAL, INFER, MAKE, TRAIN, within

_LENGTH = 400  # of what is told of an error of PaddleClas
# The functions in which PaddleClas makes what a section asks for.
_BUILDERS = {
    "build_dataloader": "DataLoader",
    "build_loss": "Loss",
    "build_metrics": "Metric",
    "build_optimizer": "Optimizer",
    "build_lr_scheduler": "Optimizer.lr",
    "build_model": "Arch",
    "build_postprocess": "Infer.PostProcess",
}


def explain_setup() -> None:
    """Have the ``Engine`` on ``sys.path`` say in one line which config it cannot be made from.

    Raises (then, when an engine is made, trains its first batch, evaluates, or predicts):
        OctConvError: PaddleClas failed, with the place where it did, or the image.
    """
    for patch in (MAKE, TRAIN, EVAL):
        within(patch, _explained)
    within(INFER, _naming_the_image)


def part_of_config(found: TracebackType | None) -> str:
    """What of the config PaddleClas was at when it failed, such as "transform RandAugment" or
    "Optimizer.lr"; empty where its functions do not tell."""
    part = ""
    for frame, _ in traceback.walk_tb(found):
        name, held = frame.f_code.co_name, frame.f_locals
        if not str(frame.f_globals.get("__name__")).startswith("ppcls."):
            continue
        if name == "transform" and "op" in held:
            part = f"transform {type(held['op']).__name__}"
        elif name == "create_operators" and "op_name" in held:
            part = f"transform {held['op_name']}"
        else:
            part = _BUILDERS.get(name, part)
    return part


def transform_that_failed(error: BaseException) -> OctConvError | None:
    """What to tell of an error that a transform has raised, of images or of a batch; None if it
    was something else, or the whole traceback is wanted."""
    part = part_of_config(error.__traceback__)
    if isinstance(error, OctConvError) or not part.startswith("transform") or traceback_wanted():
        return None
    frames = (frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__))
    key = "batch_transform_ops" if "mix_collate_fn" in frames else "transform_ops"
    return OctConvError(f"{key}: {part} fails: {type(error).__name__}: {error}")


@contextlib.contextmanager
def _naming_the_image(engine: Any) -> Iterator[None]:
    try:
        yield
    except OctConvError:
        raise
    except Exception as error:
        image = _image_of(error)
        if traceback_wanted() or image is None:
            raise
        raise OctConvError(f"Infer.infer_imgs: {image}: {_wrong_with(image, error)}") from None


def _wrong_with(image: str, error: Exception) -> str:
    """What kept PaddleClas from predicting an image."""
    import cv2

    try:
        is_image = cv2.imread(image) is not None  # PaddleClas goes on with what is none
    except cv2.error:  # of a size beyond OpenCV's bounds
        is_image = False
    if not is_image:
        return "cannot be read as an image"
    return f"cannot be transformed: {type(error).__name__}: {one_line(error)[:_LENGTH]}"


def _image_of(error: BaseException) -> str | None:
    """The image that PaddleClas was at, by its own name for it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if isinstance(frame.f_locals.get("image_file"), str):
            return frame.f_locals["image_file"]
    return None


@contextlib.contextmanager
def _explained(engine: Any) -> Iterator[None]:
    try:
        yield
    except OctConvError:
        raise
    except Exception as error:
        if traceback_wanted():
            raise
        if isinstance(error, MemoryError) or "ResourceExhaustedError" in str(error):
            part = "Train" if engine.mode == "train" else "Eval"
            raise OctConvError(
                f"DataLoader.{part}.sampler.batch_size: out of memory: a smaller one needs less "
                f"({one_line(error)[:_LENGTH]})"
            ) from None
        if getattr(engine, "global_step", 0) > 1:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        part = part_of_config(error.__traceback__)
        raise OctConvError(
            f"PaddleClas cannot run this config{part and f', its {part}'}: {type(error).__name__}: "
            f"{one_line(error)[:_LENGTH]} "
            f"({place.filename}, line {place.lineno}; {TRACEBACK}=1 shows the whole traceback)"
        ) from None
