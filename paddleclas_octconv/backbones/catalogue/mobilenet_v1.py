"""MobileNetV1 in four widths."""

from __future__ import annotations

from ...weights.published import D_LI14, WeightsByHand
from .entry import Backbone, published
from .family import Family

FAMILY = Family(
    "oct_mobilenet_v1",
    "OctMobileNet",
    octave_stages=4,
    plain_stages=0,
    authors_units={"stem.0": "conv", "conv1": "depthwise_conv", "conv2": "pointwise_conv"},
)

NETWORKS = {
    "OctMobileNetV1_x0_25": Backbone(FAMILY, "MobileNetV1_x0_25", {"scale": 0.25}),
    "OctMobileNetV1_x0_5": Backbone(FAMILY, "MobileNetV1_x0_5", {"scale": 0.5}),
    "OctMobileNetV1_x0_75": Backbone(
        FAMILY,
        "MobileNetV1_x0_75",
        {"scale": 0.75},
        published(
            "OctMobileNetV1_x0_75", "others/mobilenet_v1_075_alpha-{:g}.params", (0.375, 70.5, 89.5)
        ),
    ),
    "OctMobileNetV1": Backbone(
        FAMILY,
        "MobileNetV1",
        {},
        published("OctMobileNetV1", "others/mobilenet_v1_100_alpha-{:g}.params", (0.5, 72.5, 90.6)),
        (WeightsByHand("OctMobileNetV1", 0.5, 71.25, *D_LI14),),
    ),
}
