"""The images that a network is calibrated and evaluated on: those of a config's lists."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ..common.errors import OctConvError
from ..data.list_files import delimiter_of, has_several, read_lines
from ..deploy.images import Preprocess

BATCH = 16  # images at once


class Images(NamedTuple):
    """Images, and the class of each, where that is known of all.

    Attributes:
        paths: the files.
        labels: their classes; None where a label is missing or none, or an image has several.
    """

    paths: list[Path]
    labels: list[int] | None

    def chosen(self, indices: Sequence[int]) -> Images:
        """Those at some places of the list."""
        labels = None if self.labels is None else [self.labels[index] for index in indices]
        return Images([self.paths[index] for index in indices], labels)


def listed(config: Mapping[str, Any], section: str) -> Images:
    """The images that a config trains ("Train") or evaluates ("Eval") on.

    Raises:
        OctConvError: the config has no such list, or it is not there, or empty.
    """
    key = f"DataLoader.{section}.dataset"
    dataset = ((config.get("DataLoader") or {}).get(section) or {}).get("dataset")
    if not isinstance(dataset, Mapping) or not all(
        isinstance(dataset.get(name), str) for name in ("image_root", "cls_label_path")
    ):
        raise OctConvError(f"{key} should have an image_root and a cls_label_path")
    path = Path(dataset["cls_label_path"])
    found = read_lines(path, f"{key}.cls_label_path:", delimiter_of(dataset), has_several(dataset))
    lines = [line for line in found if line.image]
    if not lines:
        raise OctConvError(f"{key}.cls_label_path: {path} lists no images")
    labels = [line.label for line in lines if isinstance(line.label, int) and line.label >= 0]
    root = Path(dataset["image_root"])
    return Images(
        [root / line.image for line in lines], labels if len(labels) == len(lines) else None
    )


def shuffled(images: Images, seed: int) -> Images:
    """All of them, in an order drawn by chance."""
    indices = list(range(len(images.paths)))
    random.Random(seed).shuffle(indices)
    return images.chosen(indices)


def readable(
    paths: Sequence[Path], preprocess: Preprocess, shape: Sequence[int], failed: list[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each image that can be read, with its place; why the others cannot, in a list.

    Raises:
        OctConvError: one comes out in another shape than channels, height and width of ``shape``.
    """
    for index, path in enumerate(paths):
        try:
            image = preprocess.read(path)
        except OctConvError as error:
            failed.append(str(error))
            continue
        if image.shape != tuple(shape):
            raise OctConvError(
                f"Global.image_shape: {list(shape)}, but the transforms of evaluation make "
                f"{list(image.shape)} of {path}"
            )
        yield index, image


def demand_readable(
    paths: Sequence[Path], preprocess: Preprocess, shape: Sequence[int], key: str
) -> None:
    """See that an image of a list can be read, before work begins that would be in vain.

    Raises:
        OctConvError: none can be; naming the first.
    """
    failed: list[str] = []
    if next(readable(paths, preprocess, shape, failed), None) is None:
        raise OctConvError(f"{key}: no image of it can be read: {failed[0]}")


def calibration_images(
    paths: Sequence[Path], preprocess: Preprocess, count: int, shape: Sequence[int]
) -> tuple[np.ndarray, int]:
    """The first so many images that can be read.

    Args:
        paths: of the training list, in the order in which they are tried.
        preprocess: the transforms of evaluation.
        count: how many, at most.
        shape: channels, height and width that the network takes.

    Returns:
        Images (N, C, H, W), and how many files were tried.

    Raises:
        OctConvError: fewer can be read than the least that ``calibrate`` takes.
    """
    from ..calibrate.images import LEAST

    failed: list[str] = []
    found: list[np.ndarray] = []
    for _, image in readable(paths, preprocess, shape, failed):
        found.append(image)
        if len(found) == count:
            break
    if len(found) < LEAST:
        why = f"; {len(failed)} others cannot be read, such as {failed[0]}" if failed else ""
        raise OctConvError(
            f"--images, DataLoader.Train: {len(found)} images to calibrate on are too few, {LEAST} "
            f"is the least{why}"
        )
    return np.stack(found), len(found) + len(failed)
