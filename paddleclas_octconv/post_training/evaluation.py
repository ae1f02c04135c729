"""How an exported network does on a list of images, by its labels or beside another network."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import numpy as np

from ..common.errors import OctConvError
from ..deploy.images import Preprocess
from ..deploy.predictor import Predictor
from .images import BATCH, Images, readable


class Predictions(NamedTuple):
    """What a network says of the images that can be read.

    Attributes:
        places: of these images in the list.
        probabilities: (N, classes), float32.
    """

    places: list[int]
    probabilities: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """The likeliest class of each."""
        return self.probabilities.argmax(1)


class Score(NamedTuple):
    """A network on a list of images, beside the vanilla one. All but ``images`` in per cent.

    Attributes:
        images: how many could be read.
        agreement: of how many it says the same class.
        top1: of how many it says the right class; None where the labels do not fit.
        vanilla_top1: likewise, of the vanilla network.
        divergence: of its probabilities, in nats: a finer measure than counts of images.
    """

    images: int
    agreement: float
    top1: float | None
    vanilla_top1: float | None
    divergence: float

    @property
    def drop(self) -> float:
        """What it loses: points of top-1, or of agreement where there are no labels."""
        if self.top1 is None or self.vanilla_top1 is None:
            return 100.0 - self.agreement
        return self.vanilla_top1 - self.top1


def predict(
    predictor: Predictor,
    paths: Sequence[Path],
    preprocess: Preprocess,
    shape: Sequence[int],
    tell: Callable[[int], None],
) -> Predictions:
    """What a network says of each image.

    Args:
        predictor: the exported network.
        paths: the images; those that cannot be read are left out.
        preprocess: the transforms of evaluation.
        shape: channels, height and width that it takes.
        tell: is told how many images are done.

    Raises:
        OctConvError: none of them can be read.
    """
    failed: list[str] = []
    places: list[int] = []
    found: list[np.ndarray] = []
    pending: list[np.ndarray] = []

    def run() -> None:
        if pending:
            found.append(np.asarray(predictor(np.stack(pending)), np.float32))
            pending.clear()
            tell(len(places))

    for place, image in readable(paths, preprocess, shape, failed):
        if len(pending) == BATCH:
            run()
        places.append(place)
        pending.append(image)
    run()
    if not found:
        raise OctConvError(f"no image of the list can be read: {failed[0]}")
    return Predictions(places, np.concatenate(found))


def fitting(images: Images, predictions: Predictions) -> Images:
    """The images, without their labels where the network knows no such classes."""
    classes = predictions.probabilities.shape[1]
    if images.labels is None or max(images.labels) >= classes:
        return Images(images.paths, None)
    return images


def score(images: Images, vanilla: Predictions, given: Predictions) -> Score:
    """A network's predictions beside those of the vanilla network, on the same images."""
    top1 = vanilla_top1 = None
    if images.labels is not None:
        labels = np.asarray(images.labels)[vanilla.places]
        top1, vanilla_top1 = (
            100.0 * float((each.classes == labels).mean()) for each in (given, vanilla)
        )
    return Score(
        len(vanilla.places),
        100.0 * float((vanilla.classes == given.classes).mean()),
        top1,
        vanilla_top1,
        divergence(vanilla.probabilities, given.probabilities),
    )


def divergence(vanilla: np.ndarray, given: np.ndarray) -> float:
    """The mean Kullback-Leibler divergence of probabilities (N, classes) from the vanilla
    network's, in nats."""
    p, q = (np.maximum(each, 1e-12) for each in (vanilla, given))
    return float((p * np.log(p / q)).sum(1).mean())
