"""Octave convolution ("Drop an Octave", arXiv:1904.05049, section 3.2, equation 2)."""

from __future__ import annotations

import copy
import math

from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import Normal

from ..common.errors import OctConvError
from .octave import Feature, Octave, low_channels, pool2, up2_to


class OctConv2D(nn.Layer):
    """A convolution between feature maps of two frequencies.

        y_high = hh(x_high) + up2(lh(x_low))
        y_low  = ll(x_low)  + hl(pool2(x_high))

    ``hh``, ``hl``, ``lh`` and ``ll`` are plain convolutions that together have exactly the
    parameters of the vanilla kernel. At stride 2 both inputs are average-pooled and then
    convolved at stride 1, so that low to high needs no upsampling.

    Args:
        in_channels, out_channels: of both branches together.
        kernel_size, padding, dilation, groups, weight_attr, bias_attr, data_format: as in
            ``paddle.nn.Conv2D``. With ``groups == in_channels`` (depthwise) the branches
            exchange nothing; otherwise every path has the greatest number of groups that
            divides ``groups`` and its channels. ``bias_attr`` counts for each path.
        alpha_in, alpha_out: share of low channels; 0 takes or gives a plain tensor.
        stride: 1 or 2.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same with ``out_channels``; (H, W)
        becomes (ceil(H/2), ceil(W/2)) at stride 2.

    Raises:
        OctConvError: on a stride other than 1 or 2, an ``alpha`` outside [0, 1] or one that
            leaves a branch empty, and a depthwise convolution with ``alpha_in != alpha_out``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        alpha_in: float = 0.5,
        alpha_out: float = 0.5,
        weight_attr=None,
        bias_attr=None,
        data_format: str = "NCHW",
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise OctConvError(f"stride of an octave convolution must be 1 or 2, got {stride!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.groups = groups
        self.data_format = data_format
        in_low, out_low = low_channels(in_channels, alpha_in), low_channels(out_channels, alpha_out)
        in_high, out_high = in_channels - in_low, out_channels - out_low
        depthwise = groups == in_channels and groups > 1
        if depthwise and (in_low, in_channels) != (out_low, out_channels):
            raise OctConvError(
                "a depthwise octave convolution keeps its channels and its alpha, got "
                f"{in_channels} at alpha_in={alpha_in} to {out_channels} at alpha_out={alpha_out}"
            )

        attr = _vanilla_init(weight_attr, in_channels // groups * kernel_size**2)

        def path(source: int, target: int, exchange: bool = False) -> nn.Conv2D | None:
            if not source or not target or (exchange and depthwise):
                return None
            return nn.Conv2D(
                source,
                target,
                kernel_size,
                padding=padding,
                dilation=dilation,
                groups=source if depthwise else math.gcd(math.gcd(groups, source), target),
                weight_attr=attr,
                bias_attr=bias_attr,
                data_format=data_format,
            )

        self.hh = path(in_high, out_high)
        self.hl = path(in_high, out_low, exchange=True)
        self.lh = path(in_low, out_high, exchange=True)
        self.ll = path(in_low, out_low)

    def forward(self, x: Feature) -> Feature:
        high, low = x if isinstance(x, Octave) else (x, None)
        if self.stride == 2:
            high = pool2(high, self.data_format)
        y_high = self.hh(high)
        if self.lh is not None:
            # At stride 2 the low input already has the resolution of the high output.
            exchanged = self.lh(low)
            y_high = y_high + (
                exchanged if self.stride == 2 else up2_to(exchanged, y_high, self.data_format)
            )
        if self.hl is None and self.ll is None:
            return y_high
        return Octave(y_high, self._low(high, low))

    def _low(self, high: Tensor, low: Tensor | None) -> Tensor:
        exchanged = None if self.hl is None else self.hl(pool2(high, self.data_format))
        if self.ll is None:
            return exchanged
        kept = self.ll(pool2(low, self.data_format) if self.stride == 2 else low)
        return kept if exchanged is None else kept + exchanged


def _vanilla_init(weight_attr, fan_in: int) -> ParamAttr:
    """``weight_attr``, He-normal with the fan-in of the vanilla kernel unless it says otherwise.

    Each path is a slice of that kernel, so the sum of two paths has the variance of its output.
    """
    attr = copy.copy(ParamAttr._to_attr(weight_attr))
    if attr.initializer is None:
        attr.initializer = Normal(0.0, math.sqrt(2.0 / fan_in))
    return attr
