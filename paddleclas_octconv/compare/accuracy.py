"""What counts as accuracy in a comparison: that by which PaddleClas evaluates its networks.

What an exported network predicts is counted in the same way, so that the two can be compared.
"""

from __future__ import annotations

import math
from typing import Any, Mapping

import numpy as np

from ..common.errors import OctConvError
from ..config import Config
from ..data.list_files import has_several

TOP1 = "top-1"
# With several labels an image: the share of labels that are right, or of images that are so in all.
LABELS, IMAGES = "labels right", "exact match"
_OF_SEVERAL = {"label": LABELS, "sample": IMAGES}
_SCORE = "AccuracyScore"
_BASE = "label"  # PaddleClas's default


def accuracy_of(config: Config) -> str:
    """How the networks of a config are compared: ``TOP1``, ``LABELS`` or ``IMAGES``.

    Raises:
        OctConvError: its images have several labels, and its first metric is another one.
    """
    if not has_several(config.dataset("Eval")):
        return TOP1
    first = next(iter(config.at("Metric.Eval") or ()), None)
    name = next(iter(first), None) if isinstance(first, Mapping) else first
    options = (first.get(_SCORE) or {}) if isinstance(first, Mapping) else {}
    base = options.get("base", _BASE)
    if name != _SCORE or base not in _OF_SEVERAL:
        raise OctConvError(
            f"Metric.Eval.0: {first}: networks with several labels an image are compared by "
            f"{_SCORE}, with base: label or base: sample: put it first"
        )
    return _OF_SEVERAL[base]


def share_right(labels: np.ndarray, predicted: np.ndarray, accuracy: str) -> float:
    """The accuracy of predictions: (images,), or with several labels (images, classes)."""
    right = labels == predicted
    return float((right if accuracy != IMAGES else right.all(axis=1)).mean())


def chance_of(labels: np.ndarray, accuracy: str) -> float:
    """The accuracy that a network reaches by saying the same of every image, by luck one time in
    forty; arguments as of ``share_right``."""
    if accuracy == LABELS:
        ones, count = labels.mean(axis=0), labels.size
        share = float(np.maximum(ones, 1 - ones).mean())
    else:
        _, images = np.unique(labels, axis=0, return_counts=True)
        count = len(labels)
        share = float(images.max() / count)
    return share + 2 * math.sqrt(share * (1 - share) / count)


def noted(model: Mapping[str, Any]) -> str:
    """What to add to the word accuracy, of an entry of ``results.json``; of top-1 nothing."""
    accuracy = model.get("accuracy", TOP1)
    return "" if accuracy == TOP1 else f" ({accuracy})"
