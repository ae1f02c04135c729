"""Top-1 of an exported network on a list of images."""

from __future__ import annotations

from typing import Callable, Iterable, NamedTuple, Sequence

from ..images import Listed, Preprocess, batches
from ..predictor import Predictor

BATCH = 16  # images at once

#: Shows how far a loop is: (what is gone through, what it is about, how many) to the same.
Progress = Callable[[Iterable, str, int], Iterable]


class Top1(NamedTuple):
    """How many of the images a predictor classifies as they are labelled.

    Attributes:
        right: those.
        images: all.
    """

    right: int
    images: int

    @property
    def percent(self) -> float:
        return 100.0 * self.right / self.images


def top1(
    predictors: Sequence[Predictor], listed: Listed, preprocess: Preprocess, progress: Progress
) -> list[Top1]:
    """The top-1 of several predictors, each image read and preprocessed once.

    Raises:
        OctConvError: an image cannot be read.
    """
    right = [0] * len(predictors)
    count = len(listed.paths)

    def one_by_one() -> Iterable[int]:
        for start, images in batches(listed.paths, preprocess, BATCH):
            labels = listed.labels[start : start + len(images)]
            for index, predictor in enumerate(predictors):
                right[index] += int((predictor(images).argmax(1) == labels).sum())
            yield from range(len(images))

    for _ in progress(one_by_one(), "evaluation", count):
        pass
    return [Top1(found, count) for found in right]
