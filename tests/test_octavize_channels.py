"""``octavizer``: what moves channels does to a pair what it does to the map."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from pairs import CHANNELS, FORMATS, LAYOUTS, Maps, check, is_octave, same

from paddleclas_octconv.octavizer.layout import Layout, low_mask
from paddleclas_octconv.octavizer.pair import convert, cut, join

# A function may write into its maps in place; what it gives is compared.


def written(x, y, m):
    x[m.index(slice(4, 8))] = y[m.index(slice(0, 4))]
    x[m.index(slice(0, 2))] = 0.5
    return x * 2


def written_at_the_ends(x, y, m):
    x[:, :3] = y[:, 9:]
    x[:, 8:] += y[:, :4]
    return x


def written_as_a_whole(x, y, m):
    x[:] = y * 2
    return x


def written_where_a_mask_says(x, y, m):
    x[x > y] = 0.25
    return x


PIECES = {
    "concat": lambda x, y, m: paddle.concat([x, y, x], axis=m.channel),
    "concat, axis from the end": lambda x, y, m: paddle.concat([y, x], m.channel - 4),
    "concat with a plain map": lambda x, y, m: paddle.concat(
        [m.of(3, seed=8), x, m.of(2, seed=9), y], axis=m.channel
    ),
    "concat of one": lambda x, y, m: paddle.concat([x], axis=m.channel) + y,
    "split": lambda x, y, m: paddle.split(x, 3, axis=m.channel),
    "split, sizes": lambda x, y, m: paddle.split(x, [2, 7, 3], axis=m.channel),
    "split, the rest": lambda x, y, m: paddle.split(y, [5, -1, 2], m.channel),
    "chunk": lambda x, y, m: paddle.chunk(x, 2, axis=m.channel),
    "Tensor.split": lambda x, y, m: x.split(4, axis=m.channel - 4),
    "halves swapped": lambda x, y, m: paddle.concat(
        list(reversed(paddle.split(x + y, 2, axis=m.channel))), axis=m.channel
    ),
    "index_select": lambda x, y, m: paddle.index_select(
        x, paddle.to_tensor([7, 0, 11, 3, 2]), axis=m.channel
    ),
    "gather": lambda x, y, m: paddle.gather(y, paddle.to_tensor([1, 2, 10]), axis=m.channel),
    "slice": lambda x, y, m: x[m.index(slice(3, 9))],
    "slice, step": lambda x, y, m: x[m.index(slice(1, None, 3))],
    "slice, from the end": lambda x, y, m: y[m.index(slice(-5, None))],
    "slice, list": lambda x, y, m: x[m.index([0, 5, 2, 11])],
    "slice, all": lambda x, y, m: x[:] + y[...] + x[m.index()],
    "one channel": lambda x, y, m: x[m.index(slice(2, 3))],
    "high channels alone": lambda x, y, m: x[m.index([4, 0, 2, 7])],
    "low channels alone": lambda x, y, m: x[m.index([1, 3, 8])],
    "a mask of channels": lambda x, y, m: x[m.index([n % 3 == 0 for n in range(12)])],
    "of a batch": lambda x, y, m: x[1:2] + y[:1],
}
VIEWS = {
    "shuffle": lambda x, y, m: F.channel_shuffle(x, 3, data_format=m.data_format),
    "shuffle by hand": lambda x, y, m: (
        x.reshape([x.shape[0], 4, 3, x.shape[2], x.shape[3]])
        .transpose([0, 2, 1, 3, 4])
        .flatten(1, 2)
    ),
    "shuffle, sizes told": lambda x, y, m: paddle.reshape(
        paddle.transpose(paddle.reshape(x, [-1, 2, 6, 6, 8]), perm=[0, 2, 1, 3, 4]),
        [0, -1, 6, 8],
    ),
    "shuffle, arguments apart": lambda x, y, m: x.reshape(2, 3, -1, 6, 8).transpose(
        [0, 2, 1, 3, 4]
    ),
    "a view meets a number": lambda x, y, m: x.reshape([2, 3, 4, 6, 8]) * 2,
    "expand_as": lambda x, y, m: x * paddle.expand_as(m.vector(), x),
    "broadcast_to": lambda x, y, m: x + paddle.broadcast_to(m.vector(), x.shape),
    "identity": lambda x, y, m: F.interpolate(x, size=[6, 8], data_format=m.data_format),
}
WRITTEN = {
    "written": written,
    "written as a whole": written_as_a_whole,
    "written where a mask says": written_where_a_mask_says,
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [*PIECES, *WRITTEN])
def test_of_two_maps_of_two_layouts(name, layout, data_format):
    maps = Maps(data_format)
    function = {**PIECES, **WRITTEN}[name]
    options = {"y": maps.of(seed=3), "y_layout": LAYOUTS["in sections"]}
    check(
        function,
        maps,
        maps.of(),
        LAYOUTS[layout],
        gradient="mask" not in name,
        joins=None if name in WRITTEN else False,
        **options,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [*VIEWS, "written at the ends"])
def test_of_views(name, layout):
    maps = Maps()
    function = {**VIEWS, "written at the ends": written_at_the_ends}[name]
    options = {"y": maps.of(seed=3), "y_layout": LAYOUTS["in sections"]}
    assert is_octave(check(function, maps, maps.of(), LAYOUTS[layout], **options))


JOINED = {
    "another axis": lambda x, y, m: paddle.concat([x, y], axis=2),
    "concat of a batch": lambda x, y, m: paddle.concat([x, y], axis=0),
    "split of rows": lambda x, y, m: paddle.split(x + y, 2, axis=2),
    "rows by number": lambda x, y, m: paddle.index_select(x, paddle.to_tensor([2, 1]), axis=2),
    "a channel twice": lambda x, y, m: x[:, [0, 0, 1, 1]] + y[:, :4],
    "every third pixel": lambda x, y, m: x[:, :, ::3] + y[:, :, 1::3],
    "rows from the end": lambda x, y, m: x[:, :, -3:] + y[:, :, -3:],
    "a channel, no axis": lambda x, y, m: x[:, 2] + y[:, 1],
    "pixels in a row": lambda x, y, m: (x + y).flatten(2).transpose([0, 2, 1]),
    "channels last": lambda x, y, m: x.transpose([0, 2, 3, 1]),
    "rows viewed": lambda x, y, m: x.reshape([2, 12, 3, 2, 8]),
    "pixels to channels": lambda x, y, m: F.pixel_unshuffle(x, 2),
    "stack": lambda x, y, m: paddle.stack([x, y], axis=1),
    "unknown": lambda x, y, m: paddle.flip(x, [3]) + paddle.roll(y, 2, axis=2),
    "expand": lambda x, y, m: x.expand([2, 12, 6, 8]),
    "one for all channels": lambda x, y, m: F.softmax(x, axis=1),
}


@pytest.mark.parametrize("name", JOINED)
def test_what_has_no_octave_form_is_joined(name):
    maps = Maps()
    check(
        JOINED[name],
        maps,
        maps.of(),
        LAYOUTS["shuffled"],
        y=maps.of(seed=3),
        gradient=False,
        joins=True,
    )


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 1)])
def test_pairs_are_cut_joined_and_converted(first, second, size, data_format):
    maps = Maps(data_format, size)
    x = maps.of()
    pair = cut(x, LAYOUTS[first], data_format)
    assert list(pair.shape) == list(x.shape) and pair.ndim == 4 and len(pair) == len(x)
    half = [(side + 1) // 2 for side in size]
    assert [pair.low.shape[axis] for axis in maps.space] == half
    same(join(pair), x)
    converted = convert(pair, LAYOUTS[second], data_format)
    assert converted.layout == LAYOUTS[second]
    expected = cut(x, LAYOUTS[second], data_format)
    same(converted.high, expected.high)
    same(converted.low, expected.low)


def test_a_pair_is_converted_within_its_branches():
    """The same low channels in another order: nothing is joined, so nothing is lost."""
    layout, other = Layout([0, -1, 1, -2, 2, 3]), Layout([3, -2, 1, -1, 0, 2])
    random = paddle.randn([2, 6, 6, 8])
    pair = cut(random, layout)
    moved = convert(pair, other)
    same(join(moved), join(pair))
    assert moved.layout == other


def test_layouts_tell_where_channels_lie():
    layout = LAYOUTS["shuffled"]
    x = np.arange(CHANNELS)
    order, slots = layout.order, layout.slots
    assert (layout.high, layout.low, layout.channels) == (7, 5, 12)
    assert not layout.is_ordered and LAYOUTS["ordered"].is_ordered
    high, low = x[order][:7], x[order][7:]
    assert all((high[slot] if slot >= 0 else low[-1 - slot]) == n for n, slot in enumerate(slots))
    assert (np.concatenate([high, low])[layout.joined] == x).all()
    assert low_mask([4, 3], 0.5).tolist() == [False, False, True, True, False, False, True]
    assert Layout.of_alpha(8, 0.25) != Layout.of_alpha(8, 0.25, [4, 4])
    assert Layout(slots.reshape(3, 4)).is_view
