"""Which numbers of a feature map INT8's 256 steps stand for."""

from __future__ import annotations

from typing import Literal, get_args

# One image with large numbers makes the steps of all too coarse, where all that was seen is taken;
# the mean of the images' ranges cuts off what some of them need. Which is worse, a network decides.
Ranges = Literal["mean", "all"]
RANGES: tuple[Ranges, ...] = get_args(Ranges)
