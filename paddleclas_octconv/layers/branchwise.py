"""Vanilla operations on a pair: the same on either branch."""

from __future__ import annotations

from typing import Callable

import paddle
from paddle import Tensor

from .octave import Feature, Octave


def each(function: Callable[[Tensor], Tensor], x: Feature) -> Feature:
    """``function`` of every branch: an activation, a dropout, …"""
    return Octave(function(x.high), function(x.low)) if isinstance(x, Octave) else function(x)


def concat(x: Feature, y: Feature) -> Feature:
    """The channels of ``x``, then those of ``y``, branch by branch; a tensor is a high branch."""
    if not isinstance(y, Octave):
        return paddle.concat([x, y], axis=1)
    if not isinstance(x, Octave):
        return Octave(paddle.concat([x, y.high], axis=1), y.low)
    return Octave(*(paddle.concat(branches, axis=1) for branches in zip(x, y)))
