"""DenseNet."""

from __future__ import annotations

from .entry import Backbone, published
from .family import Family

FAMILY = Family(
    "oct_densenet",
    "OctDenseNet",
    authors_units={
        "stem.0": "conv1_func",
        "conv1": "bn_ac_func1",
        "conv2": "bn_ac_func2",
        "conv": "conv_ac_func",
        "tail.bn": "batch_norm.high",
        "fc": "out",
    },
    counts_layers=True,
)

# fmt: off
# ruff: noqa: E501
NETWORKS = {
    "OctDenseNet121": Backbone(
        FAMILY,
        "DenseNet121",
        {"block_config": [6, 12, 24, 16]},
        published(
            "OctDenseNet121",
            "ablation/a01_densenet-121_alpha-{:.3f}.tar",
            (0.125, 76.1, 93.0, 32_983_040, "93fcdf376c2ee7e9278e2c4a9d8a0a30e35d92051ad4889fb5d5c1855ea31ca4", 76.066),
            (0.25, 75.9, 93.1),
        ),
    ),
}
# fmt: on
