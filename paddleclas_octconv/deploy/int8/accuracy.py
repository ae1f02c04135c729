"""How many images of a list an exported network gives the classes that they are labelled with."""

from __future__ import annotations

from typing import Callable, Iterable, NamedTuple, Sequence

import numpy as np

from ..classify import decided
from ..images import Listed, Preprocess, batches
from ..predictor import Predictor

BATCH = 16  # images at once

#: Shows how far a loop is: (what is gone through, what it is about, how many) to the same.
Progress = Callable[[Iterable, str, int], Iterable]


class Top1(NamedTuple):
    """How many of the images a predictor classifies as they are labelled, with several labels an
    image in all of them.

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

    With several labels an image it is the exact match: the share of images of which every label is
    right, at the probability 0.5.

    Raises:
        OctConvError: an image cannot be read.
    """
    right = [0] * len(predictors)
    count = len(listed.paths)

    def one_by_one() -> Iterable[int]:
        for start, images in batches(listed.paths, preprocess, BATCH):
            labels = listed.labels[start : start + len(images)]
            for index, predictor in enumerate(predictors):
                same = decided(predictor(images), listed.several) == np.array(labels)
                right[index] += int(same.reshape(len(labels), -1).all(axis=1).sum())
            yield from range(len(images))

    for _ in progress(one_by_one(), "evaluation", count):
        pass
    return [Top1(found, count) for found in right]
