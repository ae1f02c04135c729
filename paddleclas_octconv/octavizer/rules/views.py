"""Rules of channels viewed as groups: nothing moves, height and width stay the last axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..layout import Layout
from ..pair import Pair
from .calls import Call, Unknown, axis_of, rule


@rule("reshape")
def reshape(call: Call) -> Pair:
    x, shape = _channels_first(call), call["shape"]
    if not isinstance(shape, (list, tuple)):
        raise Unknown("to such a shape")
    own, shape = x.shape, list(shape)
    if len(shape) < 4 or not _same_sizes(shape[-2:], own[-2:]) or not _may_be(shape[0], own[0]):
        raise Unknown("of pixels")
    return _viewed(x, x.layout.slots.reshape(_groups(shape[1:-2], x.layout.channels)))


def _groups(sizes: list, channels: int) -> list[int]:
    groups = [int(size) if isinstance(size, (int, np.integer)) else 0 for size in sizes]
    if groups.count(-1) == 1:
        known = -math.prod(groups)
        groups[groups.index(-1)] = channels // known if known else 0
    if math.prod(groups) != channels:
        raise Unknown("of pixels")
    return groups


@rule("flatten")
def flatten(call: Call) -> Pair:
    x = _channels_first(call)
    axes = axis_of(call["start_axis"], x.ndim), axis_of(call["stop_axis"], x.ndim)
    if axes != (1, x.ndim - 3):
        raise Unknown("of pixels")
    return _viewed(x, x.layout.slots.ravel())


@rule("transpose")
def transpose(call: Call) -> Pair:
    x, perm = _channels_first(call), call["perm"]
    if not isinstance(perm, (list, tuple)):
        raise Unknown("of pixels")
    perm = [axis % x.ndim for axis in perm]
    if len(perm) != x.ndim or perm[0] != 0 or perm[-2:] != [x.ndim - 2, x.ndim - 1]:
        raise Unknown("of pixels")
    return _viewed(x, x.layout.slots.transpose([axis - 1 for axis in perm[1:-2]]))


@rule("channel_shuffle")
def channel_shuffle(call: Call) -> Pair:
    x = call.map
    return _viewed(x, x.layout.slots.reshape([call["groups"], -1]).T.ravel())


def _channels_first(call: Call) -> Pair:
    if call.pair.data_format != "NCHW":
        raise Unknown("of pixels")
    return call.pair


def _viewed(x: Pair, slots: np.ndarray) -> Pair:
    return x.like(x.high, x.low, Layout(slots))


def _same_sizes(given: list, own: list) -> bool:
    """Whether they are equal; those that are tensors of a program are taken to be."""
    return all(
        isinstance(a, int) == isinstance(b, int) and (not isinstance(a, int) or a == b)
        for a, b in zip(given, own)
    )


def _may_be(given: Any, own: Any) -> bool:
    return not isinstance(given, int) or not isinstance(own, int) or given in (-1, 0, own)
