"""Rules of what puts channels together and takes them apart: the layout says where each one is."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from ...layers.octave import up2_to
from ..layout import Layout
from ..pair import Pair, make, take
from .calls import Call, Unknown, axis_of, rule
from .elementwise import same_space


@rule("concat")
def concat(call: Call) -> Pair:
    """The channels branch by branch; a plain map goes to the high branch."""
    maps = list(call.first)
    first = next(x for x in maps if isinstance(x, Pair))
    if axis_of(call["axis"]) != first.channel_axis:
        raise Unknown("along another axis than the channels'")
    high: list = []
    low: list = []
    slots: list = []
    ends = [0, 0]  # channels so far
    for x in maps:
        _check_beside(x, first)
        if isinstance(x, Pair):
            own = x.layout.slots
            slots.append(np.where(own >= 0, own + ends[0], own - ends[1]))
            high.append(x.high)
            low.append(x.low)
            ends = [ends[0] + x.layout.high, ends[1] + x.layout.low]
        else:
            channels = x.shape[first.channel_axis]
            slots.append(np.arange(channels) + ends[0])
            high.append(x)
            ends[0] += channels
    y_high, y_low = (
        each[0] if len(each) == 1 else call.function(each, first.channel_axis)
        for each in (high, low)
    )
    layout = Layout(np.concatenate(slots))
    return make(y_high, y_low, layout, first.data_format, first.origin.lost())


def _check_beside(x: Any, first: Pair) -> None:
    if isinstance(x, Pair):
        if x.layout.is_view or x.data_format != first.data_format:
            raise Unknown("of channels viewed as groups")
        if not same_space(x.high, first):
            raise Unknown("of maps of different sizes")
    elif len(x.shape) != 4 or not same_space(x, first):
        raise Unknown("with a tensor of another size")


@rule("split")
def split(call: Call) -> list:
    return _sections(call, call["num_or_sections"])


@rule("chunk")
def chunk(call: Call) -> list:
    return _sections(call, call["chunks"])


def _sections(call: Call, sections: Any) -> list:
    x = call.map
    if axis_of(call["axis"]) != x.channel_axis:
        raise Unknown("along another axis than the channels'")
    sizes = _sizes(sections, x.layout.channels)
    x.origin.listener.split(x, sizes)
    ends = np.cumsum(sizes)
    return [select(x, np.arange(end - size, end)) for size, end in zip(sizes, ends)]


def _sizes(sections: Any, channels: int) -> Sequence[int]:
    if isinstance(sections, int):
        sections = [channels // sections] * sections
    sizes = list(sections)
    if not all(isinstance(size, int) for size in sizes):
        raise Unknown("into parts of unknown size")
    if -1 in sizes:
        sizes[sizes.index(-1)] = channels - sum(sizes) - 1
    if sum(sizes) != channels:
        raise Unknown("into parts that are not the whole")
    return sizes


@rule("index_select", "gather")
def index_select(call: Call) -> Any:
    x = call.map
    if axis_of(call["axis"] or 0) != x.channel_axis:
        raise Unknown("along another axis than the channels'")
    try:
        channels = np.asarray(call["index"].numpy()).ravel()
    except Exception:
        raise Unknown("by an index that is not known while a program is built") from None
    return select(x, channels)


def select(x: Pair, channels: np.ndarray) -> Any:
    """Some of the channels, by their vanilla numbers; a tensor if they are of one branch."""
    slots = x.layout.slots.ravel()[channels]
    high, low = np.unique(slots[slots >= 0]), np.unique(-1 - slots[slots < 0])
    axis = x.channel_axis
    if not len(low):
        return take(x.high, slots, axis)
    if not len(high):
        return up2_to(take(x.low, -1 - slots, axis), x.high, x.data_format)
    if len(high) + len(low) != len(slots):
        raise Unknown("of some channels twice")
    places = np.where(
        slots >= 0, np.searchsorted(high, slots), -1 - np.searchsorted(low, -1 - slots)
    )
    branches = take(x.high, high, axis), take(x.low, low, axis)
    return make(*branches, Layout(places), x.data_format, x.origin.lost())
