"""The calibration images: some hundred, as the network takes them, without labels."""

from __future__ import annotations

from typing import Any, Iterable, Union

import numpy as np
from paddle import Tensor

from ..common.errors import OctConvError

PIECE = 16  # images that go through the networks together; more would need more memory
LEAST = 16  # fewer than so many images say too little about any network
Images = Union[np.ndarray, Tensor, Iterable[Any]]


def as_array(images: Images) -> np.ndarray:
    """All the images as one array (N, C, H, W).

    Args:
        images: an array or a tensor of that shape, or an iterable of batches: of such arrays, or
            of lists that begin with one, as data loaders give them with labels.

    Raises:
        OctConvError: they are no images of one size, too few, not floating-point, or not finite.
    """
    if isinstance(images, (np.ndarray, Tensor)):
        batches = [_array(images)]
    else:
        try:
            batches = [_array(batch) for batch in images]
        except (TypeError, ValueError):
            raise _wrong(f"got {type(images).__name__}") from None
    odd = [batch for batch in batches if batch.ndim != 4]
    if odd:
        raise _wrong(f"got shape {odd[0].shape}" if odd[0].ndim else f"got {odd[0].item()!r}")
    shapes = sorted({batch.shape[1:] for batch in batches})
    if len(shapes) > 1:
        raise _wrong(f"got images of several shapes, {shapes[0]} and {shapes[-1]}")
    array = np.concatenate(batches) if batches else np.zeros([0, 3, 1, 1], np.float32)
    if 0 in array.shape[1:]:
        raise _wrong(f"got shape {array.shape}")
    if len(array) < LEAST:
        raise OctConvError(
            f"calibrate needs at least {LEAST} images, and is better with some hundred, "
            f"got {len(array)}"
        )
    if array.dtype.kind != "f":
        raise OctConvError(
            "calibrate takes images as the network takes them, scaled and normalised "
            f"floating-point numbers, got {array.dtype}"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2, 3)))
    if len(bad):
        raise OctConvError(
            f"calibrate: image {bad[0]} holds numbers that are not finite ({len(bad)} of "
            f"{len(array)} images do)"
        )
    return array


def _array(batch: Any) -> np.ndarray:
    if isinstance(batch, (list, tuple)) and batch:
        batch = batch[0]
    return batch.numpy() if isinstance(batch, Tensor) else np.asarray(batch)


def _wrong(what: str) -> OctConvError:
    return OctConvError(
        f"calibrate takes images (N, C, H, W), as an array, a tensor or batches of them; {what}"
    )
