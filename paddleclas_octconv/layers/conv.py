"""Octave convolution ("Drop an Octave", arXiv:1904.05049, section 3.2, equation 2)."""

from __future__ import annotations

import copy
import math

import numpy as np
from paddle import ParamAttr, nn
from paddle.nn.initializer import Normal

from ..common.errors import OctConvError
from .channels import Channels, Split
from .cutting import SAME_ORDER, Arrays, OctaveLayer, Order, take, with_groups, without_groups
from .halving import Halving
from .octave import DataFormat, Feature, Octave, pair, plus, plus_up2, pool2


class OctConv2D(OctaveLayer):
    """A convolution between feature maps of two frequencies.

        y_high = hh(x_high) + up2(lh(x_low))
        y_low  = ll(x_low)  + hl(pool2(x_high))

    ``hh``, ``hl``, ``lh`` and ``ll`` are plain convolutions that together have exactly the
    parameters of the vanilla kernel; None where there is no such branch. At stride 2 both inputs
    are average-pooled and then convolved at stride 1, so that low to high needs no upsampling:

        y_high = hh(pool2(x_high)) + lh(x_low)
        y_low  = ll(pool2(x_low))  + hl(pool2(pool2(x_high)))

    A vanilla convolution does not average; ``keep_stride`` makes the layer convolve as it does.

    Args:
        in_channels: of both branches together, to be split by ``alpha_in``; or ``Channels``, split
            already.
        out_channels: the same with ``alpha_out``.
        kernel_size: side of the kernels.
        stride: 1 or 2.
        padding: as in ``paddle.nn.Conv2D``; the low branch stays half of the high one only where
            it keeps the size.
        dilation: as in ``paddle.nn.Conv2D``.
        groups: with ``groups == in_channels`` (depthwise) the branches exchange nothing;
            otherwise every path has the greatest number of groups that divides ``groups`` and its
            channels.
        alpha_in: share of low channels in the input, in [0, 1); at 0 it is a plain tensor.
        alpha_out: the same of the output.
        weight_attr: as in ``paddle.nn.Conv2D``, for each path.
        bias_attr: as in ``paddle.nn.Conv2D``, for each path.
        data_format: "NCHW" or "NHWC".

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same with ``out_channels``; (H, W)
        becomes (ceil(H/2), ceil(W/2)) at stride 2.

    Raises:
        OctConvError: on a stride other than 1 or 2, an ``alpha`` outside [0, 1) or one that
            leaves a branch empty, and a depthwise convolution with ``alpha_in != alpha_out``.
    """

    def __init__(
        self,
        in_channels: Split,
        out_channels: Split,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        alpha_in: float = 0.5,
        alpha_out: float = 0.5,
        weight_attr=None,
        bias_attr=None,
        data_format: DataFormat = "NCHW",
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise OctConvError(f"stride of an octave convolution must be 1 or 2, got {stride!r}")
        self.inputs = Channels.split(in_channels, alpha_in)
        self.outputs = Channels.split(out_channels, alpha_out)
        self.in_channels, self.out_channels = self.inputs.total, self.outputs.total
        self.kernel_size = kernel_size
        self.stride = stride
        self.groups = groups
        self.halving = Halving.by_design(stride)
        self.data_format = data_format
        self.depthwise = groups == self.in_channels and groups > 1
        if self.depthwise and self.inputs != self.outputs:
            raise OctConvError(
                "a depthwise octave convolution keeps its channels and its alpha, got "
                f"{self.inputs.high} high and {self.inputs.low} low channels to "
                f"{self.outputs.high} and {self.outputs.low}"
            )

        attr = _vanilla_init(weight_attr, self.in_channels // groups * kernel_size**2)

        def path(source: int, target: int) -> nn.Conv2D:
            return nn.Conv2D(
                source,
                target,
                kernel_size,
                padding=padding,
                dilation=dilation,
                groups=source if self.depthwise else math.gcd(math.gcd(groups, source), target),
                weight_attr=attr,
                bias_attr=bias_attr,
                data_format=data_format,
            )

        source, target = self.inputs, self.outputs
        exchange = not self.depthwise
        self.hh = path(source.high, target.high)
        self.hl = path(source.high, target.low) if target.low and exchange else None
        self.lh = path(source.low, target.high) if source.low and exchange else None
        self.ll = path(source.low, target.low) if source.low and target.low else None

    def forward(self, x: Feature) -> Feature:
        # In a function of its own, `to_static` would lose the pair.
        x_high, x_low = x if isinstance(x, Octave) else (x, None)
        x_high = self.halving.high(x_high, self.data_format)
        y_high = self.hh(x_high)
        if self.lh is not None:
            exchanged = self.lh(x_low)
            if self.stride == 1:
                y_high = plus_up2(y_high, exchanged, self.data_format)
            else:  # the low input already has the resolution of the high output
                y_high = y_high + exchanged
        y_low = None
        if self.ll is not None:
            y_low = self.ll(self.halving.low(x_low, self.data_format))
        if self.hl is not None:
            y_low = plus(y_low, self.hl(pool2(x_high, self.data_format)))
        return pair(y_high, y_low)

    def keep_stride(self) -> None:
        """Convolve at stride 2 where the inputs would be averaged first.

        From high to high this is the vanilla convolution. Parameters and multiply-adds stay the
        same; nothing changes at stride 1.
        """
        if self.stride == 1:
            return
        if self.kernel_size == 1:
            self.halving = Halving.SAMPLE
            return
        self.halving = Halving.CONVOLVE
        for path in (self.hh, self.hl, self.ll):
            if path is not None:
                path._stride = [2, 2]

    @property
    def is_vanilla(self) -> bool:
        """Whether it is the vanilla convolution: without low channels, and it averages nothing."""
        return self.halving is not Halving.POOL and not (self.inputs.low or self.outputs.low)

    def multiply_adds(self, height: int, width: int) -> tuple[int, int]:
        """What one image costs: a multiply-add for each weight that enters each output element.

        Args:
            height, width: of the high branch of the output.

        Returns:
            The multiply-adds that make the high branch, and those that make the low one.
        """
        high, low = height * width, -(-height // 2) * -(-width // 2)
        lh = high if self.stride == 2 else low  # convolved before it is upsampled
        return (
            high * _weights(self.hh) + lh * _weights(self.lh),
            low * (_weights(self.hl) + _weights(self.ll)),
        )

    def vanilla_shapes(self) -> dict[str, list[int]]:
        """The kernel, and the bias if the paths have one, of the vanilla convolution."""
        size = self.hh.weight.shape[2:]
        shapes = {"weight": [self.out_channels, self.in_channels // self.groups, *size]}
        if self.hh.bias is not None:
            shapes["bias"] = [self.out_channels]
        return shapes

    def cut(self, parameter: str, value: np.ndarray, order: Order = SAME_ORDER) -> Arrays:
        """Every number of a kernel goes to one path. A bias goes to one of the two convolutions
        that are summed, and zeros to the other."""
        blocks = (self._cut_kernel if parameter == "weight" else self._cut_bias)(value, order)
        return {
            f"{path}.{parameter}": block
            for path, block in blocks.items()
            if getattr(self, path) is not None
        }

    def _cut_kernel(self, kernel: np.ndarray, order: Order) -> Arrays:
        if self.depthwise:
            hh, ll = np.split(kernel, [self.outputs.high])
            return {"hh": hh, "ll": ll}
        dense = take(without_groups(kernel, self.groups), order.outputs, order.inputs)
        to_high, to_low = np.split(dense, [self.outputs.high])
        hh, lh = np.split(to_high, [self.inputs.high], axis=1)
        hl, ll = np.split(to_low, [self.inputs.high], axis=1)
        blocks = {"hh": hh, "hl": hl, "lh": lh, "ll": ll}
        for name, block in blocks.items():
            path = getattr(self, name)
            if path is not None:
                try:
                    blocks[name] = with_groups(block, path._groups)
                except OctConvError as error:
                    raise OctConvError(f"{name}: {error}") from None
        return blocks

    def _cut_bias(self, bias: np.ndarray, order: Order) -> Arrays:
        high, low = np.split(take(bias, order.outputs), [self.outputs.high])
        zeros = np.zeros_like(low)
        hl, ll = (low, zeros) if self.ll is None else (zeros, low)
        return {"hh": high, "lh": np.zeros_like(high), "hl": hl, "ll": ll}


def keep_strides(network: nn.Layer) -> None:
    """``OctConv2D.keep_stride`` of every layer of a network."""
    for layer in network.sublayers(include_self=True):
        if isinstance(layer, OctConv2D):
            layer.keep_stride()


def _weights(path: nn.Conv2D | None) -> int:
    return 0 if path is None else path.weight.size


def _vanilla_init(weight_attr, fan_in: int) -> ParamAttr:
    """``weight_attr``, He-normal with the fan-in of the vanilla kernel unless it says otherwise.

    Each path is a slice of that kernel, so the sum of two paths has the variance of its output.
    """
    attr = copy.copy(ParamAttr._to_attr(weight_attr))
    if attr.initializer is None:
        attr.initializer = Normal(0.0, math.sqrt(2.0 / fan_in))
    return attr
