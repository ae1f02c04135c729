"""OctMobileNetV1: MobileNetV1 (arXiv:1704.04861) with octave convolutions.

"Drop an Octave", arXiv:1904.05049, table 5. Octave features live from the pointwise convolution
of the first block to that of the last block with 512 channels at stride 1.
"""

from __future__ import annotations

from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import KaimingNormal

from ..layers import Channels, ConvBNLayer, OctConvBNLayer, join
from .base import OctBackbone, last_blocks
from .catalogue.mobilenet_v1 import FAMILY

# Out-channels and stride of the depthwise separable blocks.
BLOCKS = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
]
STAGE_DEPTH = [1, 2, 2, 6]  # blocks at one resolution; the two after them are always plain


class DepthwiseSeparable(nn.Layer):
    """3x3 depthwise (with the stride), 1x1 pointwise."""

    def __init__(
        self,
        num_channels: Channels,
        num_filters: Channels,
        stride: int,
        conv_bias: bool,
    ) -> None:
        super().__init__()
        self.depthwise_conv = OctConvBNLayer(
            num_channels,
            num_channels,
            3,
            stride=stride,
            groups=num_channels.total,
            act="relu",
            conv_bias=conv_bias,
        )
        self.pointwise_conv = OctConvBNLayer(
            num_channels, num_filters, 1, act="relu", conv_bias=conv_bias
        )

    def forward(self, x):
        x = self.depthwise_conv(x)
        return self.pointwise_conv(x)


class OctMobileNet(OctBackbone):
    """OctMobileNetV1.

    Args:
        scale: multiplies the channels.
        alpha: share of low-frequency channels that the first ten blocks return, or of each of
            the four stages they belong to.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        small_images: whether the stem's stride is 1, the usual one for images of 32x32, and not 2.
        class_num, return_patterns, return_stages: as in PaddleClas's MobileNetV1.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    family = FAMILY

    def __init__(
        self,
        scale: float = 1.0,
        alpha: float | list[float] = 0.5,
        conv_bias: bool = False,
        small_images: bool = False,
        class_num: int = 1000,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        num_channels = Channels(int(32 * scale))
        stride = 1 if small_images else 2
        self.conv = ConvBNLayer(
            3, num_channels.total, 3, stride=stride, act="relu", conv_bias=conv_bias
        )

        stage_alphas = self.stage_alphas(alpha)
        alphas = [a for a, depth in zip(stage_alphas, STAGE_DEPTH) for _ in range(depth)]
        alphas[-1:] = [0.0, 0.0, 0.0]  # the last block of stage 4 goes back, two plain ones follow

        blocks = []
        for (filters, stride), alpha_out in zip(BLOCKS, alphas):
            num_filters = Channels.split(int(filters * scale), alpha_out)
            blocks.append(DepthwiseSeparable(num_channels, num_filters, stride, conv_bias))
            num_channels = num_filters
        self.blocks = nn.Sequential(*blocks)

        self.avg_pool = nn.AdaptiveAvgPool2D(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(
            num_channels.total, class_num, weight_attr=ParamAttr(initializer=KaimingNormal())
        )
        self.init_stages(last_blocks(STAGE_DEPTH), return_patterns, return_stages)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.blocks(x)
        x = self.avg_pool(join(x))
        x = self.flatten(x)
        return self.fc(x)
