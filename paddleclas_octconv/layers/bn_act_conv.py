"""The unit of pre-activation networks: batch norm, ReLU, octave convolution."""

from __future__ import annotations

from paddle import ParamAttr, nn

from .branchwise import each
from .channels import Split
from .conv import OctConv2D
from .folding import FoldedOctConv2D, foldable_unit
from .norm import OctBatchNorm2D
from .octave import DataFormat, Feature


class OctBNActConvLayer(nn.Layer):
    """octave convolution(ReLU(batch norm(x))), the padding keeps the size.

    Args:
        in_channels, out_channels, kernel_size, stride, groups, alpha_in, alpha_out,
            data_format: as in ``OctConv2D``, counts or ``Channels``.
        conv_bias: whether each convolution has a bias.
        lr_mult: learning rate of the layer's parameters relative to the network's.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same with ``out_channels``.
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
        conv_bias: bool = False,
        lr_mult: float = 1.0,
        data_format: DataFormat = "NCHW",
    ) -> None:
        super().__init__()
        attr = ParamAttr(learning_rate=lr_mult)
        self.bn: OctBatchNorm2D | None = OctBatchNorm2D(
            in_channels, alpha_in, weight_attr=attr, bias_attr=attr, data_format=data_format
        )
        self.act = nn.ReLU()
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

    def forward(self, x: Feature) -> Feature:
        if self.bn is not None:
            x = self.bn(x)
        return self.conv(each(self.act, x))

    def fold_norm_into(self, before: OctBNActConvLayer) -> None:
        """Make this layer's batch norm part of the convolution whose output it normalises."""
        if self.bn is not None and foldable_unit(before.conv, self.bn):
            before.conv = FoldedOctConv2D(before.conv, self.bn)
            self.bn = None
