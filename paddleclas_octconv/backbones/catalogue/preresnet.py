"""Pre-activation ResNets: PaddleClas has none."""

from __future__ import annotations

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
_DEPTHS = {26: [2, 2, 2, 2], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 200: [3, 24, 36, 3]}
_RESNEXT = {"cardinality": 32, "group_width": 4}

# Of each network: its layers, its options, the name of its files, and what is known of each of them
# (see ``published``).
# fmt: off
# ruff: noqa: E501
_NETWORKS: dict[str, tuple[int, dict[str, int], str, list[tuple]]] = {
    "OctPreResNet26": (26, {}, "a02_resnet-26", [
        (0.125, 75.8, 92.6),
        (0.25, 76.1, 92.6, 64_256_000, "29fba1f4f421f86bebcc5bd99c0d1936c20c63b3e5bb20b48665106469bd54b0", 76.076),
        (0.5, 75.5, 92.5),
        (0.75, 74.6, 92.1),
    ]),
    "OctPreResNet50": (50, {}, "a03_resnet-50", [
        (0.125, 78.2, 93.9, 102_748_160, "1ad2c754a5569d6c297c10601fd62feed4d5fe36354167697315e644f5c913d4", 78.19),
        (0.25, 78.0, 93.8),
        (0.5, 77.4, 93.6),
        (0.75, 76.7, 93.0),
    ]),
    "OctPreResNet101": (101, {}, "a06_resnet-101", [
        (0.125, 79.2, 94.4, 179_302_400, "28fe5741d60232fa303292c632f8665cb10ed2f7c32617dae575bad14d4ac45a", 79.182),
        (0.25, 79.2, 94.4),
        (0.5, 78.7, 94.1),
    ]),
    "OctPreResNet200": (200, {}, "a08_resnet-200", [
        (0.125, 80.0, 94.9, 260_812_800, "d9ce49aa73e3f0f31ac659ddf812ff8a79242a058e6b53a7140c756d83413e58", 79.99),
        (0.25, 79.8, 94.8),
        (0.5, 79.5, 94.7),
    ]),
    "OctPreResNeXt50_32x4d": (50, _RESNEXT, "a04_resnext-50_32x4d", [
        (0.25, 78.8, 94.2, 100_700_160, "e4f4d8438cb1cf6e349eb0e583e5cc6bf2754fe6093dc24471e893eb3b8c3944", 78.772),
        (0.5, 78.4, 94.0),
        (0.75, 77.5, 93.6),
    ]),
    "OctPreResNeXt101_32x4d": (101, _RESNEXT, "a07_resnext-101_32x4d", [
        (0.25, 79.6, 94.5, 177_950_720, "00c2c7d7048eb0c07509414b4aff845cd1cc6f92b8414a2837b2344e6c6400d3", 79.556),
        (0.5, 78.9, 94.4),
    ]),
    "OctPreSE_ResNet50": (50, {"reduction_ratio": 16}, "a05_se-resnet-50", [
        (0.125, 78.7, 94.1, 112_947_200, "a080ed21c747b877697ca8a91843d2d83b15d1ad4702a09cd74126a3fcdffc52", 78.706),
        (0.25, 78.4, 94.0),
        (0.5, 77.9, 93.8),
        (0.75, 77.4, 93.5),
    ]),
}
# fmt: on
NETWORKS = {
    name: Backbone(
        FAMILY,
        None,
        {"block_depth": _DEPTHS[layers], **options},
        published(name, f"ablation/{path}_alpha-{{:.3f}}.tar", *files),
    )
    for name, (layers, options, path, files) in _NETWORKS.items()
}
