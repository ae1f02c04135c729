"""What becomes of each convolution: its share of low channels, and the layouts that it can have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Sequence

import numpy as np
from paddle import nn

from ..common.errors import OctConvError
from ..layers.channels import low_share
from .layout import Layout, low_mask
from .options import Options
from .planned import Conv


def shares(convs: Sequence[Conv], options: Options, network: str) -> dict[str, tuple[float, str]]:
    """The share of low channels of each convolution's output, and why that is 0, by name.

    Args:
        convs: in the order of their first calls, with the sizes of their outputs.
        options: the user's.
        network: what messages call it.

    Raises:
        OctConvError: ``alpha`` has not a number for each resolution, or ``plain`` a name of none.
    """
    _check_patterns(convs, options, network)
    free = free_strides(convs, options)
    alphas = _by_stride(sorted(set(free.values())), options, network)
    decided = {}
    for index, conv in enumerate(convs):
        alpha = float(alphas.get(_stride(conv, options), 0.0))
        reason = _why_plain(conv, index, alpha, options)
        decided[conv.name] = (0.0 if reason else alpha), reason
    return decided


def free_strides(convs: Sequence[Conv], options: Options) -> dict[str, int]:
    """The total strides of those convolutions that neither stem nor size keeps plain, by name."""
    free = [conv for conv in convs[options.stem :] if min(conv.size) >= options.min_size]
    return {conv.name: _stride(conv, options) for conv in free}


def _by_stride(strides: Sequence[int], options: Options, network: str) -> dict[int, Any]:
    """``alpha`` of maps by their total stride."""
    if not isinstance(options.alpha, (list, tuple)):
        return {
            stride: options.alpha if stride <= options.max_stride else 0.0 for stride in strides
        }
    if len(options.alpha) != len(strides):
        places = ", ".join(f"1/{stride}" for stride in strides)
        raise OctConvError(
            f"alpha must be a number, or {len(strides)} of them, for the maps of {network} at "
            f"{places} of the image's size, got {len(options.alpha)}: {options.alpha!r}"
        )
    return dict(zip(strides, options.alpha))


def _why_plain(conv: Conv, index: int, alpha: float, options: Options) -> str:
    """Which option keeps a convolution's output plain; empty if none does."""
    if index < options.stem:
        return "stem"
    if min(conv.size) < options.min_size:
        return "min_size"
    if options.stays_plain(conv.name):
        return "plain"
    if alpha == 0:
        return "alpha" if isinstance(options.alpha, (list, tuple)) else "max_stride"
    return "" if low_share(conv.layer._out_channels, alpha) else "alpha leaves no low channel"


def _check_patterns(convs: Sequence[Conv], options: Options, network: str) -> None:
    for pattern in options.patterns:
        if not any(Options(plain=pattern).stays_plain(conv.name) for conv in convs):
            raise OctConvError(
                f"plain: {pattern!r} is not a convolution of {network}; its convolutions have "
                f"names such as {convs[0].name!r} and {convs[-1].name!r}"
            )


def _stride(conv: Conv, options: Options) -> int:
    """The total stride of its output, as a power of two."""
    ratio = min(options.sides) / max(1, min(conv.size))
    return 2 ** max(0, round(math.log2(ratio)))


# Layouts


@dataclass(frozen=True)
class Choice:
    """What becomes of a convolution whose input has a layout.

    Attributes:
        inputs, outputs: layouts of the pairs that it takes and gives; None for a plain tensor.
        reason: why its output is plain.
        exchanges: whether the frequencies exchange information.
        asks: the layout that its input should have had.
        joins: why its input, a pair, is joined; empty if it is not.
        follows: whether those decide on its output's layout that decide on its input's.
    """

    inputs: Layout | None = None
    outputs: Layout | None = None
    reason: str = ""
    exchanges: bool = True
    asks: Layout | None = None
    joins: str = ""
    follows: bool = False


def choose(conv: Conv, layout: Layout | None, wanted: Layout | None, may_ask: bool) -> Choice:
    """The layouts of a convolution.

    Args:
        conv: with its ``alpha`` and the reason why that is 0.
        layout: of the pair that it is given; None for a plain tensor.
        wanted: the layout that others have asked of its output.
        may_ask: whether its input can still get another layout.
    """
    layer = conv.layer
    if layer._groups > 1:
        return _choose_grouped(conv, layout, may_ask)
    if not conv.alpha:
        return Choice(layout, None, conv.reason)
    outputs = Layout.of_alpha(layer._out_channels, conv.alpha)
    if wanted is not None and wanted.channels == outputs.channels:
        outputs = wanted
    return Choice(layout, outputs, conv.reason)


def _choose_grouped(conv: Conv, layout: Layout | None, may_ask: bool) -> Choice:
    """Each group gives some of its channels to the low branch, or is of one branch."""
    layer = conv.layer
    groups = layer._groups
    width_in, width_out = layer._in_channels // groups, layer._out_channels // groups
    split_out = Layout.of_alpha(layer._out_channels, conv.alpha, [width_out] * groups)
    outputs = split_out if 0 < split_out.low < split_out.channels else None
    if layout is None:
        narrow = "" if outputs else "its groups are too narrow to split"
        return Choice(None, outputs, conv.reason or narrow)
    share = layout.low / layout.channels
    split_in = Layout.of_alpha(layer._in_channels, share, [width_in] * groups)
    can_split = 0 < split_in.low < split_in.channels
    if can_split and _is_split(layout, groups):
        return Choice(layout, outputs, conv.reason)
    whole = _of_whole_groups(layout, groups, width_out)
    asks = None
    if may_ask and can_split:
        asks = split_in
    elif may_ask and whole is None:
        asks = Layout.of_mask(np.repeat(low_mask([groups], share), width_in))
    if whole is not None and asks is None:
        return Choice(layout, whole, exchanges=False, follows=width_in == width_out)
    joins = "" if asks or whole else "its groups do not fit the channels of the branches"
    return Choice(None, outputs, conv.reason, asks=asks, joins=joins)


def _is_split(layout: Layout, groups: int) -> bool:
    """Whether every group has as many channels in each branch, in the order of the groups."""
    slots = layout.slots.reshape(groups, -1)
    low = (slots < 0).sum(1)
    if (low != low[0]).any() or low[0] in (0, slots.shape[1]):
        return False
    high = slots.shape[1] - low[0]
    in_order = (
        (row[row >= 0] // high == group).all() and ((-1 - row[row < 0]) // low[0] == group).all()
        for group, row in enumerate(slots)
    )
    return all(map(bool, in_order))


def _of_whole_groups(layout: Layout, groups: int, width_out: int) -> Layout | None:
    """What a grouped convolution returns if every group of its input is of one branch."""
    slots = layout.slots.reshape(groups, -1)
    width = slots.shape[1]
    outputs = []
    for row in slots:
        is_low = bool((row < 0).all())
        if not is_low and (row < 0).any():
            return None
        places = -1 - row if is_low else row
        rank = int(places.min()) // width
        if sorted(places) != list(range(rank * width, (rank + 1) * width)):
            return None
        places = np.arange(width_out) + rank * width_out
        outputs.append(-1 - places if is_low else places)
    return Layout(np.concatenate(outputs))


# What a layer can be


def cannot_be_octave(conv: Conv, shared: set[int]) -> str:
    """Why a convolution cannot be an octave convolution; empty if it can.

    Args:
        conv: with the size of its output.
        shared: ids of the parameters that several layers have.
    """
    layer = conv.layer
    if layer._data_format not in ("NCHW", "NHWC"):
        return f"data format {layer._data_format}"
    if layer._padding_mode not in ("zeros", "replicate", "reflect"):
        return f"padding mode {layer._padding_mode}"
    weight = layer._parameters.get("weight")
    if weight is None:  # weight_norm and spectral_norm take it away
        return "its weight is computed"
    if id(weight) in shared:
        return "another layer has the same weight"
    if conv.size == (1, 1) and max(layer._kernel_size) > 1:
        return "its kernel takes in the whole map"
    return ""


def keeps_geometry(layer: nn.Layer) -> bool:
    """Whether stride and padding are those that ``OctConv2D`` has."""
    if list(layer._stride) not in ([1, 1], [2, 2]):
        return False
    if layer._padding_mode == "reflect":  # a low map may be smaller than what is reflected
        return False
    if any(side % 2 == 0 for side in layer._kernel_size):
        return False
    dilation, padding = layer._dilation, layer._padding
    if isinstance(dilation, int):
        dilation = [dilation, dilation]
    half = [d * (side - 1) // 2 for d, side in zip(dilation, layer._kernel_size)]
    if isinstance(padding, str):
        return padding.upper() == "SAME"
    if isinstance(padding, int):
        padding = [padding, padding]
    flat = [
        side for part in padding for side in (part if isinstance(part, (list, tuple)) else [part])
    ]
    if len(flat) == 2:
        return list(flat) == half
    return len(flat) == 4 and flat == [half[0], half[0], half[1], half[1]]
