"""``predict``: the classes of images, by an exported folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..common.errors import OctConvError
from ..deploy.classify import Classifier, Prediction, find_images, is_one
from ..deploy.engines import AUTO


def predict(
    folder: str | os.PathLike[str],
    images: Any,
    *,
    engine: str = AUTO,
    precision: str = "fp32",
    threads: int | None = None,
    topk: int | None = None,
    batch_size: int = 1,
) -> list[Prediction]:
    """Classify images, as ``paddleclas predict`` does; ``Classifier`` keeps the network open.

    Args:
        folder: what ``export`` wrote.
        images: a folder of images, or what ``Classifier`` takes: a file, its bytes, an image of
            Pillow, an array (H, W, 3), RGB, of uint8, or several of these.
        engine, precision, threads: as of ``Classifier``.
        topk: how many classes of each, at most; by default as many as the folder says.
        batch_size: images at once.

    Returns:
        One of each image, in order. Of several, one that cannot be read has ``error`` alone.

    Raises:
        OctConvError: the folder or an option is wrong, there is no image, or the only one cannot be
            read.
    """
    if isinstance(images, (str, os.PathLike)):
        images = find_images(Path(images))
    elif not is_one(images):
        images = list(images)
    classifier = Classifier(folder, engine=engine, precision=precision, threads=threads)
    found = list(classifier(images, topk, batch_size))
    if len(found) == 1 and found[0].error:
        raise OctConvError(found[0].error)
    return found
