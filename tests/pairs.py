"""Functions on pairs, compared with what they do to the tensors that the pairs stand for.

Where the pixels of a map are equal in blocks of 2x2, its pair loses nothing: a function of the
pair, joined, is the function of the map.
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F

from paddleclas_octconv.octavizer.layout import Layout
from paddleclas_octconv.octavizer.origin import Listener, Origin
from paddleclas_octconv.octavizer.pair import Pair, cut, join, make
from paddleclas_octconv.octavizer.standins import stand_in

CHANNELS = 12
LAYOUTS = {
    "ordered": Layout.of_alpha(CHANNELS, 0.25),
    "in sections": Layout.of_alpha(CHANNELS, 0.5, [4, 8]),
    # Neither branch in the vanilla order, and another number of channels in each.
    "shuffled": Layout([3, -1, 0, -4, 6, -2, 1, 5, -3, 4, -5, 2]),
}
FORMATS = ("NCHW", "NHWC")


class Maps:
    """Random maps of one data format, the same ones at every call.

    Attributes:
        channel: the axis of channels.
        space: the axes of height and width.
        size: height and width.
        block: pixels are equal in blocks of this side.
    """

    def __init__(self, data_format="NCHW", size=(6, 8), block=2, low=-0.9, high=0.9):
        self.data_format, self.size, self.block = data_format, size, block
        self.channel, self.space = (1, [2, 3]) if data_format == "NCHW" else (3, [1, 2])
        self.low, self.high = low, high

    def of(self, channels=CHANNELS, seed=0, batch=2, size=None):
        """(N, C, H, W), or (N, H, W, C)."""
        sides = size or self.size
        cells = [-(-side // self.block) for side in sides]
        random = np.random.RandomState(seed)
        values = random.uniform(self.low, self.high, [batch, channels, *cells])
        values = values.repeat(self.block, 2).repeat(self.block, 3)[:, :, : sides[0], : sides[1]]
        return paddle.to_tensor(self.ordered(values))

    def vector(self, channels=CHANNELS, seed=7):
        """(1, C, 1, 1), or (1, 1, 1, C)."""
        values = np.random.RandomState(seed).uniform(0.1, 0.9, [1, channels, 1, 1])
        return paddle.to_tensor(self.ordered(values))

    def ordered(self, values):
        return values if self.data_format == "NCHW" else np.moveaxis(values, 1, 3)

    def index(self, channels=slice(None), rows=slice(None), columns=slice(None)):
        """An index of a map."""
        parts = (channels, rows, columns)
        return (slice(None), *(parts if self.data_format == "NCHW" else (*parts[1:], parts[0])))


def joined(value):
    """A result with the pairs in it joined, as a flat list of tensors."""
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in joined(item)]
    return [join(value) if isinstance(value, Pair) else value]


def is_octave(value):
    """Whether pairs are in a result."""
    if isinstance(value, (list, tuple)):
        return any(map(is_octave, value))
    return isinstance(value, Pair)


class Joins(Listener):
    """Notes what functions join pairs."""

    def __init__(self):
        self.functions = []

    def joined(self, function, reason):
        self.functions.append(function)

    def told_of(self, pair):
        return make(pair.high, pair.low, pair.layout, pair.data_format, Origin(frozenset(), self))


def check(function, maps, x, layout, *, y=None, y_layout=None, gradient=True, joins=False):
    """Call ``function(x, y, maps)`` on tensors and on the pairs that are cut of them.

    ``y`` is another map; values must be equal, and so must the gradients by ``x`` and ``y``. Pairs
    must be joined on the way if ``joins``, and must not be if it is False; None allows both.

    Returns:
        What the function gave for the pairs.
    """
    tensors = [[each.clone().detach() for each in (x, y) if each is not None] for _ in (0, 1)]
    for each in (*tensors[0], *tensors[1]):
        each.stop_gradient = not gradient
    # The functions may work in place, which a leaf that is learned does not allow.
    plain = [each * 1 for each in tensors[0]]
    told = Joins()
    pairs = [
        told.told_of(cut(each, kind, maps.data_format))
        for each, kind in zip(tensors[1], (layout, y_layout or layout))
    ]
    missing = [None] * (2 - len(plain))
    expected = joined(function(*plain, *missing, maps))
    result = stand_in(function)(*pairs, *missing, maps)
    assert joins is None or bool(told.functions) == joins, told.functions
    found = joined(result)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        same(ours, theirs)
    if gradient:
        for results in (expected, found):
            sum(_weighted(each, maps.channel) for each in results).backward()
        for theirs, ours in zip(*tensors):
            given = (paddle.zeros_like(x) if x.grad is None else x.grad for x in (ours, theirs))
            same(*(of_blocks(gradient, maps) for gradient in given))
    return result


def _weighted(x, channel):
    """A sum with a weight for each channel, so that gradients tell which is which."""
    if x.ndim != 4:
        return (x * x).sum()
    weights = 1 + paddle.arange(x.shape[channel], dtype=x.dtype)
    return (x * weights.reshape([-1, 1, 1] if channel == 1 else [-1])).sum()


def of_blocks(gradient, maps):
    """The mean gradient of each block: within one they need not be equal."""
    side = maps.block
    return F.avg_pool2d(gradient, side, side, ceil_mode=True, data_format=maps.data_format)


def same(ours, theirs, rtol=1e-9):
    """Equal values, to the rounding of float64."""
    if not isinstance(theirs, paddle.Tensor):
        assert ours == theirs
        return
    assert ours.dtype == theirs.dtype and list(ours.shape) == list(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=rtol, atol=rtol / 100)
