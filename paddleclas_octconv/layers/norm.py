"""Batch normalisation of both frequencies."""

from __future__ import annotations

import numpy as np
from paddle import nn

from .channels import Channels, Split
from .cutting import SAME_ORDER, Arrays, OctaveLayer, Order, take
from .octave import Feature, Octave


class OctBatchNorm2D(OctaveLayer):
    """``paddle.nn.BatchNorm2D`` over the high and over the low branch.

    Together they have the parameters of one vanilla batch norm over ``num_features`` channels.

    Args:
        num_features: channels of both branches together, to be split by ``alpha``; or
            ``Channels``, split already.
        alpha: share of low channels, in [0, 1); 0 for a plain tensor.
        **kwargs: as in ``paddle.nn.BatchNorm2D``.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same.

    Raises:
        OctConvError: ``alpha`` is no share, or leaves a branch empty.
    """

    def __init__(self, num_features: Split, alpha: float = 0.5, **kwargs) -> None:
        super().__init__()
        channels = Channels.split(num_features, alpha)
        self.high = nn.BatchNorm2D(channels.high, **kwargs)
        self.low = nn.BatchNorm2D(channels.low, **kwargs) if channels.low else None

    def forward(self, x: Feature) -> Feature:
        if self.low is None:
            return self.high(x)
        return Octave(self.high(x.high), self.low(x.low))

    def vanilla_shapes(self) -> dict[str, list[int]]:
        """Scale, shift and statistics of the vanilla batch norm."""
        low = {} if self.low is None else self.low.state_dict()
        return {
            name: [value.size + (low[name].size if low else 0)]
            for name, value in self.high.state_dict().items()
        }

    def cut(self, parameter: str, value: np.ndarray, order: Order = SAME_ORDER) -> Arrays:
        """Scale, shift and statistics go with the channels they belong to."""
        size = self.high.state_dict()[parameter].size
        high, low = np.split(take(value, order.outputs), [size])
        cut = {f"high.{parameter}": high}
        return cut if self.low is None else {**cut, f"low.{parameter}": low}
