"""What the taps of a convolution see at some cells of its output: the rows of least squares."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np
from paddle import Tensor, nn

from .projection import Axis

_PAD_MODES: Any = {"zeros": "constant", "replicate": "edge", "reflect": "reflect"}


class Cells(NamedTuple):
    """Some cells of a batch of maps: for each the index of its image, its row and its column."""

    image: np.ndarray
    row: np.ndarray
    column: np.ndarray

    def over(self, size: Sequence[int], scale: int) -> Cells:
        """The cells of a map of this height and width over which these lie, ``scale`` by ``scale``
        on each."""
        row = np.minimum(self.row // scale, size[0] - 1)
        return Cells(self.image, row, np.minimum(self.column // scale, size[1] - 1))


def drawn(size: Sequence[int], count: int, seeds: Sequence[Sequence[int]]) -> Cells:
    """So many cells of each map, drawn by chance; all of them, if there are no more.

    Args:
        size: height and width of the maps.
        count: cells of each.
        seeds: one for each image, so that its cells do not depend on what other images there are.
    """
    height, width = size
    area = height * width
    if count >= area:
        chosen = np.tile(np.arange(area), (len(seeds), 1))
    else:
        draws = (np.random.default_rng(seed).choice(area, count, replace=False) for seed in seeds)
        chosen = np.sort(np.stack(list(draws)), axis=1)
    image = np.repeat(np.arange(len(seeds)), chosen.shape[1])
    return Cells(image, *np.divmod(chosen.ravel(), width))


def channels_last(x: Tensor, data_format: str) -> np.ndarray:
    """A map as an array (N, H, W, C)."""
    array = x.numpy()
    return array if data_format == "NHWC" else np.ascontiguousarray(array.transpose(0, 2, 3, 1))


class Window:
    """The geometry of a convolution on maps of one size.

    Attributes:
        vertical, horizontal: along the two axes.
        size: height and width of the output.
    """

    def __init__(self, conv: nn.Conv2D, size: Sequence[int]) -> None:
        self._mode = conv._padding_mode
        kernel, stride, dilation = conv._kernel_size, conv._stride, list(conv._dilation)
        if self._mode != "zeros":
            left, right, top, bottom = conv._reversed_padding_repeated_twice
            pads = [(top, bottom), (left, right)]
        elif conv._padding_algorithm == "SAME":  # Paddle passes over the dilation there
            dilation = [1, 1]
            pads = [_same(side, taps, step) for side, taps, step in zip(size, kernel, stride)]
        else:
            flat = list(conv._updated_padding)
            if len(flat) == 2:
                flat = [flat[0], flat[0], flat[1], flat[1]]
            pads = [(flat[0], flat[1]), (flat[2], flat[3])]
            if conv._padding_algorithm == "VALID":
                pads = [(0, 0), (0, 0)]
        self._pads = pads
        self.vertical, self.horizontal = (
            Axis(*each) for each in zip(kernel, stride, dilation, [before for before, _ in pads])
        )
        self.size = tuple(
            (side + sum(pad) - axis.dilation * (axis.kernel - 1) - 1) // axis.stride + 1
            for side, pad, axis in zip(size, pads, (self.vertical, self.horizontal))
        )

    def rows(self, x: np.ndarray, cells: Cells, groups: int) -> np.ndarray:
        """What the kernel sees at cells of the output.

        Args:
            x: (N, H, W, C).
            groups: of the convolution.

        Returns:
            (groups, cells, k * k * C / groups): taps in the order of rows, columns, channels.
        """
        padded = np.pad(x, [(0, 0), *self._pads, (0, 0)], mode=_PAD_MODES[self._mode])
        row, column = (
            place[:, None] * axis.stride + np.arange(axis.kernel) * axis.dilation
            for place, axis in ((cells.row, self.vertical), (cells.column, self.horizontal))
        )
        seen = padded[cells.image[:, None, None], row[:, :, None], column[:, None, :]]
        seen = seen.reshape(len(cells.image), -1, groups, x.shape[3] // groups)
        return seen.transpose(2, 0, 1, 3).reshape(groups, len(cells.image), -1)


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind a side, where Paddle is asked for padding "SAME"."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def as_unknowns(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A kernel [C_out, C_in / groups, k, k] as [groups, unknowns, C_out / groups], in float64."""
    flat = kernel.astype(np.float64).transpose(0, 2, 3, 1)
    return flat.reshape(groups, len(kernel) // groups, -1).transpose(0, 2, 1)


def as_kernel(unknowns: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The inverse of ``as_unknowns``; ``shape``: of the kernel."""
    outputs, inputs, height, width = shape
    flat = unknowns.transpose(0, 2, 1).reshape(outputs, height, width, inputs)
    return flat.transpose(0, 3, 1, 2)
