"""A trial of a network: it runs on pairs of zeros until it is agreed which channels are low.

Its convolutions and batch norms are not computed: they return zeros of the shape that they would
return.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any, Iterator, Sequence

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..common.errors import OctConvError, explained
from ..common.say import described
from .agreement import Agreement
from .attributes import Attributes, own_attributes
from .containers import holds_pair, is_iterator, without_pairs
from .converted import Planner, is_standard
from .decisions import cannot_be_octave, choose, free_strides, keeps_geometry, shares
from .folds import Readers
from .options import Options
from .origin import Listener, Origin
from .pair import Pair, convert, join, make
from .planned import Conv, Join, Plan
from .rules import is_tensor

_PASSES = 8  # in which layouts are agreed on; one or two are the rule
NORMS = (nn.BatchNorm, nn.BatchNorm2D, nn.SyncBatchNorm)


class _OtherImages(Exception):
    """The first convolution takes images of other channels, or with the channels last."""

    def __init__(self, channels: int, channels_last: bool) -> None:
        super().__init__(f"it takes images of {channels} channels")
        self.channels, self.channels_last = channels, channels_last


class Trial(Planner, Listener):
    """The passes through a network, whose layers are converted already."""

    def __init__(self, network: nn.Layer, options: Options) -> None:
        self.network, self.options = network, options
        self.kind = type(network).__name__
        self.layers = network.sublayers(include_self=True)
        self.names = {id(x): name for name, x in network.named_sublayers(include_self=True)}
        self.shared = _shared(self.layers)
        self.opaque: dict[str, str] = {}
        self.decided: dict[str, tuple[float, str]] = {}
        self.agreement = Agreement()
        self.kept: set[tuple[str, str]] = set()
        self.channels, self.channels_last = 3, False
        self._sizes: dict[tuple, tuple[int, int]] = {}

    def plan(self) -> Plan:
        """Run the network until nothing changes.

        Raises:
            OctConvError: it does not run on such images, or nothing of it becomes octave.
        """
        self._measure()
        convs = list(self.found.convs.values())
        self.decided = shares(convs, self.options, self.kind)
        strides = free_strides(convs, self.options)
        with explained(f"{self.kind} cannot be made octave"):
            for _ in range(_PASSES):
                self._run()
                if not self.changed:
                    break
        plan = self.found
        plan.opaque = {name: why for name, why in self.opaque.items() if self._is_outermost(name)}
        plan.folds = self.readers.folds(plan)
        plan.channels = self.channels
        plan.strides = strides
        plan.kept = sorted(self.kept)
        plan.together = {name: self.agreement.root(name) for name in plan.convs}
        if not any(conv.octave and (conv.inputs or conv.outputs) for conv in plan.convs.values()):
            raise OctConvError(self._nothing())
        return plan

    # Passes

    @property
    def changed(self) -> bool:
        """Whether something was decided that this pass has not known from its beginning."""
        return self.agreement.changed or self.became_opaque

    def _measure(self) -> None:
        """A pass of plain tensors, which tells the sizes of the maps."""
        try:
            try:
                self._run()
            except _OtherImages as error:
                self.channels, self.channels_last = error.channels, error.channels_last
                self._run()
        except Exception as error:
            height, width = self.options.sides
            raise OctConvError(
                f"{self.kind} does not run on images of {height}x{width} (input_size): "
                f"{described(error)}"
            ) from None
        if not self.found.convs:
            raise OctConvError(
                f"{self.kind} has no 2-D convolutions, so nothing of it can be octave"
            )

    def _run(self) -> None:
        """The network in evaluation and in training: it may go different ways."""
        self.found, self.readers = Plan({}), Readers()
        self.agreement.changed = self.became_opaque = False
        self.stack: list[str] = []
        self.inside_opaque = 0
        for training in (False, True):
            self.counts = not training
            with self._as_it_was(training), paddle.no_grad():
                output = self.network(self._image())
                # An iterator computes what it gives when it is asked.
                self.readers.read(list(output) if is_iterator(output) else output, "the output")
                self._note_kept()

    def _image(self) -> Tensor:
        sides, channels = self.options.sides, self.channels
        return paddle.zeros([1, *sides, channels] if self.channels_last else [1, channels, *sides])

    @contextlib.contextmanager
    def _as_it_was(self, training: bool) -> Iterator[None]:
        """The network asks this trial what its layers do; afterwards it is what it was."""
        before = [layer.training for layer in self.layers]
        # Running statistics are parameters without a gradient.
        fixed = [p for p in self.network.parameters() if p.stop_gradient]
        values = [(each, each.clone()) for each in (*fixed, *self.network.buffers())]
        state, attributes = paddle.get_rng_state(), [Attributes(x) for x in self.layers]
        self.network.train() if training else self.network.eval()
        for layer in self.layers:
            vars(layer)["planner"] = self
        try:
            yield
        finally:
            paddle.set_rng_state(state)
            for each, value in values:
                each.set_value(value)
            for layer, was, own in zip(self.layers, before, attributes):
                del vars(layer)["planner"]
                layer.training = was
                own.restore()

    def _note_kept(self) -> None:
        for layer in self.layers:
            name = self.names[id(layer)]
            own = own_attributes(layer)
            self.kept |= {(name, key) for key in own if holds_pair(vars(layer)[key])}

    def _nothing(self) -> str:
        reasons: dict[str, int] = {}
        for conv in self.found.convs.values():
            reasons[conv.reason] = reasons.get(conv.reason, 0) + 1
        said = ", ".join(f"{count} by {reason!r}" for reason, count in reasons.items())
        convs = sum(conv.multiply_adds for conv in self.found.convs.values())
        share = convs / max(1, convs + self.found.linear)
        return (
            f"nothing of {self.kind} becomes octave at alpha={self.options.alpha} and "
            f"input_size={self.options.input_size}: its {len(self.found.convs)} convolutions "
            f"({share:.0%} of the multiply-adds) stay plain, {said}"
        )

    # Calls of layers

    def call(self, layer: Any, args: tuple, kwargs: dict) -> Any:
        name = self.names.get(id(layer))
        if name is None or (isinstance(layer, nn.Conv2D) and not is_standard(layer)):
            return layer.call_layer(*args, **kwargs)
        if isinstance(layer, nn.Conv2D):
            return self._conv(name, layer, _only(args, kwargs))
        if isinstance(layer, NORMS) and is_standard(layer):
            return self._norm(name, layer, _only(args, kwargs))
        if name not in self.opaque:
            convs, joins = dict(self.found.convs), len(self.found.joins)
            try:
                return self._layer(name, layer, args, kwargs)
            except Exception as error:
                if not (holds_pair((args, kwargs)) or self._octave_inside(name)):
                    raise
                self._make_opaque(name, error, convs, joins)
        self.readers.read((args, kwargs), name)
        self.inside_opaque += 1
        try:
            return self._layer(name, layer, without_pairs(args), without_pairs(kwargs))
        finally:
            self.inside_opaque -= 1

    def _layer(self, name: str, layer: Any, args: tuple, kwargs: dict) -> Any:
        self.stack.append(name)
        try:
            result = layer.call_layer(*args, **kwargs)
        finally:
            self.stack.pop()
        if self.counts and isinstance(layer, nn.Linear) and is_tensor(result):
            self.found.linear += math.prod(result.shape) * layer.weight.shape[0]
        return result

    def _octave_inside(self, name: str) -> set[str]:
        prefix = f"{name}." if name else ""
        convs = self.found.convs.items()
        return {key for key, conv in convs if conv.octave and key.startswith(prefix)}

    def _make_opaque(self, name: str, error: Exception, convs: dict[str, Conv], joins: int) -> None:
        """Let a layer take plain tensors, and take back what was decided in it."""
        inside = self._octave_inside(name)
        what = " ".join(str(error).split())[:200]
        self.opaque[name] = f"{type(error).__name__}: {what}"
        # What evaluation let pass may fail in training alone: decide once more, then.
        self.became_opaque |= not inside.isdisjoint(convs)
        self.found.convs = {key: convs[key] for key in convs if key not in inside}
        del self.found.joins[joins:]

    def _conv(self, name: str, layer: nn.Conv2D, x: Any) -> Any:
        self.readers.read(x, name)
        channels_last = layer._data_format == "NHWC"
        self._check_channels(name, layer, x, channels_last)
        size = self._size(name, layer, x.shape[1:3] if channels_last else x.shape[2:4])
        conv = self.found.convs.get(name)
        if conv is None:
            conv = self.found.convs[name] = Conv(layer, name, size=size)
            conv.keeps_geometry = keeps_geometry(layer)
            self._choose(conv, x)
        batch = x.shape[0]
        if self.counts:
            conv.multiply_adds += batch * math.prod(size) * math.prod(layer.weight.shape)
        # A layer that is called again gets, and gives, what it did at first.
        if isinstance(x, Pair) and conv.inputs is None and not self.inside_opaque:
            self.joined("conv2d", "its convolution takes a plain tensor")
        if conv.outputs is None:
            return _zeros(layer, batch, layer._out_channels, size)
        half = [(side + 1) // 2 for side in size]
        result = make(
            _zeros(layer, batch, conv.outputs.high, size),
            _zeros(layer, batch, conv.outputs.low, half),
            conv.outputs,
            layer._data_format,
            Origin(conv.decides, self),
        )
        self.readers.made(name, result)
        return result

    def _check_channels(self, name: str, layer: nn.Conv2D, x: Any, channels_last: bool) -> None:
        if len(x.shape) == 4 and x.shape[3 if channels_last else 1] == layer._in_channels:
            return
        wanted = layer._in_channels, channels_last and list(x.shape) == self._image().shape
        if not self.found.convs and wanted != (self.channels, self.channels_last):
            raise _OtherImages(*wanted)
        raise ValueError(f"{name} takes {layer._in_channels} channels, got shape {x.shape}")

    def _choose(self, conv: Conv, x: Any) -> None:
        """Decide on the layouts of a convolution."""
        conv.alpha, conv.reason = self.decided.get(conv.name, (0.0, ""))
        layout = x.layout if isinstance(x, Pair) else None
        origin = x.origin if isinstance(x, Pair) else Origin()
        conv.reads = origin.convs
        why = self._why_plain(conv, layout is not None and layout.is_view)
        if why:
            conv.alpha, conv.reason = 0.0, why
            return
        if layout is None and not conv.alpha:
            pools = self.options.pool_stride and conv.layer._stride[0] == 2
            conv.octave = pools and conv.keeps_geometry and conv.reason != "stem"
            return
        may_ask = self.agreement.may_ask(origin.convs)
        choice = choose(conv, layout, self.agreement.of(conv.name), may_ask)
        conv.inputs, conv.outputs = choice.inputs, choice.outputs
        conv.reason, conv.exchanges = choice.reason, choice.exchanges
        conv.octave = conv.inputs is not None or conv.outputs is not None
        if choice.follows:
            conv.decides = origin.convs
        elif conv.outputs is not None and conv.layer._groups == 1:
            conv.decides = frozenset([conv.name])
        if choice.asks is not None:
            self.agreement.ask(origin.convs, choice.asks)
        if choice.joins:
            self.joined("conv2d", choice.joins)

    def _why_plain(self, conv: Conv, is_view: bool) -> str:
        if self.inside_opaque:
            layer = next(name for name in self.stack if name in self.opaque)
            where = layer or "the network"
            return f"inside {where}, which takes plain tensors only: {self.opaque[layer]}"
        return cannot_be_octave(conv, self.shared) or (
            "channels viewed as groups" if is_view else ""
        )

    def _norm(self, name: str, layer: nn.Layer, x: Any) -> Any:
        if not isinstance(x, Pair):
            return x
        if self.inside_opaque or x.layout.is_view:
            return join(x)
        self.readers.normed(name, x)
        self.found.normed[name] = x.origin.convs
        x = convert(x, self.found.norms.setdefault(name, x.layout), x.data_format)
        return x.like(x.high, x.low)

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
        self.readers.read(value, "an operation")

    def split(self, pair: Pair, sections: Sequence[int]) -> None:
        self.agreement.split(pair, sections)

    def met(self, first: Pair, second: Pair) -> frozenset[str]:
        return self.agreement.met(first, second)

    def _is_outermost(self, name: str) -> bool:
        return not any(name.startswith(f"{other}.") for other in self.opaque if other != name)


def _shared(layers: Sequence[nn.Layer]) -> set[int]:
    """The ids of parameters that several layers have: cut for one, they would be two."""
    seen: set[int] = set()
    shared: set[int] = set()
    for layer in layers:
        own = {id(p) for p in layer._parameters.values() if p is not None}
        shared |= own & seen
        seen |= own
    return shared


def _only(args: tuple, kwargs: dict) -> Any:
    return args[0] if args else next(iter(kwargs.values()))


def _zeros(layer: nn.Layer, batch: int, channels: int, size: Sequence[int]) -> Tensor:
    shape = [batch, *size, channels] if layer._data_format == "NHWC" else [batch, channels, *size]
    return paddle.zeros(shape, dtype=layer.weight.dtype)
