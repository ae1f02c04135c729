"""The pair that flows through a converted network in the place of a tensor.

To the code of a vanilla network it is a tensor: it has the shape of one, its operators and its
methods. Each of them is looked up in ``rules``; one that is not there joins the pair into a tensor
and goes on with that.
"""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import numpy as np
import paddle
from paddle import Tensor
from paddle.base.framework import Parameter

from ..layers.octave import DataFormat, pool2, up2_to
from .layout import Layout
from .origin import NOWHERE, Origin


class Pair:
    """A feature map in two frequencies that stands for a tensor (N, C, H, W).

    Attributes:
        high: (N, C_high, H, W).
        low: (N, C_low, ceil(H/2), ceil(W/2)).
        layout: where each of the C channels lies.
        data_format: "NCHW", or "NHWC" with the channels last.
        origin: where it comes from, while it is being planned.
    """

    high: Tensor
    low: Tensor
    layout: Layout
    data_format: DataFormat
    origin: Origin

    def __init__(self, *args: Any) -> None:
        raise TypeError("pairs are made by pair.make")

    # What is neither an operator nor a method of tensors.

    @property
    def channel_axis(self) -> int:
        return 3 if self.data_format == "NHWC" else 1

    @property
    def space(self) -> tuple[int, int]:
        """The axes of height and width."""
        return (1, 2) if self.data_format == "NHWC" else (2, 3)

    def like(self, high: Tensor, low: Tensor, layout: Layout | None = None) -> Pair:
        """A pair of other branches; of the same layout unless another is given."""
        return make(high, low, layout or self.layout, self.data_format, self.origin)

    def become(self, other: Any) -> Pair:
        """Take over the contents of another map, as an in-place operation does."""
        if not isinstance(other, Pair):
            other = cut(other, self.layout, self.data_format)
            object.__setattr__(other, "origin", self.origin.lost())
        for name in ("high", "low", "layout", "origin"):
            object.__setattr__(self, name, getattr(other, name))
        return self

    # Attributes of tensors.

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # What isinstance(x, paddle.Tensor) asks, whoever asks it.
        kind = type(self)
        return Tensor if kind is Pair else kind

    @property
    def shape(self) -> list:
        sizes = [_size(self.high, axis) for axis in range(4)]
        channels = list(self.layout.slots.shape)
        axis = self.channel_axis
        return [*sizes[:axis], *channels, *sizes[axis + 1 :]]

    @property
    def ndim(self) -> int:
        return 3 + self.layout.slots.ndim

    def dim(self) -> int:
        return self.ndim

    @property
    def dtype(self):
        return self.high.dtype

    @property
    def place(self):
        return self.high.place

    @property
    def stop_gradient(self) -> bool:
        return self.high.stop_gradient and self.low.stop_gradient

    @stop_gradient.setter
    def stop_gradient(self, value: bool) -> None:
        self.high.stop_gradient = value
        self.low.stop_gradient = value

    @property
    def name(self) -> str:
        return self.high.name

    @property
    def desc(self) -> _Description:  # asked for by to_static of Paddle 2
        return _Description()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator:
        return iter(join(self))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Pair(high={list(self.high.shape)}, low={list(self.low.shape)}, {self.layout})"


class _Description:
    def id(self) -> int:
        return -1


_classes: dict[type, type] = {Tensor: Pair}
_size_classes: dict[type, type] = {}


def make(
    high: Tensor,
    low: Tensor,
    layout: Layout,
    data_format: DataFormat = "NCHW",
    origin: Origin = NOWHERE,
) -> Pair:
    """A pair."""
    kind = type(high)
    if kind not in _classes:
        # While a program is built, tensors are of another kind, which does not hand `x + pair`
        # over to the pair unless the pair is of that kind as well; in programs of the old kind
        # (pdmodel) a parameter's is one below a tensor's.
        parent = Parameter if issubclass(Parameter, kind) else kind
        _classes[kind] = Pair if issubclass(kind, Tensor) else type("Pair", (Pair, parent), {})
    cls: Any = _classes[kind]
    pair = cls.__new__(cls)
    for name, value in (
        ("high", high),
        ("low", low),
        ("layout", layout),
        ("data_format", data_format),
        ("origin", origin),
    ):
        object.__setattr__(pair, name, value)
    return pair


def join(pair: Pair) -> Tensor:
    """One tensor with the channels in the vanilla order, the low ones upsampled."""
    if pair.dtype == paddle.bool:  # Paddle interpolates no masks
        numbers = (paddle.cast(x, "int32") for x in (pair.high, pair.low))
        return paddle.cast(join(pair.like(*numbers)), "bool")
    layout = pair.layout
    joined = paddle.concat(
        [pair.high, up2_to(pair.low, pair.high, pair.data_format)], axis=pair.channel_axis
    )
    if not layout.is_ordered:
        joined = take(joined, layout.joined, pair.channel_axis)
    return paddle.reshape(joined, pair.shape) if layout.is_view else joined


def cut(x: Tensor, layout: Layout, data_format: DataFormat = "NCHW") -> Pair:
    """A tensor as a pair: its low channels are averaged; ``cut(join(pair), …)`` is the pair."""
    axis = 3 if data_format == "NHWC" else 1
    order = layout.order
    high = take(x, order[: layout.high], axis)
    low = take(x, order[layout.high :], axis)
    return make(high, halved(low, data_format), layout, data_format)


def halved(x: Tensor, data_format: DataFormat = "NCHW") -> Tensor:
    """A map at half its size: averages; of masks and whole numbers, which have none, each other
    pixel."""
    if x.dtype in (paddle.float32, paddle.float64, paddle.float16, paddle.bfloat16):
        return pool2(x, data_format)
    each = (slice(None), slice(None, None, 2), slice(None, None, 2))
    return x[each] if data_format == "NHWC" else x[(slice(None), *each)]


def convert(x: Any, layout: Layout | None, data_format: DataFormat = "NCHW") -> Any:
    """A pair of a layout, or a tensor if that is None, out of either."""
    if layout is None:
        return join(x) if isinstance(x, Pair) else x
    if not isinstance(x, Pair):
        return cut(x, layout, data_format)
    if x.layout == layout:
        return x
    if np.array_equal(x.layout.mask, layout.mask) and not (x.layout.is_view or layout.is_view):
        moved = x.layout.joined[layout.order]
        high = take(x.high, moved[: layout.high], x.channel_axis)
        low = take(x.low, moved[layout.high :] - layout.high, x.channel_axis)
        return make(high, low, layout, data_format, x.origin)
    return cut(join(x), layout, data_format)


def take(x: Tensor, indices: np.ndarray, axis: int) -> Tensor:
    """Some channels in some order."""
    size, first = len(indices), int(indices[0])
    if np.array_equal(indices, np.arange(first, first + size)):
        if first == 0 and size == x.shape[axis]:
            return x
        return paddle.slice(x, [axis], [first], [first + size])
    return paddle.index_select(x, paddle.to_tensor(indices, dtype="int64"), axis=axis)


def fit(low: Tensor, high: Tensor, data_format: DataFormat = "NCHW", reach: int = 1) -> Tensor:
    """A low branch cropped, or continued by its border, to half the size of the high branch.

    Args:
        low: (N, C, h, w).
        high: (N, C, H, W).
        data_format: of both.
        reach: side of the window that moved over both without padding; the low one is at most so
            many pixels short.
    """
    height = 1 if data_format == "NHWC" else 2
    known = list(high.shape[height : height + 2])
    if -1 in known:
        measured = paddle.shape(high)
        known = [measured[height], measured[height + 1]]
    return _resized(low, [(side + 1) // 2 for side in known], [reach, reach], data_format)


def at_least(x: Tensor, sides: Sequence[int], data_format: DataFormat = "NCHW") -> Tensor:
    """A map continued by its border where it is smaller than so many pixels."""
    height = 1 if data_format == "NHWC" else 2
    if max(sides) == 1:
        return x
    known = list(x.shape[height : height + 2])
    if -1 not in known:
        wanted = [max(side, size) for side, size in zip(sides, known)]
    else:
        measured = paddle.shape(x)
        wanted = [
            paddle.maximum(measured[height + index], paddle.full([], side, measured.dtype))
            for index, side in enumerate(sides)
        ]
    return _resized(x, wanted, [side - 1 for side in sides], data_format)


def _resized(x: Tensor, wanted: list, most: Sequence[int], data_format: DataFormat) -> Tensor:
    """A map cropped, or continued by its border, to a size that is at most so much larger."""
    height = 1 if data_format == "NHWC" else 2
    known = list(x.shape[height : height + 2])
    if -1 not in known and all(isinstance(side, int) for side in wanted):
        if known == wanted:
            return x
        most = [max(0, want - size) for want, size in zip(wanted, known)]
    if any(most):
        padding = [0, most[1], 0, most[0]]
        x = paddle.nn.functional.pad(x, padding, mode="replicate", data_format=data_format)
    return paddle.slice(x, [height, height + 1], [0, 0], wanted)


def _size(x: Tensor, axis: int) -> Any:
    """A side of a tensor; while a program is built it may be a tensor itself."""
    size = x.shape[axis]
    if size is not None and size >= 0:
        return size
    measured: Any = paddle.shape(x)[axis]
    # To_static asks a shape for negative sizes, which such a tensor could not answer.
    kind = type(measured)
    if kind not in _size_classes:

        def is_negative(self: Any, other: Any) -> Any:
            return False if type(other) is int and other == 0 else kind.__lt__(self, other)

        members = {"__slots__": (), "__lt__": is_negative, "__hash__": kind.__hash__}
        _size_classes[kind] = type("Size", (kind,), members)
    if isinstance(measured, paddle.static.Variable):
        measured.__class__ = _size_classes[kind]
        return measured
    return _size_classes[kind](measured)
