"""Pre-activation ResNets: PaddleClas has none."""

from __future__ import annotations

from typing import Any

from ...weights.published import PublishedWeights
from .entry import Backbone, published
from .family import Family

FAMILY = Family(
    "oct_preresnet",
    "OctPreResNet",
    authors_units={
        "conv1": "conv0",
        "conv2": "conv1",
        "conv3": "conv2",
        "conv4": "short",
        "tail.bn": "batch_norm.high",
    },
)


def _preresnet(depth: list[int], weights: tuple[PublishedWeights, ...], **options: Any) -> Backbone:
    return Backbone(FAMILY, None, {"block_depth": depth, **options}, weights)


# fmt: off
# ruff: noqa: E501
NETWORKS = {
    "OctPreResNet26": _preresnet(
        [2, 2, 2, 2],
        published(
            "OctPreResNet26",
            "ablation/a02_resnet-26_alpha-{:.3f}.tar",
            (0.125, 75.8, 92.6),
            (0.25, 76.1, 92.6, 64_256_000, "29fba1f4f421f86bebcc5bd99c0d1936c20c63b3e5bb20b48665106469bd54b0", 76.076),
            (0.5, 75.5, 92.5),
            (0.75, 74.6, 92.1),
        ),
    ),
    "OctPreResNet50": _preresnet(
        [3, 4, 6, 3],
        published(
            "OctPreResNet50",
            "ablation/a03_resnet-50_alpha-{:.3f}.tar",
            (0.125, 78.2, 93.9, 102_748_160, "1ad2c754a5569d6c297c10601fd62feed4d5fe36354167697315e644f5c913d4", 78.19),
            (0.25, 78.0, 93.8),
            (0.5, 77.4, 93.6),
            (0.75, 76.7, 93.0),
        ),
    ),
    "OctPreResNet101": _preresnet(
        [3, 4, 23, 3],
        published(
            "OctPreResNet101",
            "ablation/a06_resnet-101_alpha-{:.3f}.tar",
            (0.125, 79.2, 94.4, 179_302_400, "28fe5741d60232fa303292c632f8665cb10ed2f7c32617dae575bad14d4ac45a", 79.182),
            (0.25, 79.2, 94.4),
            (0.5, 78.7, 94.1),
        ),
    ),
    "OctPreResNet200": _preresnet(
        [3, 24, 36, 3],
        published(
            "OctPreResNet200",
            "ablation/a08_resnet-200_alpha-{:.3f}.tar",
            (0.125, 80.0, 94.9, 260_812_800, "d9ce49aa73e3f0f31ac659ddf812ff8a79242a058e6b53a7140c756d83413e58", 79.99),
            (0.25, 79.8, 94.8),
            (0.5, 79.5, 94.7),
        ),
    ),
    "OctPreResNeXt50_32x4d": _preresnet(
        [3, 4, 6, 3],
        published(
            "OctPreResNeXt50_32x4d",
            "ablation/a04_resnext-50_32x4d_alpha-{:.3f}.tar",
            (0.25, 78.8, 94.2, 100_700_160, "e4f4d8438cb1cf6e349eb0e583e5cc6bf2754fe6093dc24471e893eb3b8c3944", 78.772),
            (0.5, 78.4, 94.0),
            (0.75, 77.5, 93.6),
        ),
        cardinality=32,
        group_width=4,
    ),
    "OctPreResNeXt101_32x4d": _preresnet(
        [3, 4, 23, 3],
        published(
            "OctPreResNeXt101_32x4d",
            "ablation/a07_resnext-101_32x4d_alpha-{:.3f}.tar",
            (0.25, 79.6, 94.5, 177_950_720, "00c2c7d7048eb0c07509414b4aff845cd1cc6f92b8414a2837b2344e6c6400d3", 79.556),
            (0.5, 78.9, 94.4),
        ),
        cardinality=32,
        group_width=4,
    ),
    "OctPreSE_ResNet50": _preresnet(
        [3, 4, 6, 3],
        published(
            "OctPreSE_ResNet50",
            "ablation/a05_se-resnet-50_alpha-{:.3f}.tar",
            (0.125, 78.7, 94.1, 112_947_200, "a080ed21c747b877697ca8a91843d2d83b15d1ad4702a09cd74126a3fcdffc52", 78.706),
            (0.25, 78.4, 94.0),
            (0.5, 77.9, 93.8),
            (0.75, 77.4, 93.5),
        ),
        reduction_ratio=16,
    ),
}
# fmt: on
