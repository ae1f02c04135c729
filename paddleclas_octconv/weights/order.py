"""Orders of channels: where an octave network's are not the vanilla network's, in its order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Order(NamedTuple):
    """The channels of a layer, high then low, as indices of the vanilla layer's.

    None stands for the vanilla order. A batch norm has ``outputs``, a linear layer ``inputs``.
    """

    inputs: np.ndarray | None = None
    outputs: np.ndarray | None = None


def grouped(channels: int, low: int, groups: int) -> np.ndarray:
    """The order of channels in groups, each of which gives its last ones to the low branch."""
    by_group = np.arange(channels).reshape(groups, -1)
    high = by_group.shape[1] - low // groups
    return np.concatenate([by_group[:, :high].ravel(), by_group[:, high:].ravel()])
