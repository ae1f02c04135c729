"""How many channels of a feature map are of the high frequency, and how many of the low one."""

from __future__ import annotations

import math
from typing import NamedTuple, Union

from ..common.alpha import check_alpha
from ..common.errors import OctConvError


def low_share(channels: int, alpha: float) -> int:
    """How many of so many channels are low-frequency ones: floor(alpha * channels)."""
    # 0.29 * 100 is 28.999999999999996 in floating point: round that error away first.
    return math.floor(round(alpha * channels, 6))


class Channels(NamedTuple):
    """The channels of a feature map.

    Attributes:
        high: of the high branch; at least 1.
        low: of the low branch; 0 of a plain tensor.
    """

    high: int
    low: int = 0

    @property
    def total(self) -> int:
        """Those of both branches."""
        return self.high + self.low

    @classmethod
    def split(cls, channels: int | Channels, alpha: float) -> Channels:
        """Give the low branch floor(alpha * channels) ("Drop an Octave", section 3.1).

        Args:
            channels: of both branches; what is split already stays as it is.
            alpha: the share of the low branch, in [0, 1).

        Raises:
            OctConvError: ``alpha`` is no such share, or leaves a branch without channels.
        """
        if isinstance(channels, Channels):
            return channels
        check_alpha(alpha)
        low = low_share(channels, alpha)
        if alpha > 0 and not 0 < low < channels:
            least = math.ceil(1e4 / channels) / 1e4
            choice = "take 0" if channels == 1 else f"take 0, or {least:.4g} to {1 - least:.4g}"
            raise OctConvError(
                f"alpha={alpha} leaves the {'high' if low else 'low'} branch of {channels} "
                f"channels empty; {choice}"
            )
        return cls(channels - low, low)

    def plus(self, more: Channels) -> Channels:
        """The channels of two feature maps that are concatenated branch by branch."""
        return Channels(self.high + more.high, self.low + more.low)


Split = Union[int, Channels]  # what layers take: a count, which alpha splits, or one split already
