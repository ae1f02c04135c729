"""Real images as an exported network takes them: read and preprocessed by PaddleClas's steps."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np

from ..common.errors import OctConvError
from ..data.lists import read_list
from . import metadata


class Preprocess:
    """The steps of an ``inference.yml``, as PaddleClas's predictor does them."""

    def __init__(self, transform_ops: Sequence[dict[str, Any]]) -> None:
        """
        Args:
            transform_ops: ``PreProcess.transform_ops`` of a folder, or ``metadata.transform_ops``.
        """
        from paddleclas.deploy.python.preprocess import create_operators

        self._steps: list[Callable] = create_operators([dict(op) for op in transform_ops])

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """A decoded image (H, W, 3), RGB, as the network takes it, (C, H, W), float32."""
        for step in self._steps:
            pixels = step(pixels)
        return np.asarray(pixels, dtype=np.float32)

    def read(self, path: Path) -> np.ndarray:
        """A file's image as the network takes it, (C, H, W), float32.

        Raises:
            OctConvError: the file cannot be read as an image.
        """
        return self(decode(path))


def decode(path: Path) -> np.ndarray:
    """A file's image, (H, W, 3), RGB, uint8.

    Raises:
        OctConvError: the file cannot be read as an image.
    """
    import cv2

    if not path.is_file():  # a FIFO, too, would be waited for
        raise OctConvError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise OctConvError(f"{path}: cannot be read: {error.strerror}") from None
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise OctConvError(f"{path}: cannot be read as an image")
    return image[:, :, ::-1]


def samples(config: dict[str, Any], count: int) -> np.ndarray | None:
    """Some of the images that a config evaluates on, from all over its list.

    Args:
        config: a whole PaddleClas config, overrides applied.
        count: how many, at most.

    Returns:
        (N, C, H, W), float32; None where the config's images are not here or not of one size,
        since a network can be exported without them.
    """
    with contextlib.suppress(OctConvError, KeyError, TypeError, AttributeError):
        evaluation = config["DataLoader"]["Eval"]
        dataset = (evaluation.get("Query") or evaluation)["dataset"]
        entries = read_list(Path(dataset["cls_label_path"]))
        chosen = entries[:: max(1, len(entries) // count)][:count]
        preprocess = Preprocess(metadata.transform_ops(config))
        images = [preprocess.read(Path(dataset["image_root"], name)) for name, _ in chosen]
        if images and len({image.shape for image in images}) == 1:
            return np.stack(images)
    return None
