"""OctMobileNetV2: MobileNetV2 (arXiv:1801.04381) with octave convolutions.

"Drop an Octave", arXiv:1904.05049, as its authors published it: the features between the
blocks are plain, the expanded ones inside a block are octaves until the resolution is 1/32.
"""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn, transpose

from ..layers import Channels, ConvBNLayer, DataFormat, OctConvBNLayer
from .base import OctBackbone, last_blocks, old_names
from .catalogue.mobilenet_v2 import FAMILY

# Expansion, out-channels, number of blocks, stride of the first.
BLOCKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
STAGE_DEPTH = [1, 2, 3, 7, 4]  # blocks at one resolution

# What PaddleClas calls the blocks.
UNITS = [
    f"conv{stage}._first_block" if index == 0 else f"conv{stage}.conv{stage}_{index + 1}"
    for stage, (_, _, depth, _) in enumerate(BLOCKS, 2)
    for index in range(depth)
]


class InvertedResidualUnit(nn.Layer):
    """1x1 expansion, 3x3 depthwise (with the stride), 1x1 projection, and the shortcut."""

    def __init__(
        self,
        num_channels: Channels,
        expanded: Channels,
        num_filters: Channels,
        stride: int,
        shortcut: bool,
        **options: Any,
    ) -> None:
        super().__init__()
        self.expand_conv = OctConvBNLayer(num_channels, expanded, 1, act="relu6", **options)
        self.bottleneck_conv = OctConvBNLayer(
            expanded, expanded, 3, stride=stride, groups=expanded.total, act="relu6", **options
        )
        self.linear_conv = OctConvBNLayer(expanded, num_filters, 1, **options)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.shortcut else None
        x = self.expand_conv(x)
        x = self.bottleneck_conv(x)
        return self.linear_conv(x, shortcut)


class OctMobileNetV2(OctBackbone):
    """OctMobileNetV2.

    Args:
        scale: multiplies the channels.
        alpha: share of low-frequency channels inside the blocks of the first four of five
            stages, or of each of the five.
        conv_bias: whether the convolutions outside the head have a bias.
        class_num, data_format: as in PaddleClas's MobileNetV2.
        return_patterns, return_stages: as in PaddleClas's MobileNetV1.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    family = FAMILY

    def __init__(
        self,
        scale: float = 1.0,
        alpha: float | list[float] = 0.5,
        conv_bias: bool = False,
        class_num: int = 1000,
        data_format: DataFormat = "NCHW",
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        self.data_format = data_format
        options: dict[str, Any] = dict(conv_bias=conv_bias, data_format=data_format)
        num_channels = int(32 * scale)
        self.conv1 = ConvBNLayer(3, num_channels, 3, stride=2, act="relu6", **options)

        blocks = []
        alphas = iter(self.stage_alphas(alpha))
        stage_alpha = next(alphas)
        for expansion_factor, filters, depth, stride in BLOCKS:
            num_filters = int(filters * scale)
            if stride == 2:
                stage_alpha = next(alphas)
            for index in range(depth):
                blocks.append(
                    InvertedResidualUnit(
                        Channels(num_channels),
                        Channels.split(num_channels * expansion_factor, stage_alpha),
                        Channels(num_filters),
                        stride=stride if index == 0 else 1,
                        shortcut=index > 0,
                        **options,
                    )
                )
                num_channels = num_filters
        self.blocks = nn.Sequential(*blocks)

        out_channels = int(1280 * scale) if scale > 1 else 1280
        self.conv9 = ConvBNLayer(num_channels, out_channels, 1, act="relu6", **options)
        self.pool2d_avg = nn.AdaptiveAvgPool2D(1, data_format=data_format)
        self.flatten = nn.Flatten()
        self.out = nn.Linear(out_channels, class_num)
        self.init_stages(last_blocks(STAGE_DEPTH), return_patterns, return_stages)

    def twin_key(self, key: str) -> str:
        """PaddleClas's: "blocks.2.….bn.bias" -> "conv3.conv3_2._…._batch_norm.bias"."""
        if key.startswith("blocks."):
            _, index, layer, rest = key.split(".", 3)
            key = f"{UNITS[int(index)]}._{layer}.{rest}"
        return old_names(key)

    def forward(self, x: Tensor) -> Tensor:
        if self.data_format == "NHWC":
            x = transpose(x, [0, 2, 3, 1])
        x = self.conv1(x)
        x = self.blocks(x)
        x = self.conv9(x)
        x = self.pool2d_avg(x)
        x = self.flatten(x)
        return self.out(x)
