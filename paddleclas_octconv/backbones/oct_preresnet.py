"""OctPreResNet: pre-activation ResNet (arXiv:1603.05027) with octave convolutions.

The networks of the ablation of "Drop an Octave" (arXiv:1904.05049, section 4.2), as its authors
published them: batch norm and ReLU come before each convolution, the shortcuts' too, the stride is
on the 3x3, and a batch norm and a ReLU follow the last block. With ``cardinality`` it is
ResNeXt (arXiv:1611.05431), with ``reduction_ratio`` SE-ResNet (arXiv:1709.01507).
"""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn, transpose

from ..layers import (
    Channels,
    ConvBNLayer,
    DataFormat,
    OctBatchNorm2D,
    OctBNActConvLayer,
    OctSELayer,
    Reparameterizable,
    add,
    join,
)
from .base import OctBackbone, check_of_five, classifier, last_blocks
from .bottlenecks import stages
from .catalogue.preresnet import FAMILY


class PreActBottleneckBlock(Reparameterizable):
    """1x1, 3x3 (with the stride), 1x1, squeeze and excitation if asked for, and the shortcut."""

    def __init__(
        self,
        num_channels: Channels,
        num_filters: Channels,
        out_channels: Channels,
        stride: int,
        shortcut: bool,
        cardinality: int,
        reduction_ratio: int | None,
        data_format: DataFormat,
        **options: Any,
    ) -> None:
        super().__init__()
        options["data_format"] = data_format
        self.conv0 = OctBNActConvLayer(num_channels, num_filters, 1, **options)
        self.conv1 = OctBNActConvLayer(
            num_filters, num_filters, 3, stride=stride, groups=cardinality, **options
        )
        self.conv2 = OctBNActConvLayer(num_filters, out_channels, 1, **options)
        self.se = self.short = None
        if reduction_ratio is not None:
            self.se = OctSELayer(
                out_channels, reduction_ratio=reduction_ratio, data_format=data_format
            )
        if not shortcut:
            self.short = OctBNActConvLayer(num_channels, out_channels, 1, stride=stride, **options)

    def forward(self, x):
        shortcut = x if self.short is None else self.short(x)
        x = self.conv0(x)
        x = self.conv1(x)
        x = self.conv2(x)
        if self.se is not None:
            x = self.se(x)
        return add(x, shortcut)

    def fold(self) -> None:
        self.conv1.fold_norm_into(self.conv0)
        self.conv2.fold_norm_into(self.conv1)


class OctPreResNet(OctBackbone):
    """OctPreResNet.

    Args:
        block_depth: blocks of each of the four stages.
        cardinality: groups of the 3x3 convolutions.
        group_width: channels of such a group in stage 1.
        reduction_ratio: channels to the width of the squeeze; None for no SE layers.
        alpha: share of low-frequency channels in the first three stages, or in each of the four.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        class_num, lr_mult_list, stride_list, data_format, input_image_channel, return_patterns,
            return_stages: as in PaddleClas's ResNet.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    family = FAMILY

    def __init__(
        self,
        block_depth: list[int],
        cardinality: int = 1,
        group_width: int = 64,
        reduction_ratio: int | None = None,
        alpha: float | list[float] = 0.5,
        conv_bias: bool = False,
        class_num: int = 1000,
        lr_mult_list=(1.0, 1.0, 1.0, 1.0, 1.0),
        stride_list=(2, 2, 2, 2, 2),
        data_format: DataFormat = "NCHW",
        input_image_channel: int = 3,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        check_of_five(lr_mult_list=lr_mult_list, stride_list=stride_list)
        self.data_format = data_format
        options: dict[str, Any] = dict(conv_bias=conv_bias, data_format=data_format)
        self.stem = nn.Sequential(
            ConvBNLayer(
                input_image_channel,
                64,
                7,
                stride=stride_list[0],
                act="relu",
                lr_mult=lr_mult_list[0],
                **options,
            )
        )
        self.max_pool = nn.MaxPool2D(
            kernel_size=3, stride=stride_list[1], padding=1, data_format=data_format
        )

        self.blocks, num_channels = stages(
            PreActBottleneckBlock,
            block_depth,
            self.stage_alphas(alpha),
            cardinality * group_width,
            [1, *stride_list[2:]],
            lr_mult_list[1:],
            cardinality=cardinality,
            reduction_ratio=reduction_ratio,
            **options,
        )

        self.batch_norm = OctBatchNorm2D(num_channels, data_format=data_format)
        self.act = nn.ReLU()
        self.avg_pool = nn.AdaptiveAvgPool2D(1, data_format=data_format)
        self.flatten = nn.Flatten()
        self.fc = classifier(num_channels.total, class_num)
        self.init_stages(last_blocks(block_depth), return_patterns, return_stages)

    def forward(self, x: Tensor) -> Tensor:
        if self.data_format == "NHWC":
            x = transpose(x, [0, 2, 3, 1])
        x = self.stem(x)
        x = self.max_pool(x)
        x = self.blocks(x)
        x = self.batch_norm(x)
        x = self.act(join(x, self.data_format))
        x = self.avg_pool(x)
        x = self.flatten(x)
        return self.fc(x)
