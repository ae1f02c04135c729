"""Rules of ``x[…]`` and ``x[…] = …``."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from ..containers import holds_pair, without_pairs
from ..pair import Pair, fit, join
from .calls import Call, Unknown, is_tensor, rule
from .channels import concat, select


@rule("__getitem__")
def getitem(call: Call) -> Any:
    x, index = call.map, _for_each_axis(call["1"])
    channels = _channels(x, index[x.channel_axis])
    index[x.channel_axis] = slice(None)
    if not all(isinstance(part, slice) for part in index):
        raise Unknown("by such an index")
    if len(channels) < x.layout.channels or (channels != np.arange(x.layout.channels)).any():
        x = select(x, channels)
    if all(map(_is_all, index)):
        return x
    return _cropped(x, index) if isinstance(x, Pair) else x[tuple(index)]


def _for_each_axis(index: Any) -> list:
    """What an index says of each of the four axes."""
    parts = list(index) if isinstance(index, tuple) else [index]
    # By identity: pairs in an index compare element by element.
    dots = next((number for number, part in enumerate(parts) if part is Ellipsis), None)
    if dots is not None:
        parts[dots : dots + 1] = [slice(None)] * (5 - len(parts))
    return parts + [slice(None)] * (4 - len(parts))


def _channels(x: Pair, part: Any) -> np.ndarray:
    """The channels that an index chooses, by their vanilla numbers."""
    numbers = np.arange(x.layout.channels)
    if isinstance(part, (list, np.ndarray)):
        return numbers[part]
    if not isinstance(part, slice):
        raise Unknown("by such an index")
    chosen = numbers[part]
    if len(chosen) < len(numbers) and part.step in (None, 1):
        ends = sorted({0, int(chosen[0]), int(chosen[-1]) + 1, len(numbers)})
        x.origin.listener.split(x, list(np.diff(ends)))
    return chosen


def _cropped(x: Pair, index: list) -> Pair:
    """The rows, columns and images that an index of slices chooses."""
    low = list(index)
    for axis in x.space:
        start, step = index[axis].start or 0, index[axis].step or 1
        if not isinstance(start, int) or start < 0 or step not in (1, 2):
            raise Unknown("by such an index")
        low[axis] = slice(start // 2, None, step)
    high = x.high[tuple(index)]
    return x.like(high, fit(x.low[tuple(low)], high, x.data_format))


@rule("__setitem__")
def setitem(call: Call) -> None:
    x, index, value = call.first, without_pairs(call["1"]), call["2"]  # a mask may be a pair
    if not isinstance(x, Pair):
        raise Unknown("of a plain tensor to a pair")
    channels = _whole_channels(x, index)
    if channels is not None and (isinstance(value, Pair) or is_tensor(value)):
        x.become(_with_channels(x, *channels, value))
    else:
        x.origin.listener.joined("__setitem__", "by such an index")
        x.become(_written(join(x), index, without_pairs(value)))


def _whole_channels(x: Pair, index: Any) -> tuple[int, int] | None:
    """The first channel that an index chooses, and the one after the last, where it chooses all
    of their pixels."""
    parts = list(index) if isinstance(index, tuple) else [index]
    channels = parts[1] if len(parts) > 1 else slice(None)
    others = parts[:1] + parts[2:]
    if x.channel_axis != 1 or not isinstance(channels, slice) or channels.step not in (None, 1):
        return None
    return channels.indices(x.layout.channels)[:2] if all(map(_is_all, others)) else None


def _with_channels(x: Pair, start: int, stop: int, value: Any) -> Any:
    """The map with some channels of another one."""
    whole: Any = x
    pieces = [whole[:, :start]] if start else []
    pieces.append(value)
    if stop < x.layout.channels:
        pieces.append(whole[:, stop:])
    if len(pieces) == 1:
        return value
    if not holds_pair(pieces):
        return paddle.concat(pieces, 1)
    return concat(Call(paddle.concat, {"x": pieces, "axis": 1}))


def _written(x: Any, index: Any, value: Any) -> Any:
    if paddle.in_dynamic_mode():
        x[index] = value
        return x
    # To_static rewrites such a line in what it traces, which this is not.
    return paddle.static.setitem(x, index, value)


def _is_all(part: Any) -> bool:
    # Ends may be tensors of a program, which compare their elements.
    return isinstance(part, slice) and part.start is part.stop is part.step is None
