"""Rules of what works element by element: on either branch as on the whole map."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Tuple

import paddle

from ..origin import Origin
from ..pair import Pair, convert, cut, halved, make, take
from .calls import Call, Unknown, is_tensor, rule

_EACH = """
    abs acos asin assign atan cast astype ceil celu clip clone contiguous cos cosh detach elu
    erf exp expm1 floor gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log log1p
    log_sigmoid logit mish nan_to_num neg reciprocal relu relu6 round rrelu rsqrt scale selu
    sigmoid sign silu sin sinh softplus softshrink softsign sqrt square stanh swish tan tanh
    tanhshrink thresholded_relu trunc alpha_dropout dropout2d __neg__ __abs__ to cuda cpu
""".split()  # noqa: SIM905
_OF_SEVERAL = """
    add subtract multiply divide maximum minimum fmax fmin pow floor_divide floor_mod remainder mod
    where lerp less_than less_equal greater_than greater_equal equal not_equal
""".split()  # noqa: SIM905
OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]

Branches = Tuple[Any, Any]


@rule(*_EACH)
def each(call: Call) -> Pair:
    """Every element by itself."""
    x = call.pair
    if any(is_tensor(value) and not _is_single(value) for value in call.others):
        raise Unknown("with a tensor of values")
    return x.like(call.again(x.high), call.again(x.low))


@rule("dropout")
def dropout(call: Call) -> Pair:
    if call.get("axis") is not None:
        raise Unknown("along an axis")
    return each(call)


@rule(
    *_OF_SEVERAL,
    *(f"__{side}{name}__" for name in OPERATORS for side in ("", "r")),
    *(f"__{name}__" for name in COMPARISONS),
)
def of_several(call: Call) -> Pair:
    """Element by element of several maps, some of which may be plain."""
    maps = {key: x for key, x in call.arguments.items() if isinstance(x, Pair) or is_tensor(x)}
    first = next(x for x in maps.values() if isinstance(x, Pair))
    origin = first.origin
    high, low = dict(call.arguments), dict(call.arguments)
    for name, x in maps.items():
        if isinstance(x, Pair) and x is not first:
            origin = Origin(origin.listener.met(first, x), origin.listener)
        high[name], low[name] = _branches(x, first)
    y_high, y_low = (call.again(*branch.values()) for branch in (high, low))
    return make(y_high, y_low, first.layout, first.data_format, origin)


@rule("add_n")
def add_n(call: Call) -> Any:
    terms = call.first
    if not isinstance(terms, (list, tuple)):
        return terms
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@rule("prelu")
def prelu(call: Call) -> Pair:
    x, weight = call.pair, call["weight"]
    weights = weight, weight
    if not _is_single(weight):
        order, high = x.layout.order, x.layout.high
        weights = take(weight, order[:high], 0), take(weight, order[high:], 0)
    return x.like(call.again(x.high, weights[0]), call.again(x.low, weights[1]))


# What another map is to the branches of a pair that it is combined with.


class _Operand(NamedTuple):
    """A plain tensor, its shape filled up with ones in front to that of a map.

    Attributes:
        x: the tensor.
        added: so many axes were added.
        channels: their number.
        is_point: whether height and width are 1.
        is_map: whether height and width are the pair's.
    """

    x: Any
    added: int
    channels: int
    is_point: bool
    is_map: bool


def _branches(x: Any, pair: Pair) -> Branches:
    if isinstance(x, Pair):
        return _other_pair(x, pair)
    if _is_single(x):
        return x, x
    if pair.layout.is_view or len(x.shape) > 4:
        raise Unknown("of channels viewed as groups")
    added = 4 - len(x.shape)
    shape = [1] * added + list(x.shape)
    is_point = [shape[axis] for axis in pair.space] == [1, 1]
    is_map = not added and same_space(x, pair)
    operand = _Operand(x, added, shape[pair.channel_axis], is_point, is_map)
    for fits, branches in _OPERANDS:
        if fits(operand, pair):
            return branches(operand, pair)
    raise Unknown("with a tensor of another size")


def _other_pair(x: Pair, pair: Pair) -> Branches:
    if x.data_format != pair.data_format or not same_space(x.high, pair):
        raise Unknown("of maps of different sizes")
    x = convert(x, pair.layout, pair.data_format)
    return x.high, x.low


def _by_channel(operand: _Operand, pair: Pair) -> Branches:
    order, high = pair.layout.order, pair.layout.high
    axis = pair.channel_axis - operand.added
    return take(operand.x, order[:high], axis), take(operand.x, order[high:], axis)


def _cut(operand: _Operand, pair: Pair) -> Branches:
    branches = cut(operand.x, pair.layout, pair.data_format)
    return branches.high, branches.low


def _refuse(reason: str) -> Callable[[_Operand, Pair], Branches]:
    def refuse(operand: _Operand, pair: Pair) -> Branches:
        raise Unknown(reason)

    return refuse


_OPERANDS: tuple[tuple[Callable[[_Operand, Pair], bool], Callable[[_Operand, Pair], Branches]], ...]
_OPERANDS = (  # the first that fits
    (
        lambda operand, pair: operand.channels not in (1, pair.layout.channels),
        _refuse("with a tensor of another number of channels"),
    ),
    (
        lambda operand, pair: operand.is_point and operand.channels == 1,
        lambda operand, pair: (operand.x, operand.x),
    ),
    (lambda operand, pair: operand.is_point, _by_channel),
    (
        lambda operand, pair: operand.is_map and operand.x.dtype == paddle.bool,
        _refuse("with a mask of pixels"),
    ),
    (
        lambda operand, pair: operand.is_map and operand.channels == 1,
        lambda operand, pair: (operand.x, halved(operand.x, pair.data_format)),
    ),
    (lambda operand, pair: operand.is_map, _cut),
)


def _is_single(x: Any) -> bool:
    """Whether a tensor is one value; a side that a program does not know is -1."""
    return all(size == 1 for size in x.shape)


def same_space(x: Any, pair: Pair) -> bool:
    """Whether a tensor has the height and width of a pair."""
    sizes = ((x.shape[axis], pair.high.shape[axis]) for axis in pair.space)
    # A size that is not known (-1) is an image's, like the other one.
    return all(a == b or (-1 in (a, b) and 1 not in (a, b)) for a, b in sizes)
