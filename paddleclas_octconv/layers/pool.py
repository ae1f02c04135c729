"""Pooling between the stages of an octave network."""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import nn

from .octave import Feature, Octave, pool2


class OctAvgPool2D(nn.Layer):
    """2x2 average, stride 2, of both branches.

    Like the vanilla layer it drops the last row and column of an odd size, unless it is the only
    one; the low branch then drops those that belong to them.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same at (floor(H/2), floor(W/2)),
        but at least 1.
    """

    def forward(self, x: Feature) -> Feature:
        if not isinstance(x, Octave):
            return F.avg_pool2d(x, kernel_size=2, stride=2)
        high = F.avg_pool2d(x.high, kernel_size=2, stride=2)
        height, width = high.shape[2:]
        return Octave(high, pool2(x.low[:, :, :height, :width]))
