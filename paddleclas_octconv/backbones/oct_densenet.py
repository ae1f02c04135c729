"""OctDenseNet: DenseNet-BC (arXiv:1608.06993) with octave convolutions.

"Drop an Octave", arXiv:1904.05049, as its authors published it: the stem is plain, every layer
of the first three blocks adds an octave, the last transition goes back to a plain tensor.
"""

from __future__ import annotations

import numpy as np
from paddle import Tensor, nn

from ..layers import (
    Channels,
    ConvBNLayer,
    OctAvgPool2D,
    OctBatchNorm2D,
    OctBNActConvLayer,
    Order,
    Reparameterizable,
    concat,
    each,
    join,
)
from .base import OctBackbone, classifier, old_names
from .catalogue.densenet import FAMILY


class DenseLayer(Reparameterizable):
    """1x1 bottleneck, 3x3; the output is what came in and the channels it adds."""

    def __init__(
        self,
        num_channels: Channels,
        bottleneck: Channels,
        growth: Channels,
        dropout: float,
        conv_bias: bool,
    ) -> None:
        super().__init__()
        self.bn_ac_func1 = OctBNActConvLayer(num_channels, bottleneck, 1, conv_bias=conv_bias)
        self.bn_ac_func2 = OctBNActConvLayer(bottleneck, growth, 3, conv_bias=conv_bias)
        self.dropout_func = nn.Dropout(dropout, mode="downscale_in_infer") if dropout else None

    def forward(self, x):
        new = self.bn_ac_func1(x)
        new = self.bn_ac_func2(new)
        if self.dropout_func is not None:
            new = each(self.dropout_func, new)
        return concat(x, new)

    def fold(self) -> None:
        self.bn_ac_func2.fold_norm_into(self.bn_ac_func1)


class TransitionLayer(nn.Layer):
    """1x1 convolution, 2x2 average pooling."""

    def __init__(self, num_channels: Channels, num_filters: Channels, conv_bias: bool) -> None:
        super().__init__()
        self.conv_ac_func = OctBNActConvLayer(num_channels, num_filters, 1, conv_bias=conv_bias)
        self.pool2d_avg = OctAvgPool2D()

    def forward(self, x):
        return self.pool2d_avg(self.conv_ac_func(x))


class OctDenseNet(OctBackbone):
    """OctDenseNet.

    Args:
        block_config: layers of each of the four dense blocks.
        num_init_features: channels of the stem.
        growth_rate: channels that a layer adds.
        alpha: share of low-frequency channels that the layers of the first three blocks add, or
            of each of the four.
        conv_bias: whether the convolutions of the stem and inside the octave layers have a bias.
        bn_size, dropout, class_num: as in PaddleClas's DenseNet.
        return_patterns, return_stages: as in PaddleClas's ResNet; a stage is a dense block.

    Shape:
        images (N, 3, H, W) -> logits (N, class_num).
    """

    family = FAMILY

    def __init__(
        self,
        block_config: list[int],
        num_init_features: int = 64,
        growth_rate: int = 32,
        alpha: float | list[float] = 0.5,
        conv_bias: bool = False,
        bn_size: int = 4,
        dropout: float = 0,
        class_num: int = 1000,
        return_patterns=None,
        return_stages=None,
    ) -> None:
        super().__init__(class_num)
        self.conv1_func = ConvBNLayer(
            3, num_init_features, 7, stride=2, act="relu", conv_bias=conv_bias
        )
        self.pool2d_max = nn.MaxPool2D(kernel_size=3, stride=2, padding=1)

        blocks: list[nn.Layer] = []
        num_channels = Channels(num_init_features)
        for stage, (num_layers, stage_alpha) in enumerate(
            zip(block_config, self.stage_alphas(alpha))
        ):
            if stage > 0:
                num_filters = Channels.split(num_channels.total // 2, stage_alpha)
                blocks.append(TransitionLayer(num_channels, num_filters, conv_bias))
                num_channels = num_filters
            bottleneck = Channels.split(bn_size * growth_rate, stage_alpha)
            growth = Channels.split(growth_rate, stage_alpha)
            layers = []
            for _ in range(num_layers):
                layers.append(DenseLayer(num_channels, bottleneck, growth, dropout, conv_bias))
                num_channels = num_channels.plus(growth)
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.Sequential(*blocks)  # dense block, transition, dense block, …

        self.batch_norm = OctBatchNorm2D(num_channels)
        self.act = nn.ReLU()
        self.pool2d_avg = nn.AdaptiveAvgPool2D(1)
        self.flatten = nn.Flatten()
        self.out = classifier(num_channels.total, class_num)
        self.init_stages(
            [f"blocks[{index}]" for index in range(0, len(blocks), 2)],
            return_patterns,
            return_stages,
        )

    def twin_key(self, key: str) -> str:
        """PaddleClas's: "blocks.2.0.….conv.weight" -> "db_conv_3.conv3_1.…._conv.weight"."""
        if key.startswith("blocks."):
            _, index, rest = key.split(".", 2)
            stage = int(index) // 2 + 2
            if int(index) % 2:
                key = f"tr_conv{stage}_blk.{rest}"
            else:
                layer, rest = rest.split(".", 1)
                key = f"db_conv_{stage}.conv{stage}_{int(layer) + 1}.{rest}"
        return old_names(key)

    def twin_orders(self) -> dict[str, Order]:
        """What a layer adds goes to the end of both branches."""
        orders = {}
        channels = self.conv1_func.conv._out_channels
        high: list[int] = list(range(channels))
        low: list[int] = []

        def read_by(unit: str) -> None:
            orders[f"{unit}.bn"] = Order(outputs=np.array(high + low))
            orders[f"{unit}.conv"] = Order(inputs=np.array(high + low))

        for index, block in enumerate(self.blocks):
            if isinstance(block, TransitionLayer):
                read_by(f"blocks.{index}.conv_ac_func")
                conv = block.conv_ac_func.conv
                channels, middle = conv.out_channels, conv.outputs.high
                high, low = list(range(middle)), list(range(middle, channels))
                continue
            for number, layer in enumerate(block):
                read_by(f"blocks.{index}.{number}.bn_ac_func1")
                conv = layer.bn_ac_func2.conv
                middle, end = channels + conv.outputs.high, channels + conv.out_channels
                high += range(channels, middle)
                low += range(middle, end)
                channels = end
        orders["batch_norm"] = Order(outputs=np.array(high + low))
        orders["out"] = Order(inputs=np.array(high + low))
        return orders

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1_func(x)
        x = self.pool2d_max(x)
        x = self.blocks(x)
        x = self.batch_norm(x)
        x = self.act(join(x))
        x = self.pool2d_avg(x)
        x = self.flatten(x)
        return self.out(x)
