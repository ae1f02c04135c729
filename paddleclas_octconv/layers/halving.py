"""How an octave convolution of stride 2 comes to maps of half the size."""

from __future__ import annotations

import enum

from paddle import Tensor

from .octave import DataFormat, pool2


class Halving(enum.Enum):
    """What is done to both inputs of an octave convolution, and which paths have a stride of 2.

    The path from high to low takes the high input, as it is then, averaged over 2x2.
    """

    NONE = enum.auto()
    """Nothing: the stride is 1."""
    POOL = enum.auto()
    """Both inputs are averaged over 2x2, and convolved at stride 1."""
    CONVOLVE = enum.auto()
    """Nothing: all paths but the one from low to high, whose input is that small, have stride 2."""
    SAMPLE = enum.auto()
    """What that is with 1x1 kernels, which see every second pixel alone: these are taken of the
    high input; of a low output, they are averaged before they are convolved, not after."""

    @classmethod
    def by_design(cls, stride: int) -> Halving:
        """How the paper's octave convolution of this stride does it."""
        return cls.POOL if stride == 2 else cls.NONE

    def high(self, x: Tensor, data_format: DataFormat) -> Tensor:
        """What the paths from the high input take, (N, C, H, W) or (N, H, W, C)."""
        if self is Halving.POOL:
            return pool2(x, data_format)
        if self is Halving.SAMPLE:
            return x[:, ::2, ::2] if data_format == "NHWC" else x[:, :, ::2, ::2]
        return x

    def low(self, x: Tensor, data_format: DataFormat) -> Tensor:
        """What the path from the low input to the low output takes."""
        return pool2(x, data_format) if self in (Halving.POOL, Halving.SAMPLE) else x
