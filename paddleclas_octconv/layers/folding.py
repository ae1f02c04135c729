"""The deploy form: what PaddleClas's exporter turns convolution and batch norm into.

Inference libraries fold a batch norm into the convolution before it, but not into the two
convolutions whose sum it normalises. So the octave layers fold theirs themselves, and place every
sum and activation where a fusion pass (oneDNN, cuDNN) makes it part of a convolution.
"""

from __future__ import annotations

from typing import Any

from paddle import Tensor, concat, nn

from .conv import OctConv2D
from .norm import OctBatchNorm2D
from .octave import Feature, Octave, pair, plus, pool2, up2_to


class Reparameterizable(nn.Layer):
    """A layer of PaddleClas's export protocol.

    The exporter calls ``re_parameterize()`` (``rep()`` before PaddleClas 2.5) on every layer that
    has it and is not ``is_repped``. In eval mode the outputs stay the same. In training mode
    nothing is done: PaddleClas's quantisation calls it too, on networks that are yet to train.
    """

    is_repped = False

    def re_parameterize(self) -> None:
        if not self.is_repped and not self.training:
            self.fold()
            self.is_repped = True

    def rep(self) -> None:
        self.re_parameterize()

    def fold(self) -> None:
        raise NotImplementedError


class FoldedOctConv2D(nn.Layer):
    """Octave convolution, batch norm and shortcut in as few kernels as they can be.

        y_high = (hh(x_high) + bias_high) + [up2(lh(x_low)) + shortcut_high]
        y_low  = (ll(x_low)  + bias_low)  + [hl(pool2(x_high)) + shortcut_low]

    Each line is one convolution with a bias and a residual, after the residual in brackets; the
    sum in the second bracket is fused into ``hl`` in turn. Where the input is no wider than the
    output, which holds for the 1x1 convolutions that widen, ``hl`` and ``ll`` are one convolution
    of the joined inputs instead: joining those moves less memory than a residual of the output.

    Args:
        conv, bn: the layers to fold, left as they are.

    Shape:
        those of ``OctConv2D``; ``shortcut`` has the output's.
    """

    def __init__(self, conv: OctConv2D, bn: OctBatchNorm2D) -> None:
        super().__init__()
        self.stride, self.halving, self.data_format = conv.stride, conv.halving, conv.data_format
        self.hh: Any
        self.hh, self.lh = _fold_sum(conv.hh, conv.lh, bn.high)
        self.ll, self.hl = _fold_sum(conv.ll, conv.hl, bn.low)
        self.joins = (
            self.ll is not None
            and self.hl is not None
            and conv.kernel_size == conv.groups == 1
            and conv.in_channels <= conv.out_channels
        )
        if self.joins:
            self.ll, self.hl = _join_inputs(self.hl, self.ll), None

    def forward(self, x: Feature, shortcut: Feature | None = None) -> Feature:
        x_high, x_low = x if isinstance(x, Octave) else (x, None)
        short_high, short_low = shortcut if isinstance(shortcut, Octave) else (shortcut, None)
        x_high = self.halving.high(x_high, self.data_format)

        y_high = self.hh(x_high)
        residual = None
        if self.lh is not None:
            residual = self.lh(x_low)
            if self.stride == 1:
                residual = up2_to(residual, y_high, self.data_format)
        y_high = plus(y_high, plus(residual, short_high))

        residual = short_low
        if self.hl is not None:
            residual = plus(self.hl(pool2(x_high, self.data_format)), short_low)
        if self.ll is None:
            return pair(y_high, residual)
        x_low = self.halving.low(x_low, self.data_format)
        if self.joins:
            axis = 3 if self.data_format == "NHWC" else 1
            x_low = concat([pool2(x_high, self.data_format), x_low], axis=axis)
        return pair(y_high, plus(self.ll(x_low), residual))


def fold_batch_norm(conv: nn.Conv2D, bn: nn.BatchNorm2D, bias: bool = True) -> nn.Conv2D:
    """bn(conv(x)) as one convolution, without its bias if not ``bias``."""
    scale = bn.weight / (bn._variance + bn._epsilon).sqrt()
    # PaddleSlim prunes the kernel, and leaves the layer's own numbers of channels as they were.
    out_channels, channels_a_group = conv.weight.shape[:2]
    folded = nn.Conv2D(
        channels_a_group * conv._groups,
        out_channels,
        conv._kernel_size,
        stride=conv._stride,
        padding=conv._padding,
        dilation=conv._dilation,
        groups=conv._groups,
        bias_attr=None if bias else False,
        data_format=conv._data_format,
    ).to(dtype=conv.weight.dtype)
    folded.weight.set_value(conv.weight * scale.reshape([-1, 1, 1, 1]))
    if bias:
        folded.bias.set_value(_folded_bias([conv], bn))
    return folded


def foldable(*layers: nn.Layer | None) -> bool:
    """Whether these are still the layers they were built as, and not, say, quantised ones."""
    return all(type(layer) in (type(None), nn.Conv2D, nn.BatchNorm2D) for layer in layers)


def foldable_unit(conv: nn.Layer, bn: OctBatchNorm2D) -> bool:
    """The same of an octave convolution and its batch norm."""
    return isinstance(conv, OctConv2D) and foldable(
        conv.hh, conv.hl, conv.lh, conv.ll, bn.high, bn.low
    )


def _fold_sum(
    main: nn.Conv2D | None, exchange: nn.Conv2D | None, bn: nn.BatchNorm2D
) -> tuple[nn.Conv2D | None, nn.Conv2D | None]:
    """bn(main(x) + exchange(y)) as two convolutions, the first there is with all of the bias."""
    paths = [conv for conv in (main, exchange) if conv is not None]
    folded = {id(conv): fold_batch_norm(conv, bn, bias=conv is paths[0]) for conv in paths}
    if paths:
        folded[id(paths[0])].bias.set_value(_folded_bias(paths, bn))
    return folded.get(id(main)), folded.get(id(exchange))


def _join_inputs(first: nn.Conv2D, second: nn.Conv2D) -> nn.Conv2D:
    """first(x) + second(y) as one 1x1 convolution of the channels of x, then those of y."""
    joint = nn.Conv2D(
        first._in_channels + second._in_channels,
        second._out_channels,
        1,
        data_format=second._data_format,
    ).to(dtype=second.weight.dtype)
    joint.weight.set_value(concat([first.weight, second.weight], axis=1))
    joint.bias.set_value(second.bias)
    return joint


def _folded_bias(convs: list[nn.Conv2D], bn: nn.BatchNorm2D) -> Tensor:
    mean = bn._mean
    for conv in convs:
        if conv.bias is not None:
            mean = mean - conv.bias
    return bn.bias - mean * bn.weight / (bn._variance + bn._epsilon).sqrt()
