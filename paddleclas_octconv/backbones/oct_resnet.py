"""OctResNet: ResNet v1 ("Deep Residual Learning", arXiv:1512.03385) with octave convolutions.

"Drop an Octave", arXiv:1904.05049, section 3.3 and table 4: the first 1x1 convolution and
shortcut of stage 1 take alpha from 0 to its value, those of stage 4 take it back to 0.
"""

from __future__ import annotations

import math

from paddle import ParamAttr, Tensor, nn, transpose
from paddle.nn.initializer import Uniform

from ..layers import ConvBNLayer, OctConvBNLayer, join
from .base import Backbone, OctBackbone, last_blocks

EXPANSION = 4


class BottleneckBlock(nn.Layer):
    """1x1, 3x3 (with the stride), 1x1, and the shortcut."""

    def __init__(
        self,
        num_channels: int,
        num_filters: int,
        stride: int,
        shortcut: bool,
        alpha_in: float,
        alpha: float,
        **layer_options,
    ) -> None:
        super().__init__()
        out_channels = num_filters * EXPANSION
        inner = dict(alpha_in=alpha, alpha_out=alpha, **layer_options)
        entry = dict(alpha_in=alpha_in, alpha_out=alpha, **layer_options)
        self.conv0 = OctConvBNLayer(num_channels, num_filters, 1, act="relu", **entry)
        self.conv1 = OctConvBNLayer(num_filters, num_filters, 3, stride=stride, act="relu", **inner)
        self.conv2 = OctConvBNLayer(num_filters, out_channels, 1, act="relu", **inner)
        self.short = (
            None
            if shortcut
            else OctConvBNLayer(num_channels, out_channels, 1, stride=stride, **entry)
        )

    def forward(self, x):
        shortcut = x if self.short is None else self.short(x)
        x = self.conv0(x)
        x = self.conv1(x)
        return self.conv2(x, shortcut)


class OctResNet(OctBackbone):
    """OctResNet.

    Args:
        block_depth: blocks of each of the four stages.
        alpha: share of low-frequency channels in stages 1 to 3.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        class_num, lr_mult_list, data_format, input_image_channel, return_patterns,
            return_stages: as in PaddleClas's ResNet.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    def __init__(
        self,
        block_depth: list[int],
        alpha: float = 0.5,
        conv_bias: bool = False,
        class_num: int = 1000,
        lr_mult_list=(1.0, 1.0, 1.0, 1.0, 1.0),
        data_format: str = "NCHW",
        input_image_channel: int = 3,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__()
        self.data_format = data_format
        options = dict(conv_bias=conv_bias, data_format=data_format)
        self.stem = nn.Sequential(
            ConvBNLayer(
                input_image_channel,
                64,
                7,
                stride=2,
                act="relu",
                lr_mult=lr_mult_list[0],
                **options,
            )
        )
        self.max_pool = nn.MaxPool2D(kernel_size=3, stride=2, padding=1, data_format=data_format)

        blocks = []
        num_channels, alpha_in = 64, 0.0
        for stage, depth in enumerate(block_depth):
            num_filters = 64 * 2**stage
            alpha_out = 0.0 if stage == 3 else alpha
            for index in range(depth):
                blocks.append(
                    BottleneckBlock(
                        num_channels,
                        num_filters,
                        stride=2 if index == 0 and stage > 0 else 1,
                        shortcut=index > 0,
                        alpha_in=alpha_in,
                        alpha=alpha_out,
                        lr_mult=lr_mult_list[stage + 1],
                        **options,
                    )
                )
                num_channels, alpha_in = num_filters * EXPANSION, alpha_out
        self.blocks = nn.Sequential(*blocks)

        self.avg_pool = nn.AdaptiveAvgPool2D(1, data_format=data_format)
        self.flatten = nn.Flatten()
        bound = 1.0 / math.sqrt(num_channels)
        self.fc = nn.Linear(
            num_channels, class_num, weight_attr=ParamAttr(initializer=Uniform(-bound, bound))
        )
        self.init_stages(last_blocks(block_depth), return_patterns, return_stages)

    def forward(self, x: Tensor) -> Tensor:
        if self.data_format == "NHWC":
            x = transpose(x, [0, 2, 3, 1])
        x = self.stem(x)
        x = self.max_pool(x)
        x = self.blocks(x)
        x = self.avg_pool(join(x, self.data_format))
        x = self.flatten(x)
        return self.fc(x)


BACKBONES = {
    "OctResNet26": Backbone(OctResNet, None, block_depth=[2, 2, 2, 2]),
    "OctResNet50": Backbone(OctResNet, "ResNet50", block_depth=[3, 4, 6, 3]),
    "OctResNet101": Backbone(OctResNet, "ResNet101", block_depth=[3, 4, 23, 3]),
    "OctResNet152": Backbone(OctResNet, "ResNet152", block_depth=[3, 8, 36, 3]),
    "OctResNet200": Backbone(OctResNet, None, block_depth=[3, 24, 36, 3]),
}
