"""Convolutions and batch norms of a network, turned into octave layers in place.

The layer stays the object that it was, so that whatever refers to it still does; its class and its
parameters change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from paddle import ParamAttr, nn
from paddle.nn.initializer import Constant

from ..layers import Octave, OctBatchNorm2D, OctConv2D, Order, Reparameterizable
from ..layers.channels import Channels
from ..layers.cutting import SAME_ORDER, Arrays, take
from ..layers.folding import FoldedOctConv2D, foldable_unit
from ..layers.halving import Halving
from ..layers.octave import branches, plus, plus_up2, pool2
from .layout import Layout
from .pair import Pair, at_least, convert, fit, make
from .planned import Conv, Plan


def carry_out(network: nn.Layer, plan: Plan) -> None:
    """Turn layers into what a plan says; their parameters are cut."""
    layers = dict(network.named_sublayers(include_self=True))
    state = paddle.get_rng_state()
    for conv in plan.convs.values():
        if conv.octave:
            _turn_conv(conv)
        else:
            conv.layer.__dict__["takes_plain"] = True  # even if another path brings it a pair
    for name, layout in plan.norms.items():
        _turn_norm(layers[name], layout)
    paddle.set_rng_state(state)
    for name, norm in plan.folds.items():
        layers[name].__dict__["norm"] = layers[norm]  # not as a layer of its own
    for name in plan.opaque:
        layers[name].__dict__["takes_plain"] = True
    for name, layer in layers.items():
        prefix = f"{name}." if name else ""
        if any(conv.octave and key.startswith(prefix) for key, conv in plan.convs.items()):
            for method in ("re_parameterize", "rep"):
                if hasattr(layer, method) and not isinstance(layer, Reparameterizable):
                    layer.__dict__[method] = _leave_as_it_is


class OctavizedConv2D(OctConv2D, Reparameterizable):
    """What became of a convolution: an octave convolution between layouts of channels.

    Attributes:
        layout_in, layout_out: of the pairs that it takes and gives; None for a plain tensor.
        keeps_geometry: as in ``plan.Conv``.
        norm: the batch norm that the deploy form makes part of it, or None.
        folded: both of them in the deploy form, or None.
    """

    norm: OctavizedBatchNorm2D | None = None

    @paddle.jit.not_to_static
    def forward(self, x: Any) -> Any:
        x = convert(x, self.layout_in, self.data_format)
        feature = Octave(x.high, x.low) if isinstance(x, Pair) else x
        if self.folded is not None:
            y = self.folded(feature)
        elif self.keeps_geometry:
            y = super().forward(feature)
        else:
            y = self._forward_any(feature)
        if self.layout_out is None:
            return y
        return make(y.high, y.low, self.layout_out, self.data_format)

    def _forward_any(self, x: Any) -> Any:
        """Every path with the stride and padding of the vanilla convolution."""
        high, low = branches(x)
        y_high = self.hh(high)
        if low is not None:
            low = self._large_enough(low)
        if self.lh is not None:
            y_high = plus_up2(y_high, self._fit(self.lh(low), y_high), self.data_format)
        if self.layout_out is None:
            return y_high
        y_low = None
        if self.ll is not None:
            y_low = self._fit(self.ll(low), y_high)
        if self.hl is not None:
            exchanged = self.hl(self._large_enough(pool2(high, self.data_format)))
            y_low = plus(y_low, self._fit(exchanged, y_high))
        return Octave(y_high, y_low)

    def _fit(self, y: Any, like: Any) -> Any:
        return fit(y, like, self.data_format, max(self._reach))

    def _large_enough(self, low: Any) -> Any:
        """A low map continued by its border where a kernel without padding is larger than it, or
        where there is not as much of it as is reflected."""
        reach = self._reach
        if self.hh._padding_mode == "reflect":
            top, left = self.hh._reversed_padding_repeated_twice[2::-2]
            reach = [max(reach[0], top + 1), max(reach[1], left + 1)]
        return at_least(low, reach, self.data_format)

    @property
    def _reach(self) -> list[int]:
        """Height and width of the kernel with the gaps that dilation makes."""
        dilation, kernel = self.hh._dilation, self.hh._kernel_size
        return [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]

    @property
    def order(self) -> Order:
        """The vanilla channels in the order of the branches."""
        return Order(_order(self.layout_in), _order(self.layout_out))

    def cut(self, parameter: str, value: np.ndarray, order: Order = SAME_ORDER) -> Arrays:
        if self.depthwise:
            pieces = np.split(take(value, order.outputs), [self.outputs.high])
            return {f"{path}.{parameter}": piece for path, piece in zip(("hh", "ll"), pieces)}
        blocks = super().cut(parameter, value, order)
        # Of two paths that are summed, one has the bias.
        return {
            key: block
            for key, block in blocks.items()
            if getattr(getattr(self, key.partition(".")[0]), parameter) is not None
        }

    def fold(self) -> None:
        norm = self.norm
        if norm is None or norm.high is None or not foldable_unit(self, norm):
            return
        if self.hh._padding_mode != "zeros":
            return
        folded = FoldedOctConv2D(self, norm)
        if self.keeps_geometry:
            self.folded, self.hh, self.hl, self.lh, self.ll = folded, None, None, None, None
        elif not folded.joins:
            self.hh, self.hl, self.lh, self.ll = folded.hh, folded.hl, folded.lh, folded.ll
        else:
            return
        norm.high = norm.low = None


class OctavizedBatchNorm2D(OctBatchNorm2D):
    """What became of a batch norm: one of each branch, and the activation that it may have.

    Attributes:
        layout: of the pairs that it takes and gives.
    """

    @paddle.jit.not_to_static
    def forward(self, x: Any) -> Any:
        x = convert(x, self.layout, self.data_format)
        high, low = x.high, x.low
        if self.high is not None and self.low is not None:  # else it is part of the convolution
            high, low = self.high(high), self.low(low)
        if self.activation:
            act = getattr(nn.functional, self.activation)
            high, low = act(high), act(low)
        return x.like(high, low)

    @property
    def order(self) -> Order:
        """The vanilla channels in the order of the branches."""
        return Order(outputs=_order(self.layout))


def _turn_conv(conv: Conv) -> None:
    layer = conv.layer
    inputs, outputs = conv.inputs, conv.outputs
    square = len(set(layer._kernel_size)) == 1
    source = _channels(inputs, layer._in_channels)
    target = _channels(outputs, layer._out_channels)
    stride = layer._stride[0] if conv.keeps_geometry else 1
    vanilla = _take_away(layer, "weight", "bias")
    layer.__class__ = OctavizedConv2D
    vars(layer).update(
        inputs=source,
        outputs=target,
        in_channels=source.total,
        out_channels=target.total,
        kernel_size=layer._kernel_size[0] if square else tuple(layer._kernel_size),
        stride=stride,
        halving=Halving.by_design(stride),
        groups=layer._groups,
        data_format=layer._data_format,
        depthwise=not conv.exchanges,
        keeps_geometry=conv.keeps_geometry,
        layout_in=inputs,
        layout_out=outputs,
    )

    def path(from_: int, to: int, bias: bool = False) -> nn.Conv2D | None:
        if not from_ or not to:
            return None
        groups = layer._groups
        if not conv.exchanges:
            groups = groups * from_ // layer._in_channels
        made = nn.Conv2D(
            from_,
            to,
            layer._kernel_size,
            stride=1 if conv.keeps_geometry else layer._stride,
            padding=layer._padding,
            dilation=layer._dilation,
            groups=groups,
            padding_mode=layer._padding_mode,
            weight_attr=_attributes(vanilla["weight"]),
            bias_attr=_attributes(vanilla["bias"]) if bias else False,
            data_format=layer._data_format,
        )
        return made.to(dtype=vanilla["weight"].dtype)

    has_bias = vanilla["bias"] is not None
    layer.hh = path(source.high, target.high, has_bias)
    layer.hl = (
        path(source.high, target.low, has_bias and not source.low) if conv.exchanges else None
    )
    layer.lh = path(source.low, target.high) if conv.exchanges else None
    layer.ll = path(source.low, target.low, has_bias)
    layer.folded = None
    _fill(layer, vanilla)


def _turn_norm(layer: nn.Layer, layout: Layout) -> None:
    data_format = getattr(layer, "_data_format", None) or layer._data_layout
    activation = getattr(layer, "_act", None)
    kind = nn.SyncBatchNorm if isinstance(layer, nn.SyncBatchNorm) else nn.BatchNorm2D
    options = {
        "momentum": layer._momentum,
        "epsilon": layer._epsilon,
        "weight_attr": _attributes(layer.weight),
        "bias_attr": _attributes(layer.bias),
        "data_format": "NHWC" if data_format == "NHWC" else "NCHW",
    }
    if kind is nn.BatchNorm2D:
        options["use_global_stats"] = getattr(layer, "_use_global_stats", None) or None
    vanilla = _take_away(layer, "weight", "bias", "_mean", "_variance")
    layer.__class__ = OctavizedBatchNorm2D
    vars(layer).update(layout=layout, activation=activation, data_format=options["data_format"])
    dtype = vanilla["_mean"].dtype
    layer.high = kind(layout.high, **options).to(dtype=dtype)
    layer.low = kind(layout.low, **options).to(dtype=dtype)
    _fill(layer, vanilla)


def _take_away(layer: nn.Layer, *names: str) -> dict[str, Any]:
    """The parameters and buffers of a layer, which it has no longer."""
    values = {name: getattr(layer, name) for name in names}
    for name in names:
        for store in (layer._parameters, layer._buffers, vars(layer)):
            store.pop(name, None)
    return values


def _fill(layer: Any, vanilla: dict) -> None:
    """Give an octave layer the parameters that it had as a vanilla layer."""
    own = layer.state_dict()
    for key, value in vanilla.items():
        if value is not None:
            for name, piece in layer.cut(key, value.numpy(), layer.order).items():
                own[name].set_value(piece)
    for part in layer.sublayers():
        part.training = layer.training


def _attributes(parameter: Any) -> Any:
    """The attributes of a parameter for one that is cut from it."""
    if parameter is None:
        return None
    return ParamAttr(
        initializer=Constant(0.0),
        learning_rate=parameter.optimize_attr["learning_rate"],
        regularizer=parameter.regularizer,
        trainable=not parameter.stop_gradient,
        need_clip=getattr(parameter, "need_clip", True),
    )


def _channels(layout: Layout | None, channels: int) -> Channels:
    return Channels(channels) if layout is None else Channels(layout.high, layout.low)


def _order(layout: Layout | None) -> np.ndarray | None:
    return None if layout is None or layout.is_ordered else layout.order


def _leave_as_it_is() -> None:
    """In place of a layer's own deploy form, which knows no octave convolutions."""
