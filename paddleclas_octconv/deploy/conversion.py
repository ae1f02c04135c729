"""What the conversions for other engines have in common: a process, and a check."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Sequence

from ..common.worker import Worker

if TYPE_CHECKING:
    import numpy as np


def apart(
    conversion: type, folder: Path, image_shape: Sequence[int], images: np.ndarray | None
) -> float:
    """Convert an exported folder in a process of its own.

    Args:
        conversion: a class with ``convert(folder, image_shape, images)``, where ``images`` is the
            path of a ``.npy`` file or None.
        folder: holds the exported model.
        image_shape: channels, height and width; a size that is not positive stands for any.
        images: preprocessed real images (N, C, H, W) to compare on, if there are any.

    Returns:
        What ``convert`` returns.

    Raises:
        OctConvError: as ``convert`` does.
    """
    import numpy as np

    with TemporaryDirectory(prefix="conversion-") as scratch, Worker(conversion) as worker:
        file = None
        if images is not None:
            file = str(Path(scratch, "images.npy"))
            np.save(file, images)
        return worker.call(
            "convert", folder=str(folder), image_shape=list(image_shape), images=file
        )


def compare(
    what: str, engine: str, folder: Path, image_shape: Sequence[int], images: np.ndarray | None
) -> float:
    """Compare an engine's float32 model in a folder with the Paddle model beside it.

    Args:
        what: the option and the file, for messages.
        engine: its name.
        folder, image_shape, images: as of ``apart``.

    Returns:
        How far it is from Paddle Inference, as ``agreement.Difference.relative``.

    Raises:
        OctConvError: they give something else.
    """
    from . import agreement, metadata
    from .predictor import create_predictor

    models: list[agreement.Forward] = [
        create_predictor(folder, engine=name).outputs for name in ("paddle", engine)
    ]
    if metadata.threshold_of(metadata.read(folder) or {}) is not None:
        models = [agreement.before_sigmoid(model) for model in models]
    wanted, given = models
    return agreement.demand(what, wanted, given, image_shape, images).relative
