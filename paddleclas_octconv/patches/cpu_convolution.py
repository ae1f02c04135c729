"""Convolutions that train fast on a CPU where feature maps are small.

Paddle's CPU kernels (3.2.2 and before) convolve image by image, and depthwise channel by channel:
one small matrix product for each. On maps of 8x8 and less that reads all weights, and in the
backward pass reads and writes all their gradients, for the few pixels of one image. Here one
product serves the whole batch, with the same terms summed in another order:

* a convolution gathers the pixels under its kernel into the rows of a matrix, without the taps
  that meet nothing but padding, and multiplies it by the kernel;
* a depthwise convolution multiplies, for each channel, the maps of all images by the matrix that
  the kernel is on a map of this size.

A bias is added in a form that Paddle adds fast, whichever way the convolution goes.

What does not fit goes to Paddle's own kernels. Needed until Paddle trains with oneDNN, or another
kernel for whole batches, on CPUs.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import Iterator, NamedTuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.amp.auto_cast import amp_state
from paddle.autograd import PyLayer

from ..common import machine
from .patch import TRAINER, Patch

CONV2D = Patch(
    "paddle.nn.Conv2D.forward",
    f"{TRAINER} that trains on a CPU, and `benchmark --train-step` there",
    "Paddle's CPU kernels convolve image by image, which on small feature maps is slow: one matrix "
    "product serves the whole batch",
    "Paddle trains with oneDNN",
)
PATCHES = (CONV2D,)

# Where this is faster than Paddle's kernels, by forward and backward together: from how many images
# a batch and up to how many pixels an output; and for a depthwise convolution up to how many
# elements of a kernel's matrix (pixels of input times output), for each image and at all.
LEAST_BATCH, MOST_OUTPUTS = 16, 9
MOST_PLACES_AN_IMAGE, MOST_PLACES = 2**10, 2**15
SWITCH = machine.FAST_CPU


class _Geometry(NamedTuple):
    """Where a kernel meets a map of one size; "taps" are the elements of the kernel.

    Attributes:
        rows, columns: the part of the kernel that meets pixels at all.
        output: height and width of the output.
        pixels: (output pixels, taps): the input pixel, or -1 in the padding.
    """

    rows: slice
    columns: slice
    output: tuple[int, int]
    pixels: np.ndarray


@functools.lru_cache(maxsize=None)
def _geometry(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> _Geometry:
    met, parts = [], []
    for axis in (0, 1):
        span = dilation[axis] * (kernel[axis] - 1) + 1
        outputs = (size[axis] + 2 * padding[axis] - span) // stride[axis] + 1
        pixels = np.arange(outputs)[:, None] * stride[axis] - padding[axis]
        pixels = pixels + np.arange(kernel[axis]) * dilation[axis]
        pixels[(pixels < 0) | (pixels >= size[axis])] = -1
        used = np.flatnonzero((pixels >= 0).any(axis=0))
        parts.append(slice(used[0], used[-1] + 1) if used.size else slice(0, 0))
        met.append(pixels[:, parts[-1]])
    y, x = met[0][:, None, :, None], met[1][None, :, None, :]
    pixels = np.where((y < 0) | (x < 0), -1, y * size[1] + x)
    height, width = pixels.shape[:2]
    taps = pixels.shape[2] * pixels.shape[3]
    pixels = pixels.reshape(height * width, taps)
    return _Geometry(parts[0], parts[1], (height, width), pixels)


class _Dense(PyLayer):
    """A convolution as one product: (N * output pixels, taps * C) by (taps * C, O)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, key: tuple) -> Tensor:
        geometry = _geometry(*key)
        rows = _rows(x)
        kernel = _swap(_met_kernel(weight, geometry).flatten(2)).flatten(1)  # (O, taps * C)
        ctx.save_for_backward(rows, kernel)
        ctx.key = key
        ctx.needs_dx, ctx.needs_dw = not x.stop_gradient, not weight.stop_gradient
        ctx.x_shape, ctx.weight_shape = x.shape, weight.shape
        y = paddle.matmul(_gather(rows, x.shape[0], key), kernel, transpose_y=True)
        return _maps(y, x.shape[0], geometry.output)

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        rows, kernel = ctx.saved_tensor()
        n, channels, *size = ctx.x_shape
        dy = _rows(dy)
        dx = dw = None
        if ctx.needs_dx:
            dx = _maps(_scatter(paddle.matmul(dy, kernel), n, ctx.key), n, size)
        if ctx.needs_dw:
            dkernel = paddle.matmul(dy, _gather(rows, n, ctx.key), transpose_x=True)
            dkernel = _swap(dkernel.reshape([dy.shape[1], -1, channels]))
            dw = _whole_kernel(dkernel, ctx.weight_shape, _geometry(*ctx.key))
        return dx, dw


class _Depthwise(PyLayer):
    """A depthwise convolution as a product for each channel: (N, pixels) by (pixels, outputs)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, key: tuple) -> Tensor:
        geometry = _geometry(*key)
        maps = _transpose(x.flatten(2), [1, 0, 2])  # (C, N, pixels)
        kernel = _met_kernel(weight, geometry).flatten(1)  # (C, taps)
        matrices = paddle.matmul(kernel, _places(key))
        matrices = matrices.reshape([maps.shape[0], maps.shape[2], -1])
        ctx.save_for_backward(maps, matrices)
        ctx.key = key
        ctx.needs_dx, ctx.needs_dw = not x.stop_gradient, not weight.stop_gradient
        ctx.x_shape, ctx.weight_shape = x.shape, weight.shape
        y = _transpose(paddle.matmul(maps, matrices), [1, 0, 2])
        return y.reshape([*x.shape[:2], *geometry.output])

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        maps, matrices = ctx.saved_tensor()
        dy = _transpose(dy.flatten(2), [1, 0, 2])
        dx = dw = None
        if ctx.needs_dx:
            dx = paddle.matmul(dy, matrices, transpose_y=True)
            dx = _transpose(dx, [1, 0, 2]).reshape(ctx.x_shape)
        if ctx.needs_dw:
            dmatrices = paddle.matmul(maps, dy, transpose_x=True).flatten(1)
            dkernel = paddle.matmul(dmatrices, _places(ctx.key), transpose_y=True).unsqueeze(1)
            dw = _whole_kernel(dkernel, ctx.weight_shape, _geometry(*ctx.key))
        return dx, dw


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C)."""
    return _swap(x.flatten(2)).flatten(0, 1)


def _maps(rows: Tensor, n: int, size: tuple[int, int]) -> Tensor:
    """(N * H * W, C) -> (N, C, H, W)."""
    channels = rows.shape[1]
    return _swap(rows.reshape([n, -1, channels])).reshape([n, channels, *size])


def _gather(rows: Tensor, n: int, key: tuple) -> Tensor:
    """(N * pixels, C) -> (N * output pixels, taps * C)."""
    index = _gather_index(n, key)
    if index is None:
        return rows
    taps = _geometry(*key).pixels.shape[1]
    return paddle.gather(_with_zero(rows), index).reshape([-1, taps * rows.shape[1]])


def _scatter(columns: Tensor, n: int, key: tuple) -> Tensor:
    """Add up, for each pixel, what ``_gather`` has taken it to."""
    if _gather_index(n, key) is None:
        return columns
    taps = _geometry(*key).pixels.shape[1]
    source = _with_zero(columns.reshape([columns.shape[0] * taps, -1]))
    first, *others = _scatter_indices(n, key)
    total = paddle.gather(source, first)
    for index in others:
        total.add_(paddle.gather(source, index))
    return total


def _with_zero(rows: Tensor) -> Tensor:
    return paddle.concat([rows, paddle.zeros([1, rows.shape[1]])])


@functools.lru_cache(maxsize=256)
def _gather_index(n: int, key: tuple) -> Tensor | None:
    """Rows of (N * pixels + a zero row, C); None where they are all, in order."""
    pixels = _geometry(*key).pixels
    count = key[0][0] * key[0][1]
    if pixels.shape == (count, 1) and (pixels[:, 0] == np.arange(count)).all():
        return None
    images = np.arange(n)[:, None, None] * count
    return paddle.to_tensor(np.where(pixels < 0, n * count, images + pixels).ravel())


@functools.lru_cache(maxsize=256)
def _scatter_indices(n: int, key: tuple) -> list[Tensor]:
    """Rows of (N * output pixels * taps + a zero row, C) to add up to (N * pixels, C)."""
    pixels = _geometry(*key).pixels
    count = key[0][0] * key[0][1]
    met = [np.flatnonzero(pixels.ravel() == pixel) for pixel in range(count)]
    images = np.arange(n)[:, None] * pixels.size
    indices = []
    for place in range(max(map(len, met))):
        taken = np.array([one[place] if place < len(one) else -1 for one in met])
        indices.append(np.where(taken < 0, n * pixels.size, images + taken).ravel())
    return [paddle.to_tensor(index) for index in indices]


@functools.lru_cache(maxsize=256)
def _places(key: tuple) -> Tensor:
    """(taps, pixels * output pixels): 1 where a tap takes a pixel to an output."""
    pixels = _geometry(*key).pixels
    places = np.zeros([pixels.shape[1], key[0][0] * key[0][1], pixels.shape[0]], "float32")
    output, tap = np.nonzero(pixels >= 0)
    places[tap, pixels[output, tap], output] = 1
    return paddle.to_tensor(places.reshape(pixels.shape[1], -1))


def _met_kernel(weight: Tensor, geometry: _Geometry) -> Tensor:
    """The part of a kernel that meets pixels."""
    rows, columns = geometry.rows, geometry.columns
    if (rows.stop - rows.start, columns.stop - columns.start) == tuple(weight.shape[2:]):
        return weight
    with _copies():
        return weight[:, :, rows, columns]


def _whole_kernel(part: Tensor, shape: list[int], geometry: _Geometry) -> Tensor:
    """The gradient of a kernel from that of its taps that meet pixels, (O, C, taps)."""
    taps = np.arange(shape[2] * shape[3]).reshape(shape[2:])
    met = taps[geometry.rows, geometry.columns].ravel()
    if met.size < taps.size:
        # By a product, which is many times faster than setting a slice, or padding.
        places = paddle.to_tensor(np.eye(taps.size, dtype="float32")[met])
        part = paddle.matmul(part.flatten(0, 1), places)
    return part.reshape(shape)


def _swap(x: Tensor) -> Tensor:
    """(A, B, C) -> (A, C, B)."""
    a, b, c = x.shape
    return x.reshape([a, c, b]) if b == 1 or c == 1 else _transpose(x, [0, 2, 1])


def _transpose(x: Tensor, axes: list[int]) -> Tensor:
    x = x.contiguous()  # what copies refuses a view, as of half of the channels
    with _copies():
        return paddle.transpose(x, axes)


@contextlib.contextmanager
def _copies() -> Iterator[None]:
    """Let slices and transpositions copy: ten times as fast as reading Paddle's views of them."""
    name = "FLAGS_use_stride_kernel"
    before = paddle.get_flags(name)
    paddle.set_flags({name: False})
    try:
        yield
    finally:
        paddle.set_flags(before)


def _plain(layer: nn.Conv2D, x: Tensor) -> bool:
    """Whether it is a convolution of float32 images that Paddle computes on the CPU as called."""
    return (
        paddle.in_dynamic_mode()
        and layer._padding_mode == "zeros"
        and layer._padding_algorithm == "EXPLICIT"
        and len(layer._updated_padding) == 2
        and layer._data_format == "NCHW"
        and x.ndim == 4
        and x.dtype == layer.weight.dtype == paddle.float32
        and x.place.is_cpu_place()
        and amp_state() is None  # under which Paddle chooses the precision
    )


def _by_batch(layer: nn.Conv2D, x: Tensor) -> Tensor | None:
    """The convolution without its bias; None where Paddle's own kernel is to do it."""
    weight = layer.weight
    n, channels, *size = x.shape
    settings = (layer._stride, layer._updated_padding, layer._dilation)
    stride, padding, dilation = (tuple(value) for value in settings)
    kernel = tuple(weight.shape[2:])
    dense = layer._groups == 1 and channels > 1 and n >= LEAST_BATCH
    depthwise = layer._groups == channels == weight.shape[0]
    if not (dense or depthwise) or not 0 < size[0] * size[1] <= MOST_PLACES:
        return None
    key = (tuple(size), kernel, stride, padding, dilation)
    geometry = _geometry(*key)
    if not geometry.pixels.size:  # nothing but padding
        return None
    outputs = geometry.pixels.shape[0]
    if dense and outputs <= MOST_OUTPUTS:
        return _Dense.apply(x, weight, key)
    places = size[0] * size[1] * outputs
    if depthwise and places <= min(n * MOST_PLACES_AN_IMAGE, MOST_PLACES):
        return _Depthwise.apply(x, weight, key)
    return None


@functools.lru_cache(maxsize=None)  # once a process
def install() -> None:
    """Make every ``paddle.nn.Conv2D`` of this process convolve so, unless ``SWITCH`` is "0"."""
    if os.environ.get(SWITCH) == "0":
        return
    CONV2D.wrap(nn.Conv2D, _forward_by_batch)


def _forward_by_batch(forward, self, x):
    if not _plain(self, x):
        return forward(self, x)
    y = _by_batch(self, x)
    if self.bias is None:
        return forward(self, x) if y is None else y
    if y is None:
        y = nn.functional.conv2d(
            x,
            self.weight,
            stride=self._stride,
            padding=self._updated_padding,
            dilation=self._dilation,
            groups=self._groups,
        )
    # Of shape (C, 1, 1): for (1, C, 1, 1), which Paddle's own forward adds, Paddle looks up the
    # place of each element, and takes four times as long for the same sum.
    return y + self.bias.reshape([-1, 1, 1])
