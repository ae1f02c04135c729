"""ResNets with a deep stem: PaddleClas has none with this place of the stride."""

from __future__ import annotations

from .entry import Backbone, published
from .family import Family

FAMILY = Family(
    "oct_resnet_v1e",
    "OctResNetV1e",
    authors_units={
        "stem2": "pool",
        "conv1": "conv0",
        "conv2": "conv1",
        "conv3": "conv2",
        "conv4": "short",
        "norm1": "norm",
        "norm4": "short_norm",
    },
)

NETWORKS = {
    "OctResNet152_v1f": Backbone(
        FAMILY,
        None,
        {"block_depth": [3, 8, 36, 3], "conv_pool": True},
        published(
            "OctResNet152_v1f", "others/resnet152_v1f_alpha-{:g}.params", (0.125, 81.4, 95.4)
        ),
    ),
    "OctSE_ResNet152_v1e": Backbone(
        FAMILY,
        None,
        {"block_depth": [3, 8, 36, 3], "reduction_ratio": 16},
        published(
            "OctSE_ResNet152_v1e", "others/se-resnet152_v1e_alpha-{:g}.params", (0.125, 81.6, 95.7)
        ),
    ),
}
