"""OctResNet: ResNet v1 ("Deep Residual Learning", arXiv:1512.03385) with octave convolutions.

With ``cardinality`` it is OctResNeXt (arXiv:1611.05431), with ``reduction_ratio`` it is
OctSE_ResNet (arXiv:1709.01507).

"Drop an Octave", arXiv:1904.05049, section 3.3 and table 4: the first 1x1 convolution and
shortcut of stage 1 take alpha from 0 to its value, those of stage 4 take it back to 0.
"""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn, transpose

from ..layers import (
    Channels,
    ConvBNLayer,
    DataFormat,
    OctConvBNLayer,
    OctSELayer,
    Order,
    add,
    each,
    grouped_order,
    join,
)
from .base import OctBackbone, check_of_five, classifier, last_blocks, old_names
from .bottlenecks import stages
from .catalogue.resnet import FAMILY


class BottleneckBlock(nn.Layer):
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
        self.conv0 = OctConvBNLayer(num_channels, num_filters, 1, act="relu", **options)
        self.conv1 = OctConvBNLayer(
            num_filters, num_filters, 3, stride=stride, groups=cardinality, act="relu", **options
        )
        if reduction_ratio is None:
            self.conv2 = OctConvBNLayer(num_filters, out_channels, 1, act="relu", **options)
            self.se = None
        else:
            self.conv2 = OctConvBNLayer(num_filters, out_channels, 1, **options)
            self.se = OctSELayer(
                out_channels, reduction_ratio=reduction_ratio, data_format=data_format
            )
        self.relu = nn.ReLU()
        self.short = None
        if not shortcut:
            self.short = OctConvBNLayer(num_channels, out_channels, 1, stride=stride, **options)

    def forward(self, x):
        shortcut = x if self.short is None else self.short(x)
        x = self.conv0(x)
        x = self.conv1(x)
        if self.se is None:
            return self.conv2(x, shortcut)
        x = self.se(self.conv2(x))
        return each(self.relu, add(x, shortcut))


class OctResNet(OctBackbone):
    """OctResNet.

    Args:
        block_depth: blocks of each of the four stages.
        cardinality: groups of the 3x3 convolutions.
        group_width: channels of such a group in stage 1.
        reduction_ratio: channels to the width of the squeeze; None for no SE layers.
        alpha: share of low-frequency channels in the first three stages, or in each of the four.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        small_images: whether the stem is a 3x3 convolution of stride 1 without pooling behind it,
            whatever ``stride_list`` says: the usual one for images of 32x32.
        stem_act, class_num, lr_mult_list, stride_list, data_format, input_image_channel,
            return_patterns, return_stages: as in PaddleClas's ResNet.

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
        small_images: bool = False,
        stem_act: str | None = "relu",
        class_num: int = 1000,
        lr_mult_list=(1.0, 1.0, 1.0, 1.0, 1.0),
        stride_list=(2, 2, 2, 2, 2),
        data_format: DataFormat = "NCHW",
        input_image_channel: int = 3,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        self.block_depth, self.cardinality = block_depth, cardinality
        check_of_five(lr_mult_list=lr_mult_list, stride_list=stride_list)
        self.data_format = data_format
        options: dict[str, Any] = dict(conv_bias=conv_bias, data_format=data_format)
        self.stem = nn.Sequential(
            ConvBNLayer(
                input_image_channel,
                64,
                3 if small_images else 7,
                stride=1 if small_images else stride_list[0],
                act=stem_act,
                lr_mult=lr_mult_list[0],
                **options,
            )
        )
        self.max_pool = (
            nn.Identity()
            if small_images
            else nn.MaxPool2D(3, stride=stride_list[1], padding=1, data_format=data_format)
        )

        self.blocks, num_channels = stages(
            BottleneckBlock,
            block_depth,
            self.stage_alphas(alpha),
            cardinality * group_width,
            [1, *stride_list[2:]],
            lr_mult_list[1:],
            cardinality=cardinality,
            reduction_ratio=reduction_ratio,
            **options,
        )

        self.avg_pool = nn.AdaptiveAvgPool2D(1, data_format=data_format)
        self.flatten = nn.Flatten()
        self.fc = classifier(num_channels.total, class_num)
        self.init_stages(last_blocks(block_depth), return_patterns, return_stages)

    def twin_key(self, key: str) -> str:
        """ResNeXt's own: "blocks.3.conv0.conv.weight" -> "bb_1_0.conv0._conv.weight"."""
        if self.cardinality == 1:
            return key
        if key.startswith("blocks."):
            _, index, rest = key.split(".", 2)
            names = [
                f"bb_{stage}_{number}"
                for stage, depth in enumerate(self.block_depth)
                for number in range(depth)
            ]
            key = f"{names[int(index)]}.{rest}"
        return old_names(key.replace("stem.0.", "conv.").replace("fc.", "out."))

    def twin_orders(self) -> dict[str, Order]:
        """Every group of a grouped convolution has a high and a low part."""
        orders = {}
        for index, block in enumerate(self.blocks):
            conv = block.conv1.conv
            if conv.groups > 1 and conv.ll is not None:
                order = grouped_order(conv.in_channels, conv.inputs.low, conv.ll._groups)
                orders[f"blocks.{index}.conv0.conv"] = Order(outputs=order)
                orders[f"blocks.{index}.conv0.bn"] = Order(outputs=order)
                orders[f"blocks.{index}.conv1.conv"] = Order(order, order)
                orders[f"blocks.{index}.conv1.bn"] = Order(outputs=order)
                orders[f"blocks.{index}.conv2.conv"] = Order(inputs=order)
        return orders

    def forward(self, x: Tensor) -> Tensor:
        if self.data_format == "NHWC":
            x = transpose(x, [0, 2, 3, 1])
        x = self.stem(x)
        x = self.max_pool(x)
        x = self.blocks(x)
        x = self.avg_pool(join(x, self.data_format))
        x = self.flatten(x)
        return self.fc(x)
