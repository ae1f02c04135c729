"""Which convolutions become octave convolutions, decided once, from the shapes of a trial.

The trial runs the converted code of the network on pairs of zeros. Its convolutions and batch
norms are not computed: they return zeros of the shape that they would return.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from typing import Any, Iterator, Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..common.errors import OctConvError, explained
from ..common.say import described
from ..layers.channels import low_share
from .layout import Layout, low_mask
from .options import Options
from .pair import Pair, convert, join, make
from .rules import Listener, holds_pair, is_tensor, listen, without_pairs
from .standins import Converted, Planner, rebind_layer, refresh, restore

_PASSES = 8  # in which layouts are agreed on; one or two are the rule
_NORMS = (nn.BatchNorm, nn.BatchNorm2D, nn.SyncBatchNorm)


@dataclass
class Conv:
    """A convolution of the network, and what becomes of it.

    Attributes:
        layer: it itself, yet vanilla.
        inputs, outputs: layouts of the pairs that it takes and gives; None for a plain tensor.
        keeps_geometry: whether its kernel is odd and padded so that the map keeps its size, up to
            its stride of 1 or 2; what is not takes the stride and padding that it has in each path.
        exchanges: whether the frequencies exchange information.
        size: height and width of its output in the trial.
        multiply_adds: of the vanilla convolution, in the trial.
        reason: why its output is plain; empty if it is not.
        octave: whether it becomes an octave convolution.
    """

    layer: nn.Layer
    name: str
    alpha: float = 0.0
    reason: str = ""
    inputs: Layout | None = None
    outputs: Layout | None = None
    exchanges: bool = True
    keeps_geometry: bool = True
    size: tuple[int, int] = (0, 0)
    multiply_adds: int = 0
    octave: bool = False
    sources: frozenset = frozenset()


@dataclass(frozen=True)
class Join:
    """A place where a pair became a tensor. function: what was called there, on what layer."""

    layer: str
    function: str
    reason: str


@dataclass
class Plan:
    """What is decided.

    Attributes:
        convs: every convolution that ran, in the order of their first calls.
        norms: batch norms that normalise pairs, with the layout of those.
        opaque: layers that take and give plain tensors, and why.
        folds: for an octave convolution the batch norm that alone reads it.
        linear: multiply-adds of linear layers.
        channels: of an image.
        strides: of the convolutions that may become octave, by name: how many pixels of the image's
            side a pixel of the output is. ``alpha`` has one number for each of them.
    """

    convs: dict[str, Conv]
    norms: dict[str, Layout] = field(default_factory=dict)
    opaque: dict[str, str] = field(default_factory=dict)
    folds: dict[str, str] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)
    linear: int = 0
    channels: int = 3
    strides: dict[str, int] = field(default_factory=dict)


def make_plan(network: nn.Layer, options: Options) -> Plan:
    """Convert the classes of a network's layers and decide what becomes of its convolutions.

    Args:
        network: any network for images; its parameters stay what they are.

    Raises:
        OctConvError: it cannot run on such images, an option does not fit it, or nothing of it
            becomes octave. The network is what it was, then.
    """
    refresh()
    undo = rebind_layer(network)
    try:
        return _Trial(network, options).plan()
    except BaseException:
        restore(undo)
        raise


class _ImageChannels(Exception):
    """The first convolution takes images of other channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(f"it takes images of {channels} channels")
        self.channels = channels


class _Trial(Planner, Listener):
    """The passes through a network until layouts are agreed on."""

    def __init__(self, network: nn.Layer, options: Options) -> None:
        self.network, self.options = network, options
        self.names = {id(x): name for name, x in network.named_sublayers(include_self=True)}
        self.shared = _shared(network)
        self.opaque: dict[str, str] = {}
        self.decided: dict[str, tuple[float, str]] = {}
        self.wanted: dict[str, Layout] = {}
        self.parents: dict[str, str] = {}  # of convolutions whose layouts have to be the same
        self.strides: dict[str, int] = {}
        self.changed = False
        self.channels = 3
        self._sizes: dict[tuple, tuple[int, int]] = {}
        self._begin()

    def plan(self) -> Plan:
        self._measure()
        self._decide()
        with explained(f"{type(self.network).__name__} cannot be made octave"):
            self._agree()
        plan = self.found
        plan.opaque = {name: why for name, why in self.opaque.items() if self._is_outermost(name)}
        plan.folds = self._folds()
        plan.channels = self.channels
        plan.strides = self.strides
        if not any(conv.octave and (conv.inputs or conv.outputs) for conv in plan.convs.values()):
            raise OctConvError(self._nothing())
        return plan

    def _agree(self) -> None:
        for _ in range(_PASSES):
            self._begin()
            self._run()
            if not self.changed:
                break

    # Passes

    def _begin(self) -> None:
        self.found = Plan({})
        self.changed = False
        self.stack: list[str] = []
        self.inside_opaque = 0
        self.made: dict[int, tuple[str, Pair]] = {}  # by convolutions; kept, so that ids stay
        self.readers: dict[str, list[str]] = {}
        self.normed: list[str] = []

    def _run(self) -> None:
        """The network in evaluation and in training: it may go different ways."""
        for training in (False, True):
            with self._as_it_was(training), paddle.no_grad(), listen(self):
                self.counts = not training
                image = paddle.zeros([1, self.channels, *self.options.sides])
                self._read(self.network(image), "the output")

    @contextlib.contextmanager
    def _as_it_was(self, training: bool) -> Iterator[None]:
        layers = self.network.sublayers(include_self=True)
        before = [layer.training for layer in layers]
        # Running statistics are parameters without a gradient.
        fixed = [p for p in self.network.parameters() if p.stop_gradient]
        values = [(each, each.clone()) for each in (*fixed, *self.network.buffers())]
        state = paddle.get_rng_state()
        self.network.train() if training else self.network.eval()
        try:
            yield
        finally:
            paddle.set_rng_state(state)
            for each, value in values:
                each.set_value(value)
            for layer, was in zip(layers, before):
                layer.training = was

    def _measure(self) -> None:
        """A pass of plain tensors, which tells the sizes of the maps."""
        kind = type(self.network).__name__
        try:
            try:
                self._run()
            except _ImageChannels as error:
                self.channels = error.channels
                self._begin()
                self._run()
        except Exception as error:
            height, width = self.options.sides
            raise OctConvError(
                f"{kind} does not run on images of {height}x{width} (input_size): "
                f"{described(error)}"
            ) from None
        if not self.found.convs:
            raise OctConvError(f"{kind} has no 2-D convolutions, so nothing of it can be octave")

    # Decisions

    def _decide(self) -> None:
        options, convs = self.options, list(self.found.convs.values())
        strides = {conv.name: self._stride(conv) for conv in convs}
        free = [conv for conv in convs[options.stem :] if min(conv.size) >= options.min_size]
        self.strides = {conv.name: strides[conv.name] for conv in free}
        stages = sorted(set(self.strides.values()))
        alphas: dict[int, Any] = dict.fromkeys(stages, options.alpha)
        if isinstance(options.alpha, (list, tuple)):
            if len(options.alpha) != len(stages):
                places = ", ".join(f"1/{stride}" for stride in stages)
                raise OctConvError(
                    f"alpha must be a number, or {len(stages)} of them, for the maps of "
                    f"{type(self.network).__name__} at {places} of the image's size, "
                    f"got {len(options.alpha)}: {options.alpha!r}"
                )
            alphas = dict(zip(stages, options.alpha))
        else:
            for stride in stages:
                if stride > options.max_stride:
                    alphas[stride] = 0.0
        for pattern in options.patterns:
            if not any(Options(plain=pattern).stays_plain(conv.name) for conv in convs):
                raise OctConvError(
                    f"plain: {pattern!r} is no convolution of {type(self.network).__name__}; "
                    f"its convolutions are called like {convs[0].name!r} and {convs[-1].name!r}"
                )
        for index, conv in enumerate(convs):
            alpha, reason = float(alphas.get(strides[conv.name], 0.0)), ""
            if index < options.stem:
                alpha, reason = 0.0, "stem"
            elif min(conv.size) < options.min_size:
                alpha, reason = 0.0, "min_size"
            elif options.stays_plain(conv.name):
                alpha, reason = 0.0, "plain"
            elif alpha == 0:
                reason = "max_stride" if not isinstance(options.alpha, (list, tuple)) else "alpha"
            elif not low_share(conv.layer._out_channels, alpha):
                alpha, reason = 0.0, "alpha leaves no low channel"
            self.decided[conv.name] = alpha, reason

    def _stride(self, conv: Conv) -> int:
        """Pixels of the image a pixel of its output, as a power of two."""
        ratio = min(self.options.sides) / max(1, min(conv.size))
        return 2 ** max(0, round(math.log2(ratio)))

    def _nothing(self) -> str:
        kind = type(self.network).__name__
        reasons: dict[str, int] = {}
        for conv in self.found.convs.values():
            reasons[conv.reason] = reasons.get(conv.reason, 0) + 1
        said = ", ".join(f"{count} by {reason!r}" for reason, count in reasons.items())
        convs = sum(conv.multiply_adds for conv in self.found.convs.values())
        share = convs / max(1, convs + self.found.linear)
        return (
            f"nothing of {kind} becomes octave at alpha={self.options.alpha} and "
            f"input_size={self.options.input_size}: its {len(self.found.convs)} convolutions "
            f"({share:.0%} of the multiply-adds) stay plain, {said}"
        )

    # Calls of layers

    def call(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        name = self.names.get(id(layer))
        if name is None or (isinstance(layer, nn.Conv2D) and not _is_standard(layer)):
            return layer.call_layer(*args, **kwargs)
        if isinstance(layer, nn.Conv2D):
            return self._conv(name, layer, _only(args, kwargs))
        if isinstance(layer, _NORMS) and _is_standard(layer):
            return self._norm(name, layer, _only(args, kwargs))
        return self._call(name, layer, args, kwargs)

    def _call(self, name: str, layer: Any, args: tuple, kwargs: dict) -> Any:
        opaque = name in self.opaque
        if opaque:
            self._read((args, kwargs), name)
            args, kwargs = without_pairs(args), without_pairs(kwargs)
        self.stack.append(name)
        self.inside_opaque += opaque
        before, joins = dict(self.found.convs), len(self.found.joins)
        try:
            result = layer.call_layer(*args, **kwargs)
        except Exception as error:
            prefix = f"{name}." if name else ""
            inside = {
                key
                for key, conv in self.found.convs.items()
                if conv.octave and key.startswith(prefix)
            }
            if opaque or not (inside or holds_pair(args) or holds_pair(kwargs)):
                raise
            what = " ".join(str(error).split())[:200]
            self.opaque[name] = f"{type(error).__name__}: {what}"
            # What evaluation let pass may fail in training alone: decide once more, then.
            self.changed |= not inside.isdisjoint(before)
            self.found.convs = {key: before[key] for key in before if key not in inside}
            del self.found.joins[joins:]
        else:
            if self.counts and isinstance(layer, nn.Linear) and is_tensor(result):
                self.found.linear += math.prod(result.shape) * layer.weight.shape[0]
            return result
        finally:
            self.stack.pop()
            self.inside_opaque -= opaque
        return self._call(name, layer, args, kwargs)

    def _conv(self, name: str, layer: nn.Conv2D, x: Any) -> Any:
        self._read(x, name)
        conv = self.found.convs.get(name)
        channels_last = layer._data_format == "NHWC"
        space = x.shape[1:3] if channels_last else x.shape[2:4]
        size = self._size(name, layer, space)
        if len(x.shape) != 4 or x.shape[3 if channels_last else 1] != layer._in_channels:
            if not self.found.convs and self.channels != layer._in_channels:
                raise _ImageChannels(layer._in_channels)
            raise ValueError(f"{name} takes {layer._in_channels} channels, got shape {x.shape}")
        if conv is None:
            conv = self.found.convs[name] = Conv(layer, name, size=size)
            conv.keeps_geometry = keeps_geometry(layer)
            self._choose(conv, x)
        batch = x.shape[0]
        if self.counts:
            conv.multiply_adds += batch * math.prod(size) * math.prod(layer.weight.shape)
        # A layer that is called again gets, and gives, what it did at first.
        self._convert(x, conv.inputs)
        if conv.outputs is None:
            return _zeros(layer, batch, layer._out_channels, size)
        half = [(side + 1) // 2 for side in size]
        result = make(
            _zeros(layer, batch, conv.outputs.high, size),
            _zeros(layer, batch, conv.outputs.low, half),
            conv.outputs,
            layer._data_format,
            conv.sources,
        )
        self.made[id(result)] = name, result
        return result

    def _convert(self, x: Any, layout: Layout | None) -> None:
        if isinstance(x, Pair) and layout is None and not self.inside_opaque:
            self.joined("conv2d", "its convolution takes a plain tensor")

    def _choose(self, conv: Conv, x: Any) -> None:
        """Decide on the layouts of a convolution."""
        conv.alpha, conv.reason = self.decided.get(conv.name, (0.0, ""))
        layout = x.layout if isinstance(x, Pair) else None
        if self.inside_opaque:
            conv.alpha, conv.reason = 0.0, "inside a layer that takes plain tensors alone"
            return
        why = unsupported(conv.layer)
        if id(conv.layer._parameters.get("weight")) in self.shared:
            why = "another layer has the same weight"
        if not why and conv.size == (1, 1) and max(conv.layer._kernel_size) > 1:
            why = "its kernel takes in the whole map"
        if why or (layout is not None and layout.is_view):
            conv.alpha, conv.reason = 0.0, why or "channels viewed as groups"
            return
        if layout is None and not conv.alpha:
            pools = self.options.pool_stride and conv.layer._stride[0] == 2
            conv.octave = pools and conv.keeps_geometry and conv.reason != "stem"
            return
        if conv.layer._groups == 1:
            conv.inputs = layout
            if conv.alpha:
                default = Layout.of_alpha(conv.layer._out_channels, conv.alpha)
                wanted = self.wanted.get(self._root(conv.name), default)
                conv.outputs = wanted if wanted.channels == default.channels else default
                conv.sources = frozenset([conv.name])
        else:
            self._choose_grouped(conv, layout, x)
        conv.octave = conv.inputs is not None or conv.outputs is not None

    def _choose_grouped(self, conv: Conv, layout: Layout | None, x: Any) -> None:
        """Each group gives some of its channels to the low branch, or is of one branch."""
        layer = conv.layer
        groups = layer._groups
        width_in, width_out = layer._in_channels // groups, layer._out_channels // groups
        split_out = Layout.of_alpha(layer._out_channels, conv.alpha, [width_out] * groups)
        outputs = split_out if 0 < split_out.low < split_out.channels else None
        if layout is None:
            conv.outputs = outputs
            conv.reason = conv.reason or ("" if outputs else "its groups are too narrow to split")
            return
        share = layout.low / layout.channels
        split_in = Layout.of_alpha(layer._in_channels, share, [width_in] * groups)
        can_split = 0 < split_in.low < split_in.channels
        if can_split and _is_split(layout, groups):
            conv.inputs, conv.outputs = layout, outputs
            return
        whole = _of_whole_groups(layout, groups, width_out)
        asked = False
        if can_split:
            asked = self._ask(x.sources, split_in)
        elif whole is None:
            mask = np.repeat(low_mask([groups], share), width_in)
            asked = self._ask(x.sources, Layout.of_mask(mask))
        if whole is not None and not asked:
            conv.inputs, conv.outputs, conv.exchanges = layout, whole, False
            conv.reason = ""
            conv.sources = x.sources if width_in == width_out else frozenset()
            return
        if whole is None and not asked:
            self.joined("conv2d", "its groups do not fit the channels of the branches")
        conv.outputs = outputs

    def _norm(self, name: str, layer: nn.Layer, x: Any) -> Any:
        if not isinstance(x, Pair) or self.inside_opaque or x.layout.is_view:
            return join(x) if isinstance(x, Pair) else x
        self._read(x, name)
        self.normed.append(name)
        layout = self.found.norms.setdefault(name, x.layout)
        return make(*_branches(convert(x, layout, x.data_format)), layout, x.data_format, x.sources)

    def _size(self, name: str, layer: nn.Conv2D, space: Sequence[int]) -> tuple[int, int]:
        """Height and width of what a convolution returns."""
        key = (name, *space)
        if key not in self._sizes:
            x, padding = paddle.zeros([1, 1, *space]), layer._padding
            if layer._padding_mode != "zeros":
                amount = layer._reversed_padding_repeated_twice
                x, padding = F.pad(x, amount, mode=layer._padding_mode), 0
            result = F.conv2d(
                x,
                paddle.zeros([1, 1, *layer._kernel_size]),
                stride=layer._stride,
                padding=padding,
                dilation=layer._dilation,
            )
            self._sizes[key] = (result.shape[2], result.shape[3])
        return self._sizes[key]

    # What rules tell

    def joined(self, function: str, reason: str) -> None:
        layer = next((name for name in reversed(self.stack) if name), "the network")
        self.found.joins.append(Join(layer, function, reason))

    def used(self, value: Any) -> None:
        self._read(value, "an operation")

    def split(self, pair: Pair, sections: Sequence[int]) -> None:
        mask = pair.layout.mask
        ends = np.cumsum(sections)
        parts = [mask[end - size : end] for size, end in zip(sections, ends)]
        if any(part.all() or not part.any() for part in parts):
            share = pair.layout.low / pair.layout.channels
            self._ask(pair.sources, Layout.of_alpha(len(mask), share, list(sections)))

    def met(self, first: Pair, second: Pair) -> frozenset:
        both = first.sources | second.sources
        if first.layout != second.layout:
            for sources, layout in ((second.sources, first.layout), (first.sources, second.layout)):
                if sources and not layout.is_view:
                    self._ask(sources, layout)
                    break
        roots = sorted({self._root(name) for name in both})
        for other in roots[1:]:
            self.parents[other] = roots[0]
            if other in self.wanted:
                self.wanted.setdefault(roots[0], self.wanted[other])
        return both

    def _ask(self, sources: frozenset, layout: Layout) -> bool:
        """Ask the convolutions that a pair is from for another layout; False if they cannot."""
        roots = {self._root(name) for name in sources}
        if not roots or roots & set(self.wanted):
            return False
        for root in roots:
            self.wanted[root] = layout
        self.changed = True
        return True

    def _root(self, name: str) -> str:
        while name in self.parents:
            name = self.parents[name]
        return name

    # Folding

    def _read(self, value: Any, reader: str) -> None:
        if isinstance(value, Pair) and id(value) in self.made:
            self.readers.setdefault(self.made[id(value)][0], []).append(reader)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._read(item, reader)
        elif isinstance(value, dict):
            for item in value.values():
                self._read(item, reader)

    def _folds(self) -> dict[str, str]:
        """Batch norms that alone read a convolution, and read nothing else."""
        folds = {}
        for name, readers in self.readers.items():
            norm, norms = readers[0], self.found.norms
            alone = set(readers) == {norm} and self.normed.count(norm) == len(readers)
            if alone and norms.get(norm) == self.found.convs[name].outputs:
                folds[name] = norm
        return folds

    def _is_outermost(self, name: str) -> bool:
        return not any(name.startswith(f"{other}.") for other in self.opaque if other != name)


def unsupported(layer: nn.Layer) -> str:
    """Why a convolution cannot be an octave convolution; empty if it can."""
    if layer._data_format not in ("NCHW", "NHWC"):
        return f"data format {layer._data_format}"
    if layer._padding_mode not in ("zeros", "replicate", "reflect"):
        return f"padding mode {layer._padding_mode}"
    if layer._parameters.get("weight") is None:  # weight_norm and spectral_norm take it away
        return "its weight is computed"
    return ""


def _shared(network: nn.Layer) -> set[int]:
    """The ids of parameters that several layers have: cut for one, they would be two."""
    seen: set[int] = set()
    shared: set[int] = set()
    for layer in network.sublayers(include_self=True):
        own = {id(p) for p in layer._parameters.values() if p is not None}
        shared |= own & seen
        seen |= own
    return shared


def keeps_geometry(layer: nn.Layer) -> bool:
    """Whether stride and padding are those that ``OctConv2D`` has."""
    if list(layer._stride) not in ([1, 1], [2, 2]):
        return False
    if any(side % 2 == 0 for side in layer._kernel_size):
        return False
    half = [d * (side - 1) // 2 for d, side in zip(_two(layer._dilation), layer._kernel_size)]
    padding = layer._padding
    if isinstance(padding, str):
        return padding.upper() == "SAME"
    if isinstance(padding, int):
        padding = [padding, padding]
    flat = [
        side for part in padding for side in (part if isinstance(part, (list, tuple)) else [part])
    ]
    if len(flat) == 2:
        return list(flat) == half
    return len(flat) == 4 and flat == [half[0], half[0], half[1], half[1]]


def _two(value: Any) -> Sequence[int]:
    return value if isinstance(value, (list, tuple)) else [value, value]


def _is_standard(layer: nn.Layer) -> bool:
    """Whether a convolution or a batch norm runs Paddle's own forward."""
    classes = (cls for cls in type(layer).__mro__ if cls is not Converted)
    owner = next(
        cls for cls in classes if "forward" in vars(cls) and "_is_rebound" not in vars(cls)
    )
    return owner is nn.Conv2D or (owner.__module__ + ".").startswith("paddle.nn.layer.norm.")


def _is_split(layout: Layout, groups: int) -> bool:
    """Whether every group has as many channels in each branch, in the order of the groups."""
    slots = layout.slots.reshape(groups, -1)
    low = (slots < 0).sum(1)
    if (low != low[0]).any() or low[0] in (0, slots.shape[1]):
        return False
    high = slots.shape[1] - low[0]
    in_order = (
        (row[row >= 0] // high == group).all() and ((-1 - row[row < 0]) // low[0] == group).all()
        for group, row in enumerate(slots)
    )
    return all(map(bool, in_order))


def _of_whole_groups(layout: Layout, groups: int, width_out: int) -> Layout | None:
    """What a grouped convolution returns if every group of its input is of one branch."""
    slots = layout.slots.reshape(groups, -1)
    width = slots.shape[1]
    outputs = []
    for row in slots:
        is_low = bool((row < 0).all())
        if not is_low and (row < 0).any():
            return None
        places = -1 - row if is_low else row
        rank = int(places.min()) // width
        if sorted(places) != list(range(rank * width, (rank + 1) * width)):
            return None
        places = np.arange(width_out) + rank * width_out
        outputs.append(-1 - places if is_low else places)
    return Layout(np.concatenate(outputs))


def _only(args: tuple, kwargs: dict) -> Any:
    return args[0] if args else next(iter(kwargs.values()))


def _branches(x: Pair) -> tuple[Tensor, Tensor]:
    return x.high, x.low


def _zeros(layer: nn.Layer, batch: int, channels: int, size: Sequence[int]) -> Tensor:
    shape = [batch, *size, channels] if layer._data_format == "NHWC" else [batch, channels, *size]
    return paddle.zeros(shape, dtype=layer.weight.dtype)
