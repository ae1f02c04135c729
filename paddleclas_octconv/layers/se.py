"""Squeeze and excitation (arXiv:1709.01507) of both frequencies."""

from __future__ import annotations

import math

import paddle
import paddle.nn.functional as F
from paddle import ParamAttr, nn
from paddle.nn.initializer import Uniform

from .channels import Channels, Split
from .octave import DataFormat, Feature, Octave


class OctSELayer(nn.Layer):
    """Multiplies every channel by a gate in (0, 1) that depends on the means of all channels.

    The means of both branches enter one bottleneck, so that each frequency gates the other
    too; together the weights are those of the vanilla layer.

    Args:
        num_channels: of both branches together, to be split by ``alpha``; or ``Channels``, split
            already.
        alpha: share of low channels, in [0, 1); 0 for a plain tensor.
        reduction_ratio: ``num_channels`` to the width of the bottleneck.
        data_format: as in ``paddle.nn.Conv2D``.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same.
    """

    def __init__(
        self,
        num_channels: Split,
        alpha: float = 0.5,
        reduction_ratio: int = 16,
        data_format: DataFormat = "NCHW",
    ) -> None:
        super().__init__()
        self.channels = Channels.split(num_channels, alpha)
        self.space = [1, 2] if data_format == "NHWC" else [2, 3]
        width = self.channels.total // reduction_ratio
        self.squeeze = _linear(self.channels.total, width)
        self.excitation = _linear(width, self.channels.total)

    def forward(self, x: Feature) -> Feature:
        branches = x if isinstance(x, Octave) else [x]
        means = [branch.mean(self.space) for branch in branches]
        gates = self.squeeze(paddle.concat(means, axis=1) if len(means) > 1 else means[0])
        gates = F.sigmoid(self.excitation(F.relu(gates))).unsqueeze(self.space)
        if not isinstance(x, Octave):
            return x * gates
        axis = 3 if self.space == [1, 2] else 1
        high, low = paddle.split(gates, num_or_sections=list(self.channels), axis=axis)
        return Octave(x.high * high, x.low * low)


def _linear(in_features: int, out_features: int) -> nn.Linear:
    bound = 1.0 / math.sqrt(in_features)
    return nn.Linear(
        in_features, out_features, weight_attr=ParamAttr(initializer=Uniform(-bound, bound))
    )
