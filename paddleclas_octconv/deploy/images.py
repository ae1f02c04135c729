"""Real images as an exported network takes them: read and preprocessed by PaddleClas's steps."""

from __future__ import annotations

import contextlib
import logging
import os
import random
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ..common.errors import OctConvError
from ..common.files import read_bytes
from ..common.images import MOST_IMAGE, why_too_large
from ..common.numbers import is_number
from ..common.suggest import suggest
from ..data.list_files import Label, has_several, read_labels
from . import metadata

# The steps of PaddleClas that trainer and predictor have in common, which do the same in both, to
# the bit. None of the others is built: an inference.yml may come from anybody.
STEPS = ("ResizeImage", "CropImage", "NormalizeImage", "ToCHWImage")
#: A file, its content, an array or an image of Pillow; see ``pixels_of``.
Image = Any
_OPS = "PreProcess.transform_ops"


class Preprocess:
    """The steps of an ``inference.yml``, as PaddleClas's trainer and predictor do them.

    Args:
        transform_ops: ``PreProcess.transform_ops`` of a folder, or ``metadata.transform_ops``.
        decode_image: the options of ``DecodeImage``, as of ``metadata.decode_image``.

    Raises:
        OctConvError: a step is none of ``STEPS``, or its options are not what it takes.
    """

    def __init__(
        self,
        transform_ops: Sequence[Mapping[str, Any]],
        decode_image: Mapping[str, Any] | None = None,
    ) -> None:
        # PaddleClas imports it, and it would say so.
        logging.getLogger("faiss").setLevel(logging.WARNING)
        from paddleclas.deploy.python.preprocess import create_operators

        decode_image = decode_image or {}
        self._to_rgb = bool(decode_image.get("to_rgb", True))
        self._channel_first = bool(decode_image.get("channel_first", False))
        self._steps: list[Callable] = []
        for op in transform_ops:
            name, options = _checked(op)
            try:
                self._steps += create_operators([{name: options}])
            except Exception as error:  # whatever options it dislikes
                raise OctConvError(f"{_OPS}: {name}: {error}") from None

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """A decoded image (H, W, 3), RGB, as the network takes it, (C, H, W), float32."""
        if not self._to_rgb:
            pixels = pixels[:, :, ::-1]
        if self._channel_first:
            pixels = pixels.transpose(2, 0, 1)
        for step in self._steps:
            pixels = step(pixels)
        return np.asarray(pixels, dtype=np.float32)

    def read(self, image: Image) -> np.ndarray:
        """An image, as of `pixels_of`, as the network takes it, (C, H, W), float32.

        Raises:
            OctConvError: it cannot be read as an image, or is too small for a step.
        """
        pixels = pixels_of(image)
        try:
            return self(pixels)
        except Exception as error:  # PaddleClas's steps raise that
            name = image if isinstance(image, (str, os.PathLike)) else "an image"
            raise OctConvError(f"{name}: cannot be preprocessed: {error}") from None


class Listed(NamedTuple):
    """The images of a config's list, in its order.

    Attributes:
        paths: the files.
        labels: the class of each, or a 0 or 1 for each class.
        several: whether it is the latter.
    """

    paths: list[Path]
    labels: Sequence[Label]
    several: bool = False

    def spread(self, count: int) -> Listed:
        """At most so many of them, from all over the list, always the same ones.

        By chance, since lists take turns with their classes: every so many-th would be of a few.
        """
        if count >= len(self.paths):
            return self
        chosen = sorted(random.Random(0).sample(range(len(self.paths)), count))
        return self._replace(
            paths=[self.paths[i] for i in chosen], labels=[self.labels[i] for i in chosen]
        )


def listed(config: Mapping[str, Any], section: str) -> Listed:
    """The images that a config trains ("Train") or evaluates ("Eval") on.

    Raises:
        OctConvError: the config has no such list, or the list is not there, malformed or empty.
    """
    key = f"DataLoader.{section}.dataset"
    dataset = ((config.get("DataLoader") or {}).get(section) or {}).get("dataset")
    if not isinstance(dataset, Mapping) or not all(
        isinstance(dataset.get(name), str) for name in ("image_root", "cls_label_path")
    ):
        raise OctConvError(f"{key} should have an image_root and a cls_label_path")
    entries = read_labels(dataset, key)
    if not entries:
        raise OctConvError(f"{key}.cls_label_path: {dataset['cls_label_path']} lists no images")
    root = Path(dataset["image_root"])
    return Listed(
        [root / name for name, _ in entries],
        [label for _, label in entries],
        has_several(dataset),
    )


def preprocess_of(config: Mapping[str, Any]) -> Preprocess:
    """The steps that a config's exported network wants."""
    return Preprocess(metadata.transform_ops(dict(config)), metadata.decode_image(config))


def batches(
    paths: Sequence[Path], preprocess: Preprocess, size: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Images in batches (N, C, H, W) of one size each, with the index of the first of them.

    Raises:
        OctConvError: an image cannot be read.
    """
    pending: list[np.ndarray] = []
    for index, path in enumerate(paths):
        image = preprocess.read(path)
        if pending and (len(pending) == size or image.shape != pending[0].shape):
            yield index - len(pending), np.stack(pending)
            pending = []
        pending.append(image)
    if pending:
        yield len(paths) - len(pending), np.stack(pending)


def pixels_of(image: Image) -> np.ndarray:
    """An image, in whatever form it comes, (H, W, 3), RGB, uint8.

    Args:
        image: a file, open or not, its content, an image of Pillow, or an array (H, W, 3), RGB, or
            (H, W) or (H, W, 1), grey, of uint8.

    Raises:
        OctConvError: it is none of these, or cannot be read as an image.
    """
    if isinstance(image, (str, os.PathLike)):
        return decode(Path(image))
    image = image.read() if hasattr(image, "read") else image
    if isinstance(image, (bytes, bytearray)):
        return _decoded(bytes(image), "an image")
    if not isinstance(image, np.ndarray) and hasattr(image, "convert"):
        from PIL import ImageOps

        image = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        if image.ndim == 2 or image.shape[2:] == (1,):
            image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
        if image.ndim == 3 and image.shape[2] == 3 and image.size:
            return image
    shown = f"array {image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image)
    raise OctConvError(
        f"an image: {shown} should be a file, bytes, an image of Pillow, or an array (H, W, 3) of "
        "uint8"
    )


def decode(path: Path, option: str = "") -> np.ndarray:
    """A file's image, (H, W, 3), RGB, uint8.

    Args:
        path: the file.
        option: what names it, such as ``--image``, for messages.

    Raises:
        OctConvError: the file cannot be read as an image.
    """
    content = read_bytes(path, option or "image", MOST_IMAGE)
    return _decoded(content, f"{option} {path}".lstrip())


def _decoded(content: bytes, name: str) -> np.ndarray:
    import cv2

    wrong = why_too_large(content)
    if wrong:
        raise OctConvError(f"{name}: {wrong}")
    try:
        pixels = np.frombuffer(content, np.uint8)
        image = cv2.imdecode(pixels, cv2.IMREAD_COLOR) if content else None
    except cv2.error:  # more pixels than it takes
        image = None
    if image is None:
        raise OctConvError(f"{name}: cannot be read as an image")
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
        config = {**config, "DataLoader": {"Eval": evaluation.get("Query") or evaluation}}
        preprocess = preprocess_of(config)
        images = [preprocess.read(path) for path in listed(config, "Eval").spread(count).paths]
        if len({image.shape for image in images}) == 1:
            return np.stack(images)
    return None


def _checked(op: Any) -> tuple[str, dict[str, Any]]:
    """The name and the options of a step that is known, and whose options are plain values."""
    if not isinstance(op, Mapping) or len(op) != 1:
        raise OctConvError(f"{_OPS}: {op!r} should be one step, such as ToCHWImage: null")
    ((name, options),) = op.items()
    if name not in STEPS:
        raise OctConvError(
            f"{_OPS}: {name!r} should be one of {', '.join(STEPS)}{suggest(str(name), STEPS)}"
        )
    options = options or {}
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise OctConvError(f"{_OPS}: {name}: {options!r} should be options by name")
    # PaddleClas evaluates a text as Python.
    if options.get("scale") is not None and not is_number(options["scale"]):
        raise OctConvError(f"{_OPS}: {name}.scale: {options['scale']!r} should be a number")
    return name, dict(options)
