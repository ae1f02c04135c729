"""The unit octave networks are built of: octave convolution, batch norm, shortcut, activation."""

from __future__ import annotations

from paddle import ParamAttr, Tensor, nn

from .branchwise import each
from .channels import Split
from .conv import OctConv2D
from .folding import FoldedOctConv2D, Reparameterizable, fold_batch_norm, foldable, foldable_unit
from .norm import OctBatchNorm2D
from .octave import DataFormat, Feature, Octave

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6}


def activation(name: str | None) -> nn.Layer | None:
    """The layer that PaddleClas's configs call by a name of ``ACTIVATIONS``; None for None."""
    return None if name is None else ACTIVATIONS[name]()


class ConvBNLayer(Reparameterizable):
    """act(batch norm(convolution(x))): PaddleClas's layer, for the stems.

    Args:
        in_channels, out_channels, kernel_size, stride, data_format: as in ``paddle.nn.Conv2D``;
            the padding is (kernel_size - 1) // 2.
        act, conv_bias, lr_mult: as in ``OctConvBNLayer``.

    Shape:
        (N, C, H, W) -> (N, out_channels, ceil(H/stride), ceil(W/stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        act: str | None = None,
        conv_bias: bool = False,
        lr_mult: float = 1.0,
        data_format: DataFormat = "NCHW",
    ) -> None:
        super().__init__()
        attr = ParamAttr(learning_rate=lr_mult)
        self.conv = nn.Conv2D(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=(kernel_size - 1) // 2,
            weight_attr=attr,
            bias_attr=attr if conv_bias else False,
            data_format=data_format,
        )
        self.bn = nn.BatchNorm2D(
            out_channels, weight_attr=attr, bias_attr=attr, data_format=data_format
        )
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return x if self.act is None else self.act(x)

    def fold(self) -> None:
        if foldable(self.conv, self.bn):
            self.conv = fold_batch_norm(self.conv, self.bn)
            self.bn = None


class OctConvBNLayer(Reparameterizable):
    """act(batch norm(octave convolution(x)) + shortcut), PaddleClas's ConvBNLayer for pairs.

    Args:
        in_channels, out_channels, kernel_size, stride, groups, alpha_in, alpha_out,
            data_format: as in ``OctConv2D``, counts or ``Channels``; the padding keeps the size.
        act: "relu", "relu6" or None; applied to each branch.
        conv_bias: whether each convolution has a bias too (the paper's networks have none).
        lr_mult: learning rate of the layer's parameters relative to the network's.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same; ``shortcut`` has the output's.
    """

    def __init__(
        self,
        in_channels: Split,
        out_channels: Split,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        alpha_in: float = 0.5,
        alpha_out: float = 0.5,
        act: str | None = None,
        conv_bias: bool = False,
        lr_mult: float = 1.0,
        data_format: DataFormat = "NCHW",
    ) -> None:
        super().__init__()
        attr = ParamAttr(learning_rate=lr_mult)
        self.conv: OctConv2D | FoldedOctConv2D = OctConv2D(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=(kernel_size - 1) // 2,
            groups=groups,
            alpha_in=alpha_in,
            alpha_out=alpha_out,
            weight_attr=attr,
            bias_attr=attr if conv_bias else False,
            data_format=data_format,
        )
        self.bn: OctBatchNorm2D | None = OctBatchNorm2D(
            self.conv.outputs, weight_attr=attr, bias_attr=attr, data_format=data_format
        )
        self.act = activation(act)

    def forward(self, x: Feature, shortcut: Feature | None = None) -> Feature:
        if self.bn is None:
            x = self.conv(x, shortcut)
        else:
            x = self.bn(self.conv(x))
            if shortcut is not None:
                x = add(x, shortcut)
        return x if self.act is None else each(self.act, x)

    def fold(self) -> None:
        if self.bn is not None and foldable_unit(self.conv, self.bn):
            self.conv = FoldedOctConv2D(self.conv, self.bn)
            self.bn = None


def add(x: Feature, y: Feature) -> Feature:
    """The sum of two feature maps of one shape, branch by branch."""
    if isinstance(x, Octave):
        return Octave(x.high + y.high, x.low + y.low)
    return x + y
