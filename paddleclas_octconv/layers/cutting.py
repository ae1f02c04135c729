"""Parameters of vanilla layers, cut into those of octave layers.

A vanilla kernel W [C_out, C_in / groups, k, k] is cut into the four kernels of an octave
convolution, which is the same convolution wherever a feature map is constant in space:

    hh = W[high outputs, high inputs]    lh = W[high outputs, low inputs]
    hl = W[low outputs, high inputs]     ll = W[low outputs, low inputs]

The high channels are the first ones, unless the network names another ``Order``.
"""

from __future__ import annotations

from typing import Dict, NamedTuple

import numpy as np
from paddle import nn

from ..common.errors import OctConvError

Arrays = Dict[str, np.ndarray]


class Order(NamedTuple):
    """The channels of a layer, high then low, as indices of the vanilla layer's.

    None stands for the vanilla order. A batch norm has ``outputs``, a linear layer ``inputs``.
    """

    inputs: np.ndarray | None = None
    outputs: np.ndarray | None = None


SAME_ORDER = Order()


def grouped_order(channels: int, low: int, groups: int) -> np.ndarray:
    """The order of channels in groups, each of which gives its last ones to the low branch."""
    by_group = np.arange(channels).reshape(groups, -1)
    high = by_group.shape[1] - low // groups
    return np.concatenate([by_group[:, :high].ravel(), by_group[:, high:].ravel()])


class OctaveLayer(nn.Layer):
    """An octave layer whose parameters are together those of one vanilla layer.

    What reads, shows or counts the layers of a network takes it as one layer.
    """

    def vanilla_shapes(self) -> dict[str, list[int]]:
        """The parameters and statistics of the vanilla layer: {"weight": [64, 3, 7, 7], …}."""
        raise NotImplementedError

    def cut(self, parameter: str, value: np.ndarray, order: Order = SAME_ORDER) -> Arrays:
        """Cut one of ``vanilla_shapes``, by name, into tensors of this layer's state dict.

        Args:
            parameter: the name of what is cut.
            value: the vanilla layer's, of the shape in ``vanilla_shapes``.
            order: which channels of the vanilla layer are high, and which low.

        Returns:
            The tensors by name, such as {"hh.weight": …, "hl.weight": …}.

        Raises:
            OctConvError: the groups of a convolution cannot be split in that order.
        """
        raise NotImplementedError


def take(array: np.ndarray, rows=None, columns=None) -> np.ndarray:
    """The rows and columns of an array in another order; None for the order they have."""
    array = array if rows is None else array[np.asarray(rows)]
    return array if columns is None else array[:, np.asarray(columns)]


def without_groups(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A grouped kernel [C_out, C_in / groups, …] as one without groups: blocks in a diagonal."""
    if groups == 1:
        return kernel
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1]
    dense = np.zeros([kernel.shape[0], inputs * groups, *kernel.shape[2:]], kernel.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs : (group + 1) * inputs] = kernel[rows]
    return dense


def with_groups(dense: np.ndarray, groups: int) -> np.ndarray:
    """The inverse of ``without_groups``.

    Raises:
        OctConvError: the kernel has numbers outside the blocks of its groups.
    """
    if groups == 1:
        return dense
    outputs, inputs = dense.shape[0] // groups, dense.shape[1] // groups
    kernel = np.concatenate(
        [
            dense[group * outputs : (group + 1) * outputs, group * inputs : (group + 1) * inputs]
            for group in range(groups)
        ]
    )
    if np.count_nonzero(kernel) != np.count_nonzero(dense):
        raise OctConvError(f"its {groups} groups do not hold those of the vanilla convolution")
    return kernel
