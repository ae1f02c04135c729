"""The moves between the scales of a pair as matrix products, where a CPU trains.

Paddle's CPU kernels pool and upsample pixel by pixel, forward and back. Here two rows of a high
map, or a whole small one, are a row of a matrix, which one product takes to the pixels of the low
map or makes of them. Values are the same, but for the order of the four terms of a mean. An
exported network has Paddle's own operators.
"""

from __future__ import annotations

import functools
import os
from typing import NamedTuple

import numpy as np
import paddle
from paddle import Tensor
from paddle.amp.auto_cast import amp_state

from ..common import machine

# Up to 64 multiply-adds for each element of a high map: beyond, Paddle's kernels are as fast.
MOST_WIDTH = 128  # of a map whose rows are taken two by two
MOST_PIXELS = 256  # of one that is taken as a whole, which an odd height asks for


class Moves(NamedTuple):
    """Both moves between a part of a high map and that of the low one.

    Attributes:
        spread: (low pixels, high pixels), 1 where a low pixel covers a high one.
        mean: (high pixels, low pixels), the share that a high pixel has in its low one.
    """

    spread: Tensor
    mean: Tensor

    def pool2(self, x: Tensor) -> Tensor:
        """``octave.pool2`` of (N, C, H, W)."""
        n, channels, height, width = x.shape
        y = paddle.matmul(_parts(x, self.mean), self.mean)
        return y.reshape([n, channels, -(-height // 2), -(-width // 2)])

    def up2(self, x: Tensor, like: Tensor) -> Tensor:
        """``octave.up2_to``."""
        y = paddle.matmul(_parts(x, self.spread), self.spread)
        return y.reshape([*x.shape[:2], *like.shape[2:]])

    def plus_up2(self, x: Tensor, y: Tensor) -> Tensor:
        """``octave.plus_up2``: the sum is made by the product that upsamples."""
        maps = x.reshape([-1, self.spread.shape[1]])
        return paddle.addmm(maps, _parts(y, self.spread), self.spread).reshape(x.shape)


@paddle.jit.not_to_static
def moves_of(x: Tensor, high: Tensor, data_format: str) -> Moves | None:
    """What moves a map by products; None where Paddle's own kernels are to do it.

    Args:
        x: what is moved.
        high: of the size that it is moved from or to.
        data_format: of both.
    """
    if not (
        paddle.in_dynamic_mode()
        and os.environ.get(machine.FAST_CPU) != "0"
        and paddle.is_grad_enabled()
        and not x.stop_gradient
        and data_format == "NCHW"
        and x.ndim == 4
        and x.dtype == paddle.float32
        and x.place.is_cpu_place()
        and amp_state() is None  # under which Paddle chooses the precision
    ):
        return None
    height, width = high.shape[2:]
    rows = height if height % 2 else 2
    if rows * width > (2 * MOST_WIDTH if rows == 2 else MOST_PIXELS):
        return None
    return _moves(rows, width)


@functools.lru_cache(maxsize=64)
def _moves(rows: int, width: int) -> Moves:
    spread = np.zeros([-(-rows // 2), -(-width // 2), rows, width], "float32")
    y, x = np.mgrid[:rows, :width]
    spread[y // 2, x // 2, y, x] = 1
    spread = spread.reshape(-1, rows * width)
    mean = (spread / spread.sum(axis=1, keepdims=True)).T
    return Moves(paddle.to_tensor(spread), paddle.to_tensor(np.ascontiguousarray(mean)))


def _parts(x: Tensor, matrix: Tensor) -> Tensor:
    return x.reshape([-1, matrix.shape[0]])
