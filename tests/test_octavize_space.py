"""``octavizer``: what changes height and width does to a pair what it does to the map."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn
from pairs import FORMATS, LAYOUTS, Maps, check, is_octave, joined, same

from paddleclas_octconv import join, octavize
from paddleclas_octconv.layers import OctConv2D
from paddleclas_octconv.octavizer.pair import Pair, cut, fit, make
from paddleclas_octconv.octavizer.standins import stand_in

SIZES = {"even": (8, 12), "odd": (7, 10)}
OF_BLOCKS = {
    # Of pixels that are equal in blocks of 4x4: what is left are blocks of 2x2.
    "average": lambda x, _, m: F.avg_pool2d(x, 2, 2, data_format=m.data_format),
    "average, padding up": lambda x, _, m: F.avg_pool2d(
        x, 2, 2, ceil_mode=True, data_format=m.data_format
    ),
    "average, SAME": lambda x, _, m: F.avg_pool2d(x, 2, 2, "SAME", data_format=m.data_format),
    "maximum": lambda x, _, m: F.max_pool2d(x, 2, data_format=m.data_format),
    "every other pixel": lambda x, _, m: x[
        m.index(rows=slice(0, None, 2), columns=slice(None, None, 2))
    ],
    "from the second pixel": lambda x, _, m: x[
        m.index(rows=slice(1, None, 2), columns=slice(1, None, 2))
    ],
    "rows alone": lambda x, _, m: F.avg_pool2d(x, [2, 1], [2, 1], data_format=m.data_format),
    "cropped": lambda x, _, m: x[m.index(rows=slice(2, None), columns=slice(4, None))],
    "cropped at both ends": lambda x, _, m: x[m.index(rows=slice(2, 6), columns=slice(4, 8))],
    "cropped at the end": lambda x, _, m: x[m.index(columns=slice(None, -2))],
    "cropped, channels too": lambda x, _, m: x[m.index(slice(1, 9), slice(4, None))],
    "nearest, twice as large": lambda x, _, m: F.interpolate(
        x, scale_factor=2, data_format=m.data_format
    ),
    "nearest, to a size": lambda x, _, m: F.interpolate(
        x, size=[2 * x.shape[m.space[0]], 2 * x.shape[m.space[1]]], data_format=m.data_format
    ),
    "upsample": lambda x, _, m: F.upsample(x, scale_factor=[2, 2], data_format=m.data_format),
    "padded": lambda x, _, m: F.pad(x, [2, 4, 2, 6], value=0.5, data_format=m.data_format),
    "border continued": lambda x, _, m: F.pad(
        x, [4, 2, 2, 0], mode="replicate", data_format=m.data_format
    ),
    "zeros": lambda x, _, m: F.zeropad2d(x, [2, 2, 0, 2], data_format=m.data_format),
    "shape": lambda x, _, m: [x.reshape(x.shape), paddle.shape(x)],
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OF_BLOCKS)
def test_of_blocks(name, layout, data_format):
    maps = Maps(data_format, SIZES["even"], block=4)
    gradient = name not in ("shape", "maximum")
    found = check(
        OF_BLOCKS[name],
        maps,
        maps.of(),
        LAYOUTS[layout],
        gradient=gradient,
        joins=None if name == "shape" else False,
    )
    assert is_octave(found) or name in ("shape", "cropped, channels too")


REDUCED = {
    "mean": lambda x, _, m: x.mean(m.space),
    "mean, axes kept": lambda x, _, m: paddle.mean(x, axis=m.space, keepdim=True),
    "mean, from the end": lambda x, _, m: x.mean([axis - 4 for axis in m.space], keepdim=True),
    "max": lambda x, _, m: paddle.max(x, m.space),
    "amax": lambda x, _, m: x.amax(axis=m.space, keepdim=True),
    "adaptive average": lambda x, _, m: F.adaptive_avg_pool2d(x, 1, data_format=m.data_format),
    "adaptive average, sides": lambda x, _, m: F.adaptive_avg_pool2d(
        x, [1, 1], data_format=m.data_format
    ),
    "average of all": lambda x, _, m: F.avg_pool2d(x, [6, 8], data_format=m.data_format),
    "mean of channels": lambda x, _, m: x.mean(m.channel, keepdim=True),
    "mean of all": lambda x, _, m: x.mean(),
    "mean of rows": lambda x, _, m: x.mean(m.space[0]),
    "sum": lambda x, _, m: x.sum(m.space),
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", REDUCED)
def test_of_the_whole_map(name, layout, data_format):
    maps = Maps(data_format)
    gradient = "max" not in name
    joins = name in ("mean of channels", "mean of all", "mean of rows", "sum", "average of all")
    function = REDUCED[name]
    found = check(function, maps, maps.of(), LAYOUTS[layout], gradient=gradient, joins=joins)
    assert not is_octave(found)


def adaptive_maximum(x, _, maps):
    return F.adaptive_max_pool2d(x, 1)


def test_adaptive_maximum():
    maps = Maps()
    check(adaptive_maximum, maps, maps.of(), LAYOUTS["shuffled"], gradient=False)


ON_CONSTANT_LOW_MAPS = {
    "average 3x3": lambda x, m: F.avg_pool2d(x, 3, 2, 1, data_format=m.data_format),
    "average 3x3, no padding": lambda x, m: F.avg_pool2d(x, 3, 2, data_format=m.data_format),
    "average 3x3, stride 1": lambda x, m: F.avg_pool2d(x, 3, 1, 1, data_format=m.data_format),
    "maximum 3x3": lambda x, m: F.max_pool2d(x, 3, 2, 1, data_format=m.data_format),
    "maximum 3x3, up": lambda x, m: F.max_pool2d(
        x, kernel_size=3, stride=2, ceil_mode=True, data_format=m.data_format
    ),
    "maximum 2x2": lambda x, m: F.max_pool2d(x, 2, 2, data_format=m.data_format),
    "average 5x5": lambda x, m: F.avg_pool2d(x, 5, 1, data_format=m.data_format),
    "bilinear": lambda x, m: F.interpolate(
        x, size=[13, 9], mode="bilinear", data_format=m.data_format
    ),
    "bilinear, corners": lambda x, m: F.interpolate(
        x, scale_factor=2, mode="bilinear", align_corners=True, data_format=m.data_format
    ),
    "bicubic": lambda x, m: F.interpolate(
        x, scale_factor=1.5, mode="bicubic", data_format=m.data_format
    ),
    "nearest, smaller": lambda x, m: F.interpolate(x, size=[3, 5], data_format=m.data_format),
    "border continued": lambda x, m: F.pad(
        x, [1, 2, 3, 1], mode="replicate", data_format=m.data_format
    ),
    "reflected": lambda x, m: F.pad(x, [1, 2, 3, 1], mode="reflect", data_format=m.data_format),
    "wrapped": lambda x, m: F.pad(x, [1, 2, 3, 1], mode="circular", data_format=m.data_format),
    "cropped": lambda x, m: x[m.index(rows=slice(1, -1), columns=slice(3, None))],
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", ON_CONSTANT_LOW_MAPS)
def test_of_constant_low_channels_and_random_high_ones(name, size, data_format):
    """The high channels are what they are in the vanilla network, whatever they hold."""
    maps, layout = Maps(data_format, size, block=1), LAYOUTS["shuffled"]
    low = paddle.to_tensor(layout.mask.astype("float64")).reshape(
        [-1 if axis == maps.channel else 1 for axis in range(4)]
    )
    x = maps.of() * (1 - low) + maps.of(size=(1, 1)) * low
    function = ON_CONSTANT_LOW_MAPS[name]
    try:
        expected = function(x, maps)
    except Exception as error:
        pytest.skip(f"Paddle: {type(error).__name__}")
    result = stand_in(function)(cut(x, layout, data_format), maps)
    same(joined(result)[0], expected, rtol=1e-6)  # Paddle's ratios are of float32
    assert isinstance(result, Pair) or name in ("wrapped", "average 5x5")


def test_what_is_left_of_a_pool_s_windows_is_pooled_in_the_low_branch_too():
    low = np.random.RandomState(0).uniform(size=[2, 5, 4, 4])
    layout = LAYOUTS["shuffled"]
    pair = make(paddle.rand([2, 7, 8, 8], "float64"), paddle.to_tensor(low), layout)
    found = stand_in(F.max_pool2d)(pair, 3, 2).low.numpy()
    ends = [slice(0, 3), slice(2, 4)]
    expected = [[low[:, :, rows, columns].max((2, 3)) for columns in ends] for rows in ends]
    np.testing.assert_array_equal(found, np.moveaxis(expected, (0, 1), (2, 3)))


def test_rows_that_the_high_branch_drops_the_low_one_drops_too():
    low = np.random.RandomState(0).uniform(size=[2, 5, 4, 5])
    pair = make(paddle.rand([2, 7, 7, 10], "float64"), paddle.to_tensor(low), LAYOUTS["shuffled"])
    found = stand_in(F.avg_pool2d)(pair, 2, 2)
    assert found.high.shape == [2, 7, 3, 5]
    # The last row of three is half of a cell: of the low map's fourth row nothing is left.
    rows, columns = [slice(0, 2), slice(2, 3)], [slice(0, 2), slice(2, 4), slice(4, 5)]
    expected = [[low[:, :, r, c].mean((2, 3)) for c in columns] for r in rows]
    np.testing.assert_allclose(found.low.numpy(), np.moveaxis(expected, (0, 1), (2, 3)), rtol=1e-9)


@pytest.mark.parametrize("size, wanted", [((7, 10), [13, 22]), ((2, 2), [4, 6]), ((1, 1), [3, 2])])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_either_branch_is_interpolated(mode, size, wanted):
    pair = cut(Maps(size=size, block=1).of(), LAYOUTS["shuffled"])
    found = stand_in(F.interpolate)(pair, size=wanted, mode=mode)
    half = [(side + 1) // 2 for side in wanted]
    same(found.high, F.interpolate(pair.high, size=wanted, mode=mode))
    same(found.low, F.interpolate(pair.low, size=half, mode=mode))


@pytest.mark.parametrize(
    "given, wanted",
    [((4, 5), (8, 10)), ((4, 5), (7, 9)), ((3, 5), (8, 9)), ((5, 4), (7, 10)), ((2, 3), (10, 12))],
)
@pytest.mark.parametrize("data_format", FORMATS)
def test_a_low_map_is_cropped_or_continued_to_half(given, wanted, data_format):
    low, high = np.random.rand(2, 3, *given), np.zeros([2, 4, *wanted])
    half = [(side + 1) // 2 for side in wanted]
    more = [(0, max(0, want - side)) for want, side in zip(half, given)]
    expected = np.pad(low, [(0, 0), (0, 0), *more], mode="edge")[:, :, : half[0], : half[1]]
    maps = Maps(data_format)
    tensors = (paddle.to_tensor(maps.ordered(x)) for x in (low, high))
    np.testing.assert_array_equal(fit(*tensors, data_format).numpy(), maps.ordered(expected))


class Decoder(nn.Layer):
    """Two convolutions, a transposed one, and two more."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2D(3, 16, 3, padding=1), nn.Conv2D(16, 16, 3, padding=1))
        self.up = nn.Conv2DTranspose(16, 16, 2, stride=2)
        self.outer = nn.Sequential(nn.Conv2D(16, 16, 3, padding=1), nn.Conv2D(16, 4, 1))

    def forward(self, x):
        return self.outer(self.up(self.inner(x)))


def test_a_transposed_convolution_takes_the_joined_map_and_stays_as_it_is():
    paddle.seed(0)
    network = Decoder()
    kernel = network.up.weight.numpy()
    octavize(network, 0.5, input_size=(17, 18))
    seen = []
    network.up.register_forward_post_hook(lambda layer, given, made: seen.append((given[0], made)))
    assert network(paddle.rand([2, 3, 17, 18])).shape == [2, 4, 34, 36]
    ((given, made),) = seen
    assert (
        isinstance(network.up, nn.Conv2DTranspose) and (network.up.weight.numpy() == kernel).all()
    )
    assert given.shape == [2, 16, 17, 18]
    plain = F.conv2d_transpose(join(given), paddle.to_tensor(kernel), network.up.bias, stride=2)
    np.testing.assert_allclose(made.numpy(), plain.numpy(), atol=1e-6)
    assert any(isinstance(layer, OctConv2D) for layer in network.sublayers())
