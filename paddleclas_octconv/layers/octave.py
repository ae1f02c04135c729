"""The pair of feature maps that octave layers exchange, and the two moves between its scales.

A feature map of C channels at ratio ``alpha`` is a high branch of
C - floor(alpha * C) channels at (H, W) and a low branch of floor(alpha * C)
channels at (ceil(H/2), ceil(W/2)) ("Drop an Octave", arXiv:1904.05049,
section 3.1). At ``alpha = 0`` it is a plain tensor.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Sequence, Union

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from .products import moves_of


class Octave(NamedTuple):
    """A feature map in two frequencies.

    Attributes:
        high: (N, C_high, H, W).
        low: (N, C_low, ceil(H/2), ceil(W/2)).
    """

    high: Tensor
    low: Tensor

    @property
    def stop_gradient(self) -> bool:
        return self.high.stop_gradient and self.low.stop_gradient

    @stop_gradient.setter
    def stop_gradient(self, value: bool) -> None:
        # PaddleClas's `freeze_befor` sets this on whatever a layer returns.
        self.high.stop_gradient = value
        self.low.stop_gradient = value


Feature = Union[Tensor, Octave]
DataFormat = Literal["NCHW", "NHWC"]


def branches(x: Feature) -> tuple[Tensor, Tensor | None]:
    """The high and the low branch; a plain tensor is a high branch alone.

    The forwards of layers spell this out: ``to_static`` loses the pair in a function of its own.
    """
    return (x.high, x.low) if isinstance(x, Octave) else (x, None)


def pair(high: Tensor, low: Tensor | None) -> Feature:
    """What layers give: the pair, or a plain tensor where there is no low branch."""
    return high if low is None else Octave(high, low)


def plus(x: Tensor | None, y: Tensor | None) -> Tensor | None:
    """The sum of two tensors, where None stands for zeros."""
    if x is None or y is None:
        return y if x is None else x
    return x + y


def pool2(x: Tensor, data_format: DataFormat = "NCHW") -> Tensor:
    """2x2 average, stride 2: (H, W) -> (ceil(H/2), ceil(W/2)); borders average what is there."""
    moves = moves_of(x, x, data_format)
    if moves is not None:
        return moves.pool2(x)
    return F.avg_pool2d(
        x, kernel_size=2, stride=2, ceil_mode=True, exclusive=True, data_format=data_format
    )


def up2_to(x: Tensor, like: Tensor, data_format: DataFormat = "NCHW") -> Tensor:
    """Nearest, x2, cropped to the (H, W) of ``like``, whose half (rounded up) is that of ``x``.

    Asking the interpolation for an odd size outright would be the same in Paddle's own kernels,
    but not in oneDNN's: at a scale other than 2 it takes other neighbours.
    """
    moves = moves_of(x, like, data_format)
    if moves is not None:
        return moves.up2(x, like)
    height = 1 if data_format == "NHWC" else 2
    # Spelt `y.shape`, to_static would turn a size that is known into operators that measure it.
    size, given = (list(getattr(y, "shape")[height : height + 2]) for y in (like, x))  # noqa: B009
    is_known = -1 not in size
    if is_known and given == [1, 1]:
        return spread(x, size, data_format)
    if not is_known:
        measured = paddle.shape(like)
        size = [measured[height], measured[height + 1]]
        x = F.pad(x, [0, 1, 0, 1], data_format=data_format)  # never of one pixel: see `spread`
    up = F.interpolate(x, scale_factor=2, mode="nearest", data_format=data_format)
    if not is_known or size != [2 * side for side in given]:
        up = paddle.slice(up, [height, height + 1], [0, 0], size)
    return up


def spread(x: Tensor, size: Sequence[int], data_format: DataFormat = "NCHW") -> Tensor:
    """A map of one pixel at another (H, W): what interpolating it gives, in every mode.

    oneDNN must not do that. In memory (N, C, 1, 1) is (N, 1, 1, C), for which it
    takes it, but with the strides of the former: it leaves most channels unset, and writes beyond
    the end where C is no multiple of what its registers hold.
    """
    times = [1, *size, 1] if data_format == "NHWC" else [1, 1, *size]
    return x if times == [1, 1, 1, 1] else paddle.tile(x, times)


def plus_up2(x: Tensor, y: Tensor, data_format: DataFormat = "NCHW") -> Tensor:
    """``x + up2_to(y, x)``."""
    moves = moves_of(y, x, data_format)
    if moves is not None:
        return moves.plus_up2(x, y)
    return x + up2_to(y, x, data_format)


def join(x: Feature, data_format: DataFormat = "NCHW") -> Tensor:
    """One tensor with all the channels at (H, W): the high ones, then the low ones upsampled."""
    if not isinstance(x, Octave):
        return x
    axis = 3 if data_format == "NHWC" else 1
    return paddle.concat([x.high, up2_to(x.low, x.high, data_format)], axis=axis)
