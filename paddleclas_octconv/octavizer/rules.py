"""What the functions that forwards call do with pairs: the octave form of each, by its name.

A rule is given the arguments of a call by name, and returns what the call returns. It raises
``Unknown`` where the function has no octave form for these arguments: the pairs are joined then,
and the function itself is called.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import threading
from typing import Any, Callable, Dict, Iterator, Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ..layers.octave import up2_to
from .containers import holds_pair, without_pairs
from .layout import Layout
from .pair import Pair, at_least, convert, cut, fit, halved, join, make, take

Arguments = Dict[str, Any]
Function = Callable[..., Any]


class Unknown(Exception):
    """There is no octave form; the message says of what."""


class Listener:
    """Is told of what happens to pairs while a network is planned."""

    def used(self, value: Any) -> None: ...

    def joined(self, function: str, reason: str) -> None: ...

    def split(self, pair: Pair, sections: Sequence[int]) -> None: ...

    def met(self, first: Pair, second: Pair) -> frozenset:
        return first.sources | second.sources


class _Listening(threading.local):
    listener: Listener = Listener()


_listening = _Listening()


@contextlib.contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Tell a listener of what happens in this thread."""
    before, _listening.listener = _listening.listener, listener
    try:
        yield
    finally:
        _listening.listener = before


def told() -> Listener:
    return _listening.listener


# Calls


def call(name: str, function: Function, args: tuple, kwargs: dict) -> Any:
    """A function of Paddle called on arguments that hold pairs.

    Args:
        name: the function's; a trailing underscore says that it works in place.
        function: is called where there are no pairs, and on the branches.
    """
    told().used((args, kwargs))
    in_place = name.endswith("_") and not name.endswith("__")
    if in_place:
        name = name.rstrip("_")
        function = _not_in_place(name, function)
    rule = RULES.get(name)
    try:
        if rule is None:
            raise Unknown("has no octave form")
        result = rule(function, _bind(name, function, args, kwargs))
    except Unknown as unknown:
        if holds_pair((args, kwargs)):
            told().joined(name, str(unknown))
        result = function(*without_pairs(args), **without_pairs(kwargs))
    if in_place and isinstance(args[0], Pair):
        return args[0].become(result)
    return result


def _not_in_place(name: str, function: Function) -> Function:
    """What gives the values that a function gives in place: other maps may share the branches."""
    for module in (F, paddle):
        if hasattr(module, name):
            return getattr(module, name)
    return _of_tensors(name) if hasattr(Tensor, name) else function


_TENSORS = (Tensor, paddle.static.Variable, getattr(getattr(paddle, "pir", None), "Value", Tensor))


def is_tensor(x: Any) -> bool:
    """Whether something is a plain tensor, be it of values or of a program."""
    return isinstance(x, _TENSORS) and not isinstance(x, Pair)


def _bind(name: str, function: Function, args: tuple, kwargs: dict) -> Arguments:
    """Arguments by name, the defaults included; as "0", "1", … where no signature is known."""
    if name == "reshape" and len(args) > 2:  # x.reshape(a, b, …)
        args = args[0], list(args[1:])
    signature = _signature(name, function)
    if signature is None:
        return {**{str(index): value for index, value in enumerate(args)}, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        raise Unknown("is called in a way that is not known") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _signature(name: str, function: Function) -> inspect.Signature | None:
    name = name.rstrip("_")
    for known in (function, getattr(F, name, None), getattr(paddle, name, None)):
        if known is None or getattr(known, "takes_anything", False):
            continue
        with contextlib.suppress(TypeError, ValueError):
            signature = inspect.signature(known)
            kinds = {parameter.kind for parameter in signature.parameters.values()}
            if inspect.Parameter.VAR_POSITIONAL not in kinds:
                return signature
    return None


# Rules

RULES: dict[str, Callable[[Function, Arguments], Any]] = {}


def _rule(*names: str) -> Callable[[Callable], Callable]:
    def register(rule: Callable) -> Callable:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _first(arguments: Arguments) -> Any:
    return next(iter(arguments.values()))


def _pair(arguments: Arguments) -> Pair:
    """The first argument, where it is the only pair."""
    first, *others = arguments.values()
    if not isinstance(first, Pair) or holds_pair(others):
        raise Unknown("is called in a way that is not known")
    return first


def _again(function: Function, arguments: Arguments, *changed: Any) -> Any:
    """The call with other values for the first arguments."""
    names = list(arguments)
    arguments = {**arguments, **dict(zip(names, changed))}
    positional = [arguments.pop(name) for name in names if name.isdigit() or name == names[0]]
    return function(*positional, **arguments)


_EACH = """
    abs acos asin assign atan cast astype ceil celu clip clone contiguous cos cosh detach elu
    erf exp expm1 floor gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log log1p
    log_sigmoid logit mish nan_to_num neg reciprocal relu relu6 round rrelu rsqrt selu sigmoid
    sign silu sin sinh softplus softshrink softsign sqrt square stanh swish tan tanh tanhshrink
    thresholded_relu trunc alpha_dropout dropout2d __neg__ __abs__ to cuda cpu
""".split()  # noqa: SIM905


@_rule(*_EACH)
def _each(function: Function, arguments: Arguments) -> Pair:
    """Every element by itself."""
    x = _pair(arguments)
    if any(is_tensor(value) and math.prod(value.shape) != 1 for value in arguments.values()):
        raise Unknown("with a tensor of values")
    return x.like(_again(function, arguments, x.high), _again(function, arguments, x.low))


@_rule("dropout")
def _dropout(function: Function, arguments: Arguments) -> Pair:
    if arguments.get("axis") is not None:
        raise Unknown("along an axis")
    return _each(function, arguments)


@_rule("scale")
def _scale(function: Function, arguments: Arguments) -> Pair:
    return _each(function, arguments)


_OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]


_ELEMENTWISE = """
    add subtract multiply divide maximum minimum fmax fmin pow floor_divide remainder mod where
    lerp less_than less_equal greater_than greater_equal equal not_equal
""".split()  # noqa: SIM905


@_rule(
    *_ELEMENTWISE,
    *(f"__{name}__" for name in _OPERATORS),
    *(f"__r{name}__" for name in _OPERATORS),
    *(f"__{name}__" for name in ["lt", "le", "gt", "ge", "eq", "ne"]),
)
def _elementwise(function: Function, arguments: Arguments) -> Pair:
    """Element by element of several maps, some of which may be plain."""
    names = [key for key, value in arguments.items() if isinstance(value, Pair) or is_tensor(value)]
    first = next(value for value in arguments.values() if isinstance(value, Pair))
    sources = first.sources
    high, low = dict(arguments), dict(arguments)
    for name in names:
        operand = arguments[name]
        if isinstance(operand, Pair) and operand is not first:
            sources = told().met(first, operand)
        high[name], low[name] = _operand(operand, first)
    y_high, y_low = (_again(function, branch, *branch.values()) for branch in (high, low))
    return make(y_high, y_low, first.layout, first.data_format, sources)


def _operand(x: Any, pair: Pair) -> tuple[Any, Any]:
    """What a map is to the branches of a pair that it is combined with."""
    if isinstance(x, Pair):
        if x.data_format != pair.data_format or not _same_space(x.high, pair):
            raise Unknown("of maps of different sizes")
        x = convert(x, pair.layout, pair.data_format)
        return x.high, x.low
    shape = list(x.shape)
    if all(size == 1 for size in shape):
        return x, x
    if pair.layout.is_view or len(shape) > 4:
        raise Unknown("of channels viewed as groups")
    missing = 4 - len(shape)
    shape = [1] * missing + shape
    axis = pair.channel_axis - missing
    channels = shape[pair.channel_axis]
    space = [shape[index] for index in pair.space]
    if channels not in (1, pair.layout.channels):
        raise Unknown("with a tensor of another number of channels")
    if space == [1, 1]:
        if channels == 1:
            return x, x
        order = pair.layout.order
        high = pair.layout.high
        return take(x, order[:high], axis), take(x, order[high:], axis)
    if missing or not _same_space(x, pair):
        raise Unknown("with a tensor of another size")
    if x.dtype == paddle.bool:
        raise Unknown("with a mask of pixels")
    if channels == 1:
        return x, halved(x, pair.data_format)
    branches = cut(x, pair.layout, pair.data_format)
    return branches.high, branches.low


def _same_space(x: Tensor, pair: Pair) -> bool:
    sizes = ((x.shape[axis], pair.high.shape[axis]) for axis in pair.space)
    # A size that is not known (-1) is an image's, like the other one.
    return all(a == b or (-1 in (a, b) and 1 not in (a, b)) for a, b in sizes)


@_rule("add_n")
def _add_n(function: Function, arguments: Arguments) -> Any:
    terms = _first(arguments)
    if not isinstance(terms, (list, tuple)):
        return terms
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@_rule("prelu")
def _prelu(function: Function, arguments: Arguments) -> Pair:
    x, weight, *rest = arguments.values()
    if not isinstance(x, Pair) or holds_pair(rest):
        raise Unknown("is called in a way that is not known")
    if math.prod(weight.shape) == 1:
        weights = weight, weight
    else:
        order, high = x.layout.order, x.layout.high
        weights = take(weight, order[:high], 0), take(weight, order[high:], 0)
    return x.like(*(_again(function, arguments, b, w) for b, w in zip((x.high, x.low), weights)))


# Channels


@_rule("concat")
def _concat(function: Function, arguments: Arguments) -> Pair:
    """The channels branch by branch; a plain map goes to the high branch."""
    maps, axis = list(arguments.values())[:2]
    first = next(x for x in maps if isinstance(x, Pair))
    if first.layout.is_view or _axis(axis, 4) != first.channel_axis:
        raise Unknown("along another axis than the channels'")
    high: list = []
    low: list = []
    slots: list = []
    ends = [0, 0]  # channels so far
    for x in maps:
        if isinstance(x, Pair):
            if x.layout.is_view or x.data_format != first.data_format:
                raise Unknown("of channels viewed as groups")
            if not _same_space(x.high, first):
                raise Unknown("of maps of different sizes")
            own = x.layout.slots
            slots.append(np.where(own >= 0, own + ends[0], own - ends[1]))
            high.append(x.high)
            low.append(x.low)
            ends = [ends[0] + x.layout.high, ends[1] + x.layout.low]
        else:
            if len(x.shape) != 4 or not _same_space(x, first):
                raise Unknown("with a tensor of another size")
            channels = x.shape[first.channel_axis]
            slots.append(np.arange(channels) + ends[0])
            high.append(x)
            ends[0] += channels
    y_high, y_low = (_concat_plain(function, maps, first.channel_axis) for maps in (high, low))
    return make(y_high, y_low, Layout(np.concatenate(slots)), first.data_format)


def _concat_plain(function: Function, maps: list, axis: int) -> Tensor:
    return maps[0] if len(maps) == 1 else function(maps, axis)


@_rule("split", "chunk")
def _split(function: Function, arguments: Arguments) -> list:
    x, sections, axis = list(arguments.values())[:3]
    if not isinstance(x, Pair) or x.layout.is_view or _axis(axis, 4) != x.channel_axis:
        raise Unknown("along another axis than the channels'")
    channels = x.layout.channels
    if isinstance(sections, int):
        sections = [channels // sections] * sections
    sections = list(sections)
    if not all(isinstance(size, int) for size in sections):
        raise Unknown("into parts of unknown size")
    if -1 in sections:
        sections[sections.index(-1)] = channels - sum(sections) - 1
    if sum(sections) != channels:
        raise Unknown("into parts that are not the whole")
    told().split(x, sections)
    ends = np.cumsum(sections)
    return [select(x, np.arange(end - size, end)) for size, end in zip(sections, ends)]


def select(x: Pair, channels: np.ndarray) -> Any:
    """Some of the channels, by their vanilla numbers; a tensor if they are of one branch."""
    slots = x.layout.slots.ravel()[channels]
    high, low = np.unique(slots[slots >= 0]), np.unique(-1 - slots[slots < 0])
    axis = x.channel_axis
    if not len(low):
        return take(x.high, slots, axis)
    if not len(high):
        return up2_to(take(x.low, -1 - slots, axis), x.high, x.data_format)
    places = np.where(
        slots >= 0, np.searchsorted(high, slots), -1 - np.searchsorted(low, -1 - slots)
    )
    if len(high) + len(low) != len(slots):
        raise Unknown("of some channels twice")
    branches = take(x.high, high, axis), take(x.low, low, axis)
    return make(*branches, Layout(places), x.data_format)


@_rule("index_select", "gather")
def _index_select(function: Function, arguments: Arguments) -> Any:
    x, index, axis = list(arguments.values())[:3]
    if not isinstance(x, Pair) or x.layout.is_view or _axis(axis or 0, 4) != x.channel_axis:
        raise Unknown("along another axis than the channels'")
    try:
        channels = np.asarray(index.numpy()).ravel()
    except Exception:
        raise Unknown("by an index that is not known while a program is built") from None
    return select(x, channels)


@_rule("__getitem__")
def _getitem(function: Function, arguments: Arguments) -> Any:
    x, index = arguments.values()
    if x.layout.is_view:
        raise Unknown("of channels viewed as groups")
    index = list(index) if isinstance(index, tuple) else [index]
    # By identity: pairs in an index compare element by element.
    at = next((number for number, part in enumerate(index) if part is Ellipsis), None)
    if at is not None:
        index[at : at + 1] = [slice(None)] * (5 - len(index))
    index += [slice(None)] * (4 - len(index))
    channels = index[x.channel_axis]
    if isinstance(channels, (list, np.ndarray)):
        index[x.channel_axis] = slice(None)
        channels = np.arange(x.layout.channels)[channels]
    elif isinstance(channels, slice):
        index[x.channel_axis] = slice(None)
        numbers = np.arange(x.layout.channels)[channels]
        if len(numbers) < x.layout.channels and channels.step in (None, 1):
            first, last = int(numbers[0]), int(numbers[-1]) + 1
            ends = sorted({0, first, last, x.layout.channels})
            told().split(x, list(np.diff(ends)))
        channels = numbers
    if not all(isinstance(part, slice) for part in index):
        raise Unknown("by such an index")
    if len(channels) < x.layout.channels or (channels != np.arange(x.layout.channels)).any():
        x = select(x, channels)
    if all(map(_is_all, index)):
        return x
    if not isinstance(x, Pair):
        return x[tuple(index)]
    low = list(index)
    for axis in x.space:
        start, step = index[axis].start or 0, index[axis].step or 1
        if not isinstance(start, int) or start < 0 or step not in (1, 2):
            raise Unknown("by such an index")
        low[axis] = slice(start // 2, None, step)
    high_branch = x.high[tuple(index)]
    return x.like(high_branch, fit(x.low[tuple(low)], high_branch, x.data_format))


@_rule("__setitem__")
def _setitem(function: Function, arguments: Arguments) -> None:
    x, index, value = arguments.values()
    if not isinstance(x, Pair):
        raise Unknown("of a plain tensor to a pair")
    index = without_pairs(index)  # a mask
    sliced: Any = x
    parts = list(index) if isinstance(index, tuple) else [index]
    channels = parts[1] if len(parts) > 1 else slice(None)
    others = [part for number, part in enumerate(parts) if number != 1]
    is_slice = isinstance(channels, slice) and channels.step in (None, 1)
    if x.channel_axis == 1 and is_slice and all(map(_is_all, others)):
        start, stop, _ = channels.indices(x.layout.channels)
        if isinstance(value, Pair) or is_tensor(value):
            pieces = [sliced[:, :start]] if start else []
            pieces.append(value)
            pieces += [sliced[:, stop:]] if stop < x.layout.channels else []
            concat = RULES["concat"] if holds_pair(pieces) else lambda f, a: f(*a.values())
            x.become(concat(paddle.concat, {"x": pieces, "axis": 1}) if pieces[1:] else value)
            return
    told().joined("__setitem__", "by such an index")
    whole, value = join(x), without_pairs(value)
    if paddle.in_dynamic_mode():
        whole[index] = value
    else:  # to_static rewrites such a line in what it traces, which this is not
        whole = paddle.static.setitem(whole, index, value)
    x.become(whole)


@_rule("reshape")
def _reshape(function: Function, arguments: Arguments) -> Pair:
    """Channels viewed as groups and back: height and width stay the last axes."""
    x, shape = list(arguments.values())[:2]
    if not isinstance(x, Pair) or x.data_format != "NCHW" or not isinstance(shape, (list, tuple)):
        raise Unknown("to such a shape")
    own, shape = x.shape, list(shape)
    if len(shape) < 4 or not _same_sizes(shape[-2:], own[-2:]) or not _may_be(shape[0], own[0]):
        raise Unknown("of pixels")
    channels = x.layout.channels
    groups = [int(size) if isinstance(size, (int, np.integer)) else 0 for size in shape[1:-2]]
    if groups.count(-1) == 1:
        known = -math.prod(groups)
        groups[groups.index(-1)] = channels // known if known else 0
    if math.prod(groups) != channels:
        raise Unknown("of pixels")
    return x.like(x.high, x.low, Layout(x.layout.slots.reshape(groups)))


def _same_sizes(given: list, own: list) -> bool:
    """Whether they are equal; those that are tensors of a program are taken to be."""
    return all(
        isinstance(a, int) == isinstance(b, int) and (not isinstance(a, int) or a == b)
        for a, b in zip(given, own)
    )


def _may_be(given: Any, own: Any) -> bool:
    return not isinstance(given, int) or not isinstance(own, int) or given in (-1, 0, own)


@_rule("transpose")
def _transpose(function: Function, arguments: Arguments) -> Pair:
    x, perm = list(arguments.values())[:2]
    if not isinstance(perm, (list, tuple)) or x.data_format != "NCHW":
        raise Unknown("of pixels")
    perm = [axis % x.ndim for axis in perm]
    if len(perm) != x.ndim or perm[0] != 0 or perm[-2:] != [x.ndim - 2, x.ndim - 1]:
        raise Unknown("of pixels")
    slots = x.layout.slots.transpose([axis - 1 for axis in perm[1:-2]])
    return x.like(x.high, x.low, Layout(slots))


@_rule("flatten")
def _flatten(function: Function, arguments: Arguments) -> Pair:
    """Channels that were viewed as groups."""
    x, start, stop = list(arguments.values())[:3]
    if not isinstance(x, Pair) or (_axis(start, x.ndim), _axis(stop, x.ndim)) != (1, x.ndim - 3):
        raise Unknown("of pixels")
    return x.like(x.high, x.low, Layout(x.layout.slots.ravel()))


@_rule("channel_shuffle")
def _channel_shuffle(function: Function, arguments: Arguments) -> Pair:
    x, groups = list(arguments.values())[:2]
    if not isinstance(x, Pair) or x.layout.is_view:
        raise Unknown("is called in a way that is not known")
    slots = x.layout.slots.reshape([groups, -1]).T.ravel()
    return x.like(x.high, x.low, Layout(slots))


# Space


@_rule("mean", "max", "amax")
def _reduce(function: Function, arguments: Arguments) -> Tensor:
    """Over height and width: a plain tensor."""
    x, axis, keepdim = list(arguments.values())[:3]
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    if not isinstance(x, Pair) or x.layout.is_view or None in axes:
        raise Unknown("over other axes than height and width")
    if sorted(_axis(value, 4) for value in axes) != list(x.space):
        raise Unknown("over other axes than height and width")
    reduced = [function(branch, list(x.space), True) for branch in (x.high, x.low)]
    whole = _whole(x, *reduced)
    return whole if keepdim else paddle.squeeze(whole, list(x.space))


def _whole(x: Pair, high: Tensor, low: Tensor) -> Tensor:
    """Values of all channels, one of each, in the vanilla order."""
    whole = paddle.concat([high, low], axis=x.channel_axis)
    layout = x.layout
    return whole if layout.is_ordered else take(whole, layout.joined, x.channel_axis)


@_rule("adaptive_avg_pool2d", "adaptive_max_pool2d")
def _adaptive_pool(function: Function, arguments: Arguments) -> Tensor:
    x = _pair(arguments)
    size = arguments.get("output_size", arguments.get("1"))
    if x.layout.is_view or any(side != 1 for side in _sides(size)):
        raise Unknown("to a size other than 1")
    if arguments.get("return_mask"):
        raise Unknown("with a mask")
    _check_format(x, arguments)
    return _whole(x, _again(function, arguments, x.high), _again(function, arguments, x.low))


@_rule("avg_pool2d", "max_pool2d")
def _pool(function: Function, arguments: Arguments) -> Any:
    """Of each branch; the low one is then half of the high one again, whatever its rounding."""
    x = _pair(arguments)
    if x.layout.is_view or arguments.get("return_mask"):
        raise Unknown("with a mask")
    _check_format(x, arguments)
    kernel = _sides(arguments["kernel_size"])
    stride = _sides(arguments["stride"] if arguments.get("stride") is not None else kernel)
    padding = arguments["padding"]
    whole = padding in (0, [0, 0], (0, 0), "VALID")
    if whole and (max(kernel) > 4 or (kernel == stride and max(kernel) > 2)):
        # As large as a low map may be: a window of it has another share of the border.
        raise Unknown("without padding by a large kernel")
    high = _again(function, arguments, x.high)
    low = x.low
    if list(kernel) == list(stride) == [2, 2] and padding == 0 and not arguments["ceil_mode"]:
        low = _crop(low, high, x.data_format)  # what belongs to the rows that are dropped
    elif whole:
        low = at_least(low, kernel, x.data_format)
    # "SAME" rounds up by itself; with both, oneDNN has no pooling for odd sizes.
    rounds_up = not isinstance(padding, str)
    low = _again(function, {**arguments, "ceil_mode": rounds_up}, low)
    return x.like(high, fit(low, high, x.data_format, max(kernel)))


def _check_format(x: Pair, arguments: Arguments) -> None:
    if x.data_format != (arguments.get("data_format") or "NCHW"):
        raise Unknown("in another data format")


def _crop(low: Tensor, size: Tensor, data_format: str) -> Tensor:
    """A map cropped to the height and width of another."""
    first = 1 if data_format == "NHWC" else 2
    axes = [first, first + 1]
    known = list(size.shape)
    if -1 in known[first : first + 2]:
        known = paddle.shape(size)
    return paddle.slice(low, axes, [0, 0], [known[axis] for axis in axes])


@_rule("interpolate", "upsample")
def _interpolate(function: Function, arguments: Arguments) -> Pair:
    x = _pair(arguments)
    if x.layout.is_view:
        raise Unknown("of channels viewed as groups")
    _check_format(x, arguments)
    mode = arguments.get("mode", "nearest").lower()
    if mode not in ("nearest", "bilinear", "bicubic"):
        raise Unknown("in this mode")
    high = _again(function, arguments, x.high)
    scales = _sides(arguments.get("scale_factor"))
    if mode == "nearest" and all(isinstance(scale, int) for scale in scales):
        # By the scale: oneDNN takes other neighbours where it is given an odd size.
        return x.like(high, fit(_again(function, arguments, x.low), high, x.data_format))
    size = [high.shape[axis] for axis in x.space]
    if -1 in size:
        measured = paddle.shape(high)
        size = [measured[axis] for axis in x.space]
    half = [(side + 1) // 2 for side in size]
    low = _again(function, {**arguments, "size": half, "scale_factor": None}, x.low)
    return x.like(high, low)


@_rule("pad")
def _pad(function: Function, arguments: Arguments) -> Pair:
    x = _pair(arguments)
    pad = arguments["pad"]
    if isinstance(pad, int):
        pad = [pad] * 4
    if x.layout.is_view or not isinstance(pad, (list, tuple)) or len(pad) != 4:
        raise Unknown("of other axes than height and width")
    _check_format(x, arguments)
    if not all(isinstance(side, int) and side >= 0 for side in pad):
        raise Unknown("by such an amount")
    high = _again(function, arguments, x.high)
    half = [(side + index % 2) // 2 for index, side in enumerate(pad)]
    low = x.low
    if arguments.get("mode") == "reflect":
        low = at_least(low, [max(half[2:]) + 1, max(half[:2]) + 1], x.data_format)
    low = _again(function, {**arguments, "pad": half}, low)
    return x.like(high, fit(low, high, x.data_format))


@_rule("expand_as", "broadcast_to", "expand")
def _expand(function: Function, arguments: Arguments) -> Any:
    """A value a channel that is expanded to a pair: the product does that by itself."""
    x, target = list(arguments.values())[:2]
    if isinstance(x, Pair) or not isinstance(target, Pair):
        raise Unknown("has no octave form")
    if [x.shape[axis] for axis in target.space] != [1, 1] or len(x.shape) != 4:
        raise Unknown("has no octave form")
    return x


@_rule("shape")
def _shape(function: Function, arguments: Arguments) -> Tensor:
    x = _pair(arguments)
    sizes = function(x.high)
    before, after = sizes[: x.channel_axis], sizes[x.channel_axis + 1 :]
    channels = paddle.to_tensor(list(x.layout.slots.shape), dtype=sizes.dtype)
    return paddle.concat([before, channels, after])


# They call functions that they are given, which may make pairs of plain tensors.
CALLERS = frozenset({"recompute"})


@_rule("recompute")
def _recompute(function: Function, arguments: Arguments) -> Any:
    """Computed once and kept: what Paddle would compute again must take and give tensors."""
    kept = {"use_reentrant", "preserve_rng_state"}
    arguments = {key: value for key, value in arguments.items() if key not in kept}
    called, *args = [arguments.pop(key) for key in list(arguments) if key.isdigit()]
    return called(*args, **arguments)


@_rule("is_tensor")
def _is_tensor(function: Function, arguments: Arguments) -> bool:
    return True


@_rule("identity")
def _identity(function: Function, arguments: Arguments) -> Any:
    return _first(arguments)


def _is_all(index: Any) -> bool:
    if not isinstance(index, slice):
        return False
    # Ends may be tensors of a program, which compare their elements.
    return index.start is None and index.stop is None and index.step is None


def _axis(axis: Any, ndim: int) -> int:
    return axis % ndim if isinstance(axis, int) else -1


def _sides(size: Any) -> tuple:
    if isinstance(size, (list, tuple)):
        return tuple(size) if len(size) == 2 else (size[0], size[0])
    return size, size


# The operators and methods of tensors, on pairs


def _of_tensors(name: str) -> Function:
    """A method of tensors, as a function."""

    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    function.takes_anything = True  # type: ignore[attr-defined]
    return function


def _method(name: str) -> Function:
    function = _of_tensors(name)

    def method(self: Pair, *args: Any, **kwargs: Any) -> Any:
        return call(name, function, (self, *args), kwargs)

    method.__name__ = name
    return paddle.jit.not_to_static(method)


def _is_method(name: str) -> bool:
    return not name.startswith("_") and callable(getattr(Tensor, name, None))


_SPECIAL = [
    *(f"__{form}{name}__" for name in (*_OPERATORS, "matmul") for form in ("", "r")),
    *(
        f"__{name}__"
        for name in [
            "neg",
            "abs",
            "lt",
            "le",
            "gt",
            "ge",
            "eq",
            "ne",
            "getitem",
            "setitem",
            "bool",
            "float",
            "int",
        ]
    ),
]
for _name in (*filter(_is_method, dir(Tensor)), *_SPECIAL):
    if _name not in vars(Pair):
        setattr(Pair, _name, _method(_name))
