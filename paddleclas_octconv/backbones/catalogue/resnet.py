"""ResNets and ResNeXts."""

from __future__ import annotations

from typing import Any

from ...weights.published import D_LI14, WeightsByHand
from .entry import Backbone
from .family import Family

FAMILY = Family("oct_resnet", "OctResNet")


def _resnet(
    depth: list[int], twin: str | None, *by_hand: WeightsByHand, **options: Any
) -> Backbone:
    return Backbone(FAMILY, twin, {"block_depth": depth, **options}, by_hand=by_hand)


NETWORKS = {
    "OctResNet26": _resnet([2, 2, 2, 2], None),
    "OctResNet50": _resnet(
        [3, 4, 6, 3], "ResNet50", WeightsByHand("OctResNet50", 0.5, 77.64, *D_LI14)
    ),
    "OctResNet101": _resnet(
        [3, 4, 23, 3], "ResNet101", WeightsByHand("OctResNet101", 0.5, 78.79, *D_LI14)
    ),
    "OctResNet152": _resnet(
        [3, 8, 36, 3], "ResNet152", WeightsByHand("OctResNet152", 0.5, 79.26, *D_LI14)
    ),
    # PaddleClas's ResNet200 has other depths, those of a later paper.
    "OctResNet200": _resnet([3, 24, 36, 3], None),
    "OctResNeXt50_32x4d": _resnet([3, 4, 6, 3], "ResNeXt50_32x4d", cardinality=32, group_width=4),
    "OctResNeXt101_32x4d": _resnet(
        [3, 4, 23, 3], "ResNeXt101_32x4d", cardinality=32, group_width=4
    ),
    # PaddleClas has squeeze and excitation only in networks with another stem.
    "OctSE_ResNet50": _resnet([3, 4, 6, 3], None, reduction_ratio=16),
    "OctSE_ResNet152": _resnet([3, 8, 36, 3], None, reduction_ratio=16),
}
