"""OctResNet v1e and v1f: the largest networks of "Drop an Octave" (arXiv:1904.05049, table 6).

As the authors published them, these are ResNets (arXiv:1512.03385) with a stem of three 3x3
convolutions and the stride on the last 1x1 convolution of a block. In v1f a bottleneck of plain
convolutions, of "Big-Little Net" (arXiv:1807.03848), stands in for the max pooling. With
``reduction_ratio`` (arXiv:1709.01507) a batch norm without scale and shift comes first in a block.
"""

from __future__ import annotations

from typing import Any

from paddle import ParamAttr, Tensor, nn, transpose
from paddle.nn import functional as F

from ..layers import (
    Channels,
    ConvBNLayer,
    DataFormat,
    OctBatchNorm2D,
    OctConvBNLayer,
    OctSELayer,
    add,
    each,
    join,
)
from .base import OctBackbone, classifier, last_blocks
from .bottlenecks import stages
from .catalogue.resnet_v1e import FAMILY


class ConvPool(nn.Layer):
    """1x1, 3x3 at stride 2, 1x1, and a 1x1 shortcut at stride 2: a pooling that is learnt."""

    def __init__(self, num_channels: int, num_filters: int, **options: Any) -> None:
        super().__init__()
        self.conv0 = ConvBNLayer(num_channels, num_filters, 1, act="relu", **options)
        self.conv1 = ConvBNLayer(num_filters, num_filters, 3, stride=2, act="relu", **options)
        self.conv2 = ConvBNLayer(num_filters, num_channels, 1, **options)
        self.short = ConvBNLayer(num_channels, num_channels, 1, stride=2, **options)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.short(x)
        x = self.conv0(x)
        x = self.conv1(x)
        x = self.conv2(x)
        return F.relu(x + shortcut)


class BottleneckBlock(nn.Layer):
    """1x1, 3x3, 1x1 (with the stride), squeeze and excitation if asked for, and the shortcut."""

    def __init__(
        self,
        num_channels: Channels,
        num_filters: Channels,
        out_channels: Channels,
        stride: int,
        shortcut: bool,
        reduction_ratio: int | None,
        data_format: DataFormat,
        **options: Any,
    ) -> None:
        super().__init__()
        options["data_format"] = data_format
        self.norm = self.se = self.short_norm = self.short = None
        self.conv0 = OctConvBNLayer(num_channels, num_filters, 1, act="relu", **options)
        self.conv1 = OctConvBNLayer(num_filters, num_filters, 3, act="relu", **options)
        self.conv2 = OctConvBNLayer(num_filters, out_channels, 1, stride=stride, **options)
        if not shortcut:
            self.short = OctConvBNLayer(num_channels, out_channels, 1, stride=stride, **options)
        if reduction_ratio is not None:
            self.norm = _norm(num_channels, data_format)
            self.short_norm = None if shortcut else _norm(num_channels, data_format)
            self.se = OctSELayer(
                out_channels, reduction_ratio=reduction_ratio, data_format=data_format
            )
        self.relu = nn.ReLU()

    def forward(self, x):
        shortcut = x
        if self.short is not None:
            shortcut = self.short(x if self.short_norm is None else self.short_norm(x))
        if self.norm is not None:
            x = self.norm(x)
        x = self.conv0(x)
        x = self.conv1(x)
        if self.se is None:
            return each(self.relu, self.conv2(x, shortcut))
        x = self.se(self.conv2(x))
        return each(self.relu, add(x, shortcut))


def _norm(num_channels: Channels, data_format: DataFormat) -> OctBatchNorm2D:
    """A batch norm whose scales stay ones, and shifts zeros."""
    fixed = ParamAttr(trainable=False)
    return OctBatchNorm2D(num_channels, weight_attr=fixed, bias_attr=fixed, data_format=data_format)


class OctResNetV1e(OctBackbone):
    """OctResNet v1e; v1f with ``conv_pool``.

    Args:
        block_depth: blocks of each of the four stages.
        conv_pool: whether the stem pools by convolutions, and at half the stride (v1f).
        reduction_ratio: channels to the width of the squeeze; None for no SE layers.
        alpha: share of low-frequency channels in the first three stages, or in each of the four.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        class_num, data_format, input_image_channel, return_patterns, return_stages: as in
            PaddleClas's ResNet.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    family = FAMILY

    def __init__(
        self,
        block_depth: list[int],
        conv_pool: bool = False,
        reduction_ratio: int | None = None,
        alpha: float | list[float] = 0.125,
        conv_bias: bool = False,
        class_num: int = 1000,
        data_format: DataFormat = "NCHW",
        input_image_channel: int = 3,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        self.data_format = data_format
        options: dict[str, Any] = dict(conv_bias=conv_bias, data_format=data_format)
        width, first, second = (8, 1, 2) if conv_pool else (32, 2, 1)
        self.stem = nn.Sequential(
            ConvBNLayer(input_image_channel, width, 3, stride=first, act="relu", **options),
            ConvBNLayer(width, 32, 3, stride=second, act="relu", **options),
            ConvBNLayer(32, 64, 3, act="relu", **options),
        )
        self.pool: nn.Layer
        if conv_pool:
            self.pool = ConvPool(64, 32, **options)
        else:
            self.pool = nn.MaxPool2D(kernel_size=3, stride=2, padding=1, data_format=data_format)

        self.blocks, num_channels = stages(
            BottleneckBlock,
            block_depth,
            self.stage_alphas(alpha),
            reduction_ratio=reduction_ratio,
            **options,
        )

        self.avg_pool = nn.AdaptiveAvgPool2D(1, data_format=data_format)
        self.flatten = nn.Flatten()
        self.fc = classifier(num_channels.total, class_num)
        self.init_stages(last_blocks(block_depth), return_patterns, return_stages)

    def forward(self, x: Tensor) -> Tensor:
        if self.data_format == "NHWC":
            x = transpose(x, [0, 2, 3, 1])
        x = self.stem(x)
        x = self.pool(x)
        x = self.blocks(x)
        x = self.avg_pool(join(x, self.data_format))
        x = self.flatten(x)
        return self.fc(x)
