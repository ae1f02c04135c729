"""Projected kernels against brute force: upsample, convolve, average, in float64."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddleclas_octconv.calibrate.columns import Window, as_kernel, as_unknowns, drawn
from paddleclas_octconv.calibrate.projection import Axis, project, tap_matrix


def up(x, factor=2):
    return x.repeat(factor, axis=2).repeat(factor, axis=3)


def pool(x, factor=2):
    n, c, height, width = x.shape
    cells = x.reshape(n, c, height // factor, factor, width // factor, factor)
    return cells.mean(axis=(3, 5))


def convolve(x, kernel, **geometry):
    x, kernel = (paddle.to_tensor(each, dtype="float64") for each in (x, kernel))
    return F.conv2d(x, kernel, **geometry).numpy()


# At size 1 and stride 2 it is pool-then-convolve, which no kernel alone is: below.
@pytest.mark.parametrize("size, stride", [(1, 1), (3, 1), (5, 1), (7, 1), (3, 2), (5, 2), (7, 2)])
def test_a_low_map_upsampled_convolved_and_averaged(size, stride):
    rng = np.random.default_rng(0)
    kernel, low = rng.normal(size=(4, 3, size, size)), rng.normal(size=(2, 3, 16, 12))
    padding = size // 2
    expected = pool(convolve(up(low), kernel, stride=stride, padding=padding))
    axis = Axis(size, stride, padding=padding)
    matrix = tap_matrix(axis, axis, 2, 2)
    got = convolve(low, project(kernel, matrix, matrix), stride=stride, padding=padding)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    taps = np.arange(size) - padding  # the formula as it stands in the literature of this package
    counted = [[sum((stride * a + k) // 2 == t for a in (0, 1)) / 2 for k in taps] for t in taps]
    np.testing.assert_array_equal(matrix, counted)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("cells_in, cells_out", [(2, 1), (4, 2)])
def test_stride_2_by_pooling(size, cells_in, cells_out):
    """What octave layers do: they pool, then convolve at stride 1."""
    rng = np.random.default_rng(1)
    kernel, small = rng.normal(size=(2, 2, size, size)), rng.normal(size=(2, 2, 10, 14))
    padding = size // 2
    expected = convolve(up(small, cells_in), kernel, stride=2, padding=padding)
    expected = pool(expected, cells_out) if cells_out > 1 else expected
    matrix = tap_matrix(
        Axis(size, 2, padding=padding), Axis(size, padding=padding), cells_in, cells_out
    )
    got = convolve(small, project(kernel, matrix, matrix), padding=padding)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_pooled_stride_2_of_three_taps():
    taps = Axis(3, 2, padding=1)
    matrix = tap_matrix(taps, Axis(3, padding=1), 2, 1)
    np.testing.assert_array_equal(matrix @ [1.0, 10.0, 100.0], [1.0, 110.0, 0.0])


@pytest.mark.parametrize("size, stride, padding", [(2, 2, 0), (4, 4, 0), (4, 2, 0), (3, 3, 0)])
def test_even_kernels_and_no_padding(size, stride, padding):
    rng = np.random.default_rng(2)
    kernel, low = rng.normal(size=(2, 2, size, size)), rng.normal(size=(1, 2, 12, 12))
    vanilla = convolve(up(low), kernel, stride=stride, padding=padding)
    even = vanilla.shape[2] // 2 * 2
    expected = pool(vanilla[:, :, :even, :even])
    axis = Axis(size, stride, padding=padding)
    matrix = tap_matrix(axis, axis, 2, 2)
    got = convolve(low, project(kernel, matrix, matrix), stride=stride, padding=padding)
    np.testing.assert_allclose(got[:, :, : even // 2, : even // 2], expected, atol=1e-12)


@pytest.mark.parametrize("dilation", [2, 3])
def test_dilated_kernels_keep_constants_and_slopes(dilation):
    """No kernel is exact there; one that keeps slopes is best on smooth maps."""
    axis = Axis(3, dilation=dilation, padding=dilation)
    matrix = tap_matrix(axis, axis, 2, 2)
    np.testing.assert_allclose(matrix.sum(axis=0), 1)
    taps = dilation * np.arange(-1, 2)
    seen = [np.mean([(a + k) // 2 for a in (0, 1)]) for k in taps]
    np.testing.assert_allclose(taps @ matrix, seen, atol=1e-12)


def test_what_falls_outside_of_a_path_goes_to_its_first_or_last_tap():
    axis = Axis(2, 3)  # of two pixels the second sees 3 and 4: a low pixel beyond the last tap
    np.testing.assert_array_equal(tap_matrix(axis, axis, 2, 2), [[0.5, 0.5], [0.5, 0.5]])
    before = tap_matrix(Axis(3, padding=4), Axis(3, padding=1), 2, 1)
    np.testing.assert_array_equal(before, [[1, 1, 1], [0, 0, 0], [0, 0, 0]])


def test_no_projection_where_nothing_is_low():
    axis = Axis(5, 2, 3, 6)
    np.testing.assert_array_equal(tap_matrix(axis, axis, 1, 1), np.eye(5))


# What the equations are made of


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": "SAME", "stride": 2},
        {"kernel_size": 3, "padding": "VALID"},
        {"kernel_size": [1, 5], "padding": [0, 2], "stride": [2, 1]},
        {"kernel_size": 3, "padding": [1, 2, 0, 3], "dilation": 2, "groups": 2},
        {"kernel_size": 3, "padding": 1, "groups": 4},
        {"kernel_size": 5, "padding": 2, "padding_mode": "reflect"},
        {"kernel_size": 2, "padding": 1, "padding_mode": "replicate", "groups": 2},
    ],
    ids=str,
)
def test_rows_times_kernel_is_the_convolution(options, data_format):
    conv = nn.Conv2D(4, 8, **options, bias_attr=False, data_format=data_format)
    conv.to(dtype="float64")
    x = np.random.default_rng(3).normal(size=(3, 9, 8, 4))
    given = x if data_format == "NHWC" else x.transpose(0, 3, 1, 2)
    expected = conv(paddle.to_tensor(given)).numpy()
    expected = expected if data_format == "NHWC" else expected.transpose(0, 2, 3, 1)
    window = Window(conv, x.shape[1:3])
    assert window.size == expected.shape[1:3]
    cells = drawn(window.size, 7, seeds=[(0, image) for image in range(3)])
    kernel = conv.weight.numpy()
    got = window.rows(x, cells, conv._groups) @ as_unknowns(kernel, conv._groups)
    np.testing.assert_allclose(
        got.transpose(1, 0, 2).reshape(len(cells.image), -1), expected[tuple(cells)], atol=1e-12
    )
    np.testing.assert_array_equal(as_kernel(as_unknowns(kernel, 2), kernel.shape), kernel)


def test_cells_of_an_image_do_not_depend_on_the_others():
    together = drawn((6, 5), 9, [(7, 0), (7, 1)])
    alone = drawn((6, 5), 9, [(7, 1)])
    for mine, theirs in zip(alone[1:], together[1:]):
        np.testing.assert_array_equal(mine, theirs[together.image == 1])
    assert len(set(zip(alone.row, alone.column))) == 9
    assert len(drawn((2, 3), 99, [(0,)]).row) == 6


def test_cells_lie_over_those_of_a_map_half_as_large():
    every = drawn((5, 7), 99, [(0,)])
    assert len(every.row) == 35
    over = every.over((3, 4), 2)
    np.testing.assert_array_equal(over.row, [row // 2 for row in range(5) for _ in range(7)])
    np.testing.assert_array_equal(over.column, [column // 2 for column in range(7)] * 5)
    cropped = every.over((2, 3), 2)  # as of a convolution that is not padded
    np.testing.assert_array_equal(cropped.row, np.minimum(over.row, 1))
    np.testing.assert_array_equal(cropped.column, np.minimum(over.column, 2))
    np.testing.assert_array_equal(every.over((5, 7), 1).column, every.column)
