"""The unit of pre-activation networks: batch norm, ReLU, octave convolution."""

from __future__ import annotations

from paddle import nn

from .branchwise import each
from .channels import Split
from .conv import OctConv2D
from .folding import FoldedOctConv2D, foldable_unit
from .norm import OctBatchNorm2D
from .octave import Feature


class OctBNActConvLayer(nn.Layer):
    """octave convolution(ReLU(batch norm(x))), the padding keeps the size.

    Args:
        in_channels, out_channels, kernel_size, alpha_in, alpha_out: as in ``OctConv2D``, counts
            or ``Channels``.
        conv_bias: whether each convolution has a bias.

    Shape:
        a tensor (N, C, H, W) or the pair ``Octave`` -> the same with ``out_channels``.
    """

    def __init__(
        self,
        in_channels: Split,
        out_channels: Split,
        kernel_size: int,
        alpha_in: float = 0.5,
        alpha_out: float = 0.5,
        conv_bias: bool = False,
    ) -> None:
        super().__init__()
        self.bn: OctBatchNorm2D | None = OctBatchNorm2D(in_channels, alpha_in)
        self.act = nn.ReLU()
        self.conv: OctConv2D | FoldedOctConv2D = OctConv2D(
            in_channels,
            out_channels,
            kernel_size,
            padding=(kernel_size - 1) // 2,
            alpha_in=alpha_in,
            alpha_out=alpha_out,
            bias_attr=None if conv_bias else False,
        )

    def forward(self, x: Feature) -> Feature:
        if self.bn is not None:
            x = self.bn(x)
        return self.conv(each(self.act, x))

    def fold_norm_into(self, before: OctBNActConvLayer) -> None:
        """Make this layer's batch norm part of the convolution whose output it normalises."""
        if foldable_unit(before.conv, self.bn):
            before.conv = FoldedOctConv2D(before.conv, self.bn)
            self.bn = None
