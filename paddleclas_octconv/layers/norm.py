"""Batch normalisation of both frequencies."""

from __future__ import annotations

from paddle import nn

from .octave import Feature, Octave, low_channels


class OctBatchNorm2D(nn.Layer):
    """``paddle.nn.BatchNorm2D`` over the high and over the low branch.

    Together they have the parameters of one vanilla batch norm over ``num_features`` channels.

    Args:
        num_features: channels of both branches together.
        alpha: share of low channels; 0 for a plain tensor.
        **kwargs: as in ``paddle.nn.BatchNorm2D``.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same.
    """

    def __init__(self, num_features: int, alpha: float = 0.5, **kwargs) -> None:
        super().__init__()
        low = low_channels(num_features, alpha)
        self.high = nn.BatchNorm2D(num_features - low, **kwargs)
        self.low = nn.BatchNorm2D(low, **kwargs) if low else None

    def forward(self, x: Feature) -> Feature:
        if self.low is None:
            return self.high(x)
        return Octave(self.high(x.high), self.low(x.low))
