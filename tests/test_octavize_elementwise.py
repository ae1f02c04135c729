"""``octavizer``: what works element by element does to a pair what it does to the map."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from pairs import FORMATS, LAYOUTS, Maps, check, is_octave

from paddleclas_octconv.octavizer.layout import Layout
from paddleclas_octconv.octavizer.pair import cut
from paddleclas_octconv.octavizer.standins import stand_in

# Functions of one map and no other argument, by the range that they are defined on.
POSITIVE = ["log", "log1p", "logit", "rsqrt", "sqrt", "reciprocal"]
NOT_SMOOTH = ["ceil", "floor", "round", "sign", "trunc"]
OF_ONE_MAP = """
    abs acos asin assign atan celu clone cos cosh elu erf exp expm1 gelu hardshrink
    hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish nan_to_num neg relu relu6
    selu sigmoid silu sin sinh softplus softshrink softsign square stanh swish tan tanh
    tanhshrink thresholded_relu
""".split()  # noqa: SIM905


def function_called(name):
    for module in (F, paddle):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)


NAMES = [*OF_ONE_MAP, *POSITIVE, *NOT_SMOOTH]


def alone(name):
    """A function of one map as a case."""
    function = function_called(name)
    return lambda x, y, maps: function(x)


@pytest.mark.parametrize("name", NAMES)
def test_of_one_map(name):
    maps = Maps(size=(5, 7), low=0.1 if name in POSITIVE else -0.9)
    gradient = name not in NOT_SMOOTH
    assert is_octave(check(alone(name), maps, maps.of(), LAYOUTS["shuffled"], gradient=gradient))


WITH_ARGUMENTS = {
    "celu": lambda x, y, m: F.celu(x, 0.3),
    "clip": lambda x, y, m: paddle.clip(x, -0.2, max=0.4),
    "Tensor.clip": lambda x, y, m: x.clip(min=0.1),
    "elu": lambda x, y, m: F.elu(x, alpha=0.3),
    "gelu": lambda x, y, m: F.gelu(x, approximate=True),
    "hardtanh": lambda x, y, m: F.hardtanh(x, -0.1, 0.3),
    "leaky_relu": lambda x, y, m: F.leaky_relu(x, negative_slope=0.3),
    "scale": lambda x, y, m: paddle.scale(x, 3.0, bias=0.5, bias_after_scale=False),
    "Tensor.scale": lambda x, y, m: x.scale(2.0, 0.25),
    "softplus": lambda x, y, m: F.softplus(x, beta=2, threshold=0.5),
    "swish": lambda x, y, m: F.swish(x),
    "prelu": lambda x, y, m: F.prelu(x, m.vector().flatten(), data_format=m.data_format),
    "prelu of one": lambda x, y, m: F.prelu(x, paddle.full([1], 0.3, "float64"), m.data_format),
    "dropout": lambda x, y, m: F.dropout(x, 0.5, training=False),
    "dropout, downscale": lambda x, y, m: F.dropout(
        x, 0.25, training=False, mode="downscale_in_infer"
    ),
    "dropout of 0": lambda x, y, m: F.dropout(x, 0.0),
    "dropout2d": lambda x, y, m: F.dropout2d(x, training=False, data_format=m.data_format),
    "alpha_dropout": lambda x, y, m: F.alpha_dropout(x, training=False),
    "rrelu": lambda x, y, m: F.rrelu(x, 0.2, 0.3, training=False),
    "log": lambda x, y, m: (x * x + 1).log(),
    "pow": lambda x, y, m: paddle.pow(x, 3),
    "cast": lambda x, y, m: paddle.cast(x, "float32").astype("float64"),
    "to": lambda x, y, m: x.to("float64"),
    "devices": lambda x, y, m: x.cpu().contiguous(),
    "detached": lambda x, y, m: x + x.detach() * x,
    "asked whether it is a tensor": lambda x, y, m: x * 2 if paddle.is_tensor(x) else x,
    "unary": lambda x, y, m: -x + abs(x),
}
OF_TWO = {
    "add": lambda x, y, m: paddle.add(x, y),
    "subtract": lambda x, y, m: paddle.subtract(x, y=y),
    "multiply": lambda x, y, m: paddle.multiply(x, y),
    "divide": lambda x, y, m: paddle.divide(x, y + 3),
    "maximum": lambda x, y, m: paddle.maximum(x, y),
    "minimum": lambda x, y, m: paddle.minimum(x, y),
    "fmax, fmin": lambda x, y, m: paddle.fmax(x, y) - 2 * paddle.fmin(x, y),
    "power": lambda x, y, m: paddle.pow(x + 2, y),
    "lerp": lambda x, y, m: paddle.lerp(x, y, 0.3),
    "add_n": lambda x, y, m: paddle.add_n([x, y, x]),
    "add_n of one": lambda x, y, m: paddle.add_n(x) + y,
    "operators": lambda x, y, m: (x + y) * (x - y) / (y + 2) + (y + 2) ** x,
    "with numbers": lambda x, y, m: (1 - x) * 3 + 2 / (y + 2) + 2**x + (y + 1) ** 2,
    "not commutative": lambda x, y, m: 5 - x + (x - 4) / 3,
    "with the first plain": lambda x, y, m: m.of(seed=5) - x,
    "with a plain map": lambda x, y, m: x * m.of(seed=5) + y,
    "a plain map of one channel": lambda x, y, m: x * m.of(1, seed=5) + y,
    "a plain vector": lambda x, y, m: m.vector() * x - y,
    "a batch of vectors": lambda x, y, m: x * (m.of(size=(1, 1)) + y),
    "a scalar tensor": lambda x, y, m: x * paddle.full([], 3.0, "float64") + y,
    "a shape of one": lambda x, y, m: paddle.full([1], 3.0, "float64") - x + y,
    "a vector of channels": lambda x, y, m: (
        x * (m.vector().flatten() if m.channel == 3 else m.vector()[0]) + y
    ),
    "where": lambda x, y, m: paddle.where(x > y, x * 2, y),
    "where of numbers": lambda x, y, m: paddle.where(x > 0.1, x, y * 0 - 1),
    "masks": lambda x, y, m: x * (x >= y).astype(x.dtype) + y * (x < 0).astype("float64"),
    "in place": lambda x, y, m: x.add_(y).multiply_(y).subtract_(x * 2),
    "in place, activated": lambda x, y, m: F.relu_(x) * 2 + F.elu_(y),
    "in place, scaled": lambda x, y, m: x.scale_(2.0).clip_(-0.5, 0.5) + y,
}
COMPARED = {
    "less": lambda x, y, m: paddle.less_than(x, y),
    "less or equal": lambda x, y, m: x <= y,
    "greater": lambda x, y, m: x < 0.2,
    "greater or equal": lambda x, y, m: paddle.greater_equal(x, y),
    "equal": lambda x, y, m: paddle.equal(x, x * 1),
    "not equal": lambda x, y, m: x != y,
    "equal to itself": lambda x, y, m: x == x * 1,
    "by name": lambda x, y, m: [
        paddle.less_equal(x, y),
        paddle.greater_than(x, y),
        paddle.not_equal(x, y),
    ],
    "methods": lambda x, y, m: (x * 9).mod(y + 3) + (x * 9).remainder(y + 3),
    "floor division by name": lambda x, y, m: paddle.floor_divide(x * 9, y + 3),
    "floor division": lambda x, y, m: (x * 9) // (y + 3) + 7 // (y + 3),
    "remainder": lambda x, y, m: paddle.remainder(x * 9, y + 3) - (x * 7) % 2 + 5 % (y + 3),
}


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [*WITH_ARGUMENTS, *OF_TWO, *COMPARED])
def test_of_two_maps_of_two_layouts(name, layout, data_format):
    maps = Maps(data_format, size=(5, 8))
    function = {**WITH_ARGUMENTS, **OF_TWO, **COMPARED}[name]
    options = {"y": maps.of(seed=3), "y_layout": LAYOUTS["in sections"]}
    if name in WITH_ARGUMENTS:
        options = {}
    result = check(
        function, maps, maps.of(), LAYOUTS[layout], gradient=name not in COMPARED, **options
    )
    assert is_octave(result)


def test_dropout_drops_as_much_of_each_branch():
    maps = Maps(size=(64, 64), low=0.5)
    dropped = stand_in(F.dropout)(cut(maps.of(), LAYOUTS["shuffled"]), 0.25)
    for branch in (dropped.high, dropped.low):
        assert abs(float((branch == 0).astype("float64").mean()) - 0.25) < 0.03


JOINED = {
    "broadcast rows": lambda x, y, m: x * m.of(size=(1, 8), seed=5),
    "more axes": lambda x, y, m: x + m.of(seed=5).unsqueeze(0),
    "rows of a plain matrix": lambda x, y, m: x * paddle.arange(8.0, dtype="float64"),
}


@pytest.mark.parametrize("name", JOINED)
def test_what_has_no_octave_form_is_joined(name):
    maps = Maps()
    found = check(JOINED[name], maps, maps.of(), LAYOUTS["shuffled"], gradient=False, joins=True)
    assert not is_octave(found)


def test_maps_of_unequal_numbers_of_channels_are_refused_as_paddle_does():
    x = cut(Maps().of(), LAYOUTS["ordered"])
    y = cut(Maps().of(8), Layout.of_alpha(8, 0.5))
    with pytest.raises(ValueError):
        x + y
