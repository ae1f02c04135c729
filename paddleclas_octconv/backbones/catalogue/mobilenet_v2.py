"""MobileNetV2 in four widths."""

from __future__ import annotations

from ...weights.published import WeightsByHand
from .entry import Backbone, published
from .family import Family

FAMILY = Family(
    "oct_mobilenet_v2",
    "OctMobileNetV2",
    octave_stages=4,
    authors_units={
        "stem.0": "conv1",
        "conv1": "expand_conv",
        "conv2": "bottleneck_conv",
        "conv3": "linear_conv",
        "tail": "conv9",
        "fc": "out",
    },
)

NETWORKS = {
    "OctMobileNetV2_x0_5": Backbone(FAMILY, "MobileNetV2_x0_5", {"scale": 0.5}),
    "OctMobileNetV2_x0_75": Backbone(FAMILY, "MobileNetV2_x0_75", {"scale": 0.75}),
    "OctMobileNetV2": Backbone(
        FAMILY,
        "MobileNetV2",
        {},
        published(
            "OctMobileNetV2", "others/mobilenet_v2_100_alpha-{:g}.params", (0.375, 72.0, 90.7)
        ),
    ),
    "OctMobileNetV2_x1_125": Backbone(
        FAMILY,
        None,
        {"scale": 1.125},
        published(
            "OctMobileNetV2_x1_125", "others/mobilenet_v2_1125_alpha-{:g}.params", (0.5, 73.0, 91.2)
        ),
        (WeightsByHand("OctMobileNetV2_x1_125", 0.5, 72.95, "renmada/OctConv-paddle", "MIT"),),
    ),
}
