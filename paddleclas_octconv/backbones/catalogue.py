"""Every backbone: its name, its class and options, and its vanilla twin. Needs no Paddle."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Mapping

if TYPE_CHECKING:
    from .base import OctBackbone


@dataclass(frozen=True)
class Backbone:
    """What stands behind a registered name.

    Attributes:
        module: the file of the family, in this folder.
        network: the name of the class there, an ``OctBackbone``.
        twin: the vanilla network's name in PaddleClas; None where PaddleClas has none.
        options: arguments of the class; what the user gives goes before them.
    """

    module: str
    network: str
    twin: str | None
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> type[OctBackbone]:
        """The class itself (imports Paddle)."""
        return getattr(importlib.import_module(f"{__package__}.{self.module}"), self.network)


def _resnet(depth: list[int], twin: str | None, **options: Any) -> Backbone:
    return Backbone("oct_resnet", "OctResNet", twin, {"block_depth": depth, **options})


def _resnext(depth: list[int], twin: str) -> Backbone:
    return _resnet(depth, twin, cardinality=32, group_width=4)


def _preresnet(depth: list[int], **options: Any) -> Backbone:
    return Backbone("oct_preresnet", "OctPreResNet", None, {"block_depth": depth, **options})


def _resnet_v1e(depth: list[int], **options: Any) -> Backbone:
    return Backbone("oct_resnet_v1e", "OctResNetV1e", None, {"block_depth": depth, **options})


def _mobilenet_v1(twin: str, **options: Any) -> Backbone:
    return Backbone("oct_mobilenet_v1", "OctMobileNet", twin, options)


def _mobilenet_v2(twin: str | None, **options: Any) -> Backbone:
    return Backbone("oct_mobilenet_v2", "OctMobileNetV2", twin, options)


CATALOGUE: Mapping[str, Backbone] = {
    "OctResNet26": _resnet([2, 2, 2, 2], None),
    "OctResNet50": _resnet([3, 4, 6, 3], "ResNet50"),
    "OctResNet101": _resnet([3, 4, 23, 3], "ResNet101"),
    "OctResNet152": _resnet([3, 8, 36, 3], "ResNet152"),
    # PaddleClas's ResNet200 has other depths, those of a later paper.
    "OctResNet200": _resnet([3, 24, 36, 3], None),
    "OctResNeXt50_32x4d": _resnext([3, 4, 6, 3], "ResNeXt50_32x4d"),
    "OctResNeXt101_32x4d": _resnext([3, 4, 23, 3], "ResNeXt101_32x4d"),
    # PaddleClas has squeeze and excitation only in networks with another stem.
    "OctSE_ResNet50": _resnet([3, 4, 6, 3], None, reduction_ratio=16),
    "OctSE_ResNet152": _resnet([3, 8, 36, 3], None, reduction_ratio=16),
    # PaddleClas has no pre-activation ResNets, nor these stems with this place of the stride.
    "OctPreResNet26": _preresnet([2, 2, 2, 2]),
    "OctPreResNet50": _preresnet([3, 4, 6, 3]),
    "OctPreResNet101": _preresnet([3, 4, 23, 3]),
    "OctPreResNet200": _preresnet([3, 24, 36, 3]),
    "OctPreResNeXt50_32x4d": _preresnet([3, 4, 6, 3], cardinality=32, group_width=4),
    "OctPreResNeXt101_32x4d": _preresnet([3, 4, 23, 3], cardinality=32, group_width=4),
    "OctPreSE_ResNet50": _preresnet([3, 4, 6, 3], reduction_ratio=16),
    "OctResNet152_v1f": _resnet_v1e([3, 8, 36, 3], conv_pool=True),
    "OctSE_ResNet152_v1e": _resnet_v1e([3, 8, 36, 3], reduction_ratio=16),
    "OctMobileNetV1_x0_25": _mobilenet_v1("MobileNetV1_x0_25", scale=0.25),
    "OctMobileNetV1_x0_5": _mobilenet_v1("MobileNetV1_x0_5", scale=0.5),
    "OctMobileNetV1_x0_75": _mobilenet_v1("MobileNetV1_x0_75", scale=0.75),
    "OctMobileNetV1": _mobilenet_v1("MobileNetV1"),
    "OctMobileNetV2_x0_5": _mobilenet_v2("MobileNetV2_x0_5", scale=0.5),
    "OctMobileNetV2_x0_75": _mobilenet_v2("MobileNetV2_x0_75", scale=0.75),
    "OctMobileNetV2": _mobilenet_v2("MobileNetV2"),
    "OctMobileNetV2_x1_125": _mobilenet_v2(None, scale=1.125),
    "OctDenseNet121": Backbone(
        "oct_densenet", "OctDenseNet", "DenseNet121", {"block_config": [6, 12, 24, 16]}
    ),
}


def names(pattern: str = "*") -> list[str]:
    """The names that fit a pattern such as ``*resnet*50*``; capitals do not matter."""
    return [name for name in CATALOGUE if fnmatchcase(name.lower(), pattern.lower())]
