"""Rules of what changes height and width: of each branch, so that the low one is half of the high
one again."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ...layers.octave import spread
from ..pair import Pair, at_least, fit, take
from .calls import Call, Unknown, axis_of, rule


@rule("mean", "max", "amax")
def reduce(call: Call) -> Tensor:
    """Over height and width: a plain tensor."""
    x, axis = call.map, call["axis"]
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    if sorted(axis_of(value) for value in axes) != list(x.space):
        raise Unknown("over other axes than height and width")
    whole = _whole(x, *(call.function(branch, list(x.space), True) for branch in (x.high, x.low)))
    return whole if call["keepdim"] else paddle.squeeze(whole, list(x.space))


@rule("adaptive_avg_pool2d", "adaptive_max_pool2d")
def adaptive_pool(call: Call) -> Tensor:
    x = _of_its_format(call)
    if any(side != 1 for side in _sides(call["output_size"])):
        raise Unknown("to a size other than 1")
    if call.get("return_mask"):
        raise Unknown("with a mask")
    return _whole(x, call.again(x.high), call.again(x.low))


def _whole(x: Pair, high: Tensor, low: Tensor) -> Tensor:
    """Values of all channels, one of each, in the vanilla order."""
    whole = paddle.concat([high, low], axis=x.channel_axis)
    layout = x.layout
    return whole if layout.is_ordered else take(whole, layout.joined, x.channel_axis)


@rule("avg_pool2d", "max_pool2d")
def pool(call: Call) -> Pair:
    x = _of_its_format(call)
    if call.get("return_mask"):
        raise Unknown("with a mask")
    kernel, padding = _sides(call["kernel_size"]), call["padding"]
    stride = kernel if call["stride"] is None else _sides(call["stride"])
    is_padded = padding not in (0, [0, 0], (0, 0), "VALID")
    if not is_padded and (max(kernel) > 4 or (kernel == stride and max(kernel) > 2)):
        # As large as a low map may be: a window of it has another share of the border.
        raise Unknown("without padding by a large kernel")
    high, low = call.again(x.high), x.low
    if kernel == stride == (2, 2) and padding == 0 and not call["ceil_mode"]:
        low = _crop(low, high, x.data_format)  # what belongs to the rows that are dropped
    elif not is_padded:
        low = at_least(low, kernel, x.data_format)
    # "SAME" rounds up by itself; with both, oneDNN has no pooling for odd sizes.
    rounds = not isinstance(padding, str) and not (
        isinstance(padding, int) and _is_half(x, high, kernel, stride, padding)
    )
    low = call.again(low, ceil_mode=rounds)
    return x.like(high, fit(low, high, x.data_format, max(kernel)))


def _is_half(x: Pair, high: Tensor, kernel: tuple, stride: tuple, padding: int) -> bool:
    """Whether the pooled low map is known to be half of the high one without rounding up.

    Rounding up, it may have a row and column more, which ``fit`` would have to cut off again.
    """
    for axis, size, step in zip(x.space, kernel, stride):
        side, wanted = x.low.shape[axis], (high.shape[axis] + 1) // 2
        if min(side, wanted) <= 0 or (side + 2 * padding - size) // step + 1 != wanted:
            return False
    return True


def _crop(low: Tensor, size: Tensor, data_format: str) -> Tensor:
    """A map cropped to the height and width of another."""
    first = 1 if data_format == "NHWC" else 2
    axes = [first, first + 1]
    known = list(size.shape)
    if -1 in known[first : first + 2]:
        known = paddle.shape(size)
    return paddle.slice(low, axes, [0, 0], [known[axis] for axis in axes])


@rule("interpolate", "upsample")
def interpolate(call: Call) -> Pair:
    x, mode = _of_its_format(call), call["mode"].lower()
    if mode not in ("nearest", "bilinear", "bicubic"):
        raise Unknown("in this mode")
    high = _interpolated(call, x.high)
    is_known = -1 not in [x.low.shape[axis] for axis in x.space]
    low = x.low if is_known else at_least(x.low, (2, 2), x.data_format)
    if mode == "nearest" and all(isinstance(side, int) for side in _sides(call["scale_factor"])):
        # By the scale: oneDNN takes other neighbours where it is given an odd size.
        return x.like(high, fit(_interpolated(call, low), high, x.data_format))
    size = [high.shape[axis] for axis in x.space]
    if -1 in size:
        measured = paddle.shape(high)
        size = [measured[axis] for axis in x.space]
    half = [(side + 1) // 2 for side in size]
    return x.like(high, _interpolated(call, low, size=half, scale_factor=None))


def _interpolated(call: Call, branch: Tensor, **changes: Any) -> Tensor:
    """The call on one branch, with some arguments changed; see ``layers.octave.spread``."""
    given = [branch.shape[axis] for axis in call.map.space]
    size, scale = (changes.get(name, call[name]) for name in ("size", "scale_factor"))
    sides = _sides(scale if size is None else size)
    if given != [1, 1] or not all(isinstance(side, (int, float)) for side in sides):
        return call.again(branch, **changes)
    return spread(branch, [int(side) for side in sides], call.map.data_format)


@rule("zeropad2d")
def zeropad2d(call: Call) -> Pair:
    arguments = {"x": call.pair, "pad": call["padding"], "mode": "constant", "value": 0.0}
    return pad(Call(F.pad, {**arguments, "data_format": call["data_format"]}))


@rule("pad")
def pad(call: Call) -> Pair:
    x, sides = _of_its_format(call), call["pad"]
    if not isinstance(sides, (list, tuple)) or len(sides) != 4:
        raise Unknown("of other axes than height and width")
    if not all(isinstance(side, int) and side >= 0 for side in sides):
        raise Unknown("by such an amount")
    left, right, top, bottom = sides
    half = [left // 2, (right + 1) // 2, top // 2, (bottom + 1) // 2]
    low = x.low
    if call["mode"] == "reflect":
        low = at_least(low, [max(half[2:]) + 1, max(half[:2]) + 1], x.data_format)
    high = call.again(x.high)
    return x.like(high, fit(call.again(low, pad=half), high, x.data_format))


def _of_its_format(call: Call) -> Pair:
    if call.map.data_format != (call.get("data_format") or "NCHW"):
        raise Unknown("in another data format")
    return call.map


def _sides(size: Any) -> tuple:
    if isinstance(size, (list, tuple)):
        return tuple(size) if len(size) == 2 else (size[0], size[0])
    return size, size
