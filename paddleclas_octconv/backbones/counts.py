"""What each backbone counts by default: 1,000 classes, 224x224, its own alpha.

Written by ``python -m paddleclas_octconv.measure.counts``, so that nobody waits for it, or needs
Paddle, to read it. A test holds it to the networks.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

IMAGE_SIZE = 224


class Counts(NamedTuple):
    """Of one image; see ``measure.complexity.Complexity`` for the first five.

    Attributes:
        elements: of the outputs of all layers, which training keeps in memory.
    """

    parameters: int
    total_parameters: int
    multiply_adds: int
    vanilla_parameters: int
    vanilla_multiply_adds: int
    elements: int


# fmt: off
# ruff: noqa: E501
COUNTS: Mapping[str, Counts] = {
    "OctResNet26": Counts(15995176, 16026024, 1480032256, 15995176, 2342256640, 14449512),
    "OctResNet50": Counts(25557032, 25610152, 2367143936, 25557032, 4089184256, 21674856),
    "OctResNet101": Counts(44549160, 44654504, 3991240704, 44549160, 7801405440, 31271016),
    "OctResNet152": Counts(60192808, 60344232, 5615337472, 60192808, 11513626624, 43125096),
    "OctResNet200": Counts(64673832, 64849832, 7143899136, 64673832, 15007481856, 61188456),
    "OctResNeXt50_32x4d": Counts(25028904, 25097128, 2386511872, 25028904, 4230479872, 28091112),
    "OctResNeXt101_32x4d": Counts(44177704, 44315560, 4022550528, 44177704, 7969996800, 40885992),
    "OctSE_ResNet50": Counts(28088024, 28141144, 2369658880, 28088024, 4091699200, 21690904),
    "OctSE_ResNet152": Counts(66821848, 66973272, 5621915648, 66821848, 11520204800, 43175960),
    "OctPreResNet26": Counts(15991336, 16018344, 1480032256, 15991336, 2342256640, 16030056),
    "OctPreResNet50": Counts(25553192, 25602472, 2367143936, 25553192, 4089184256, 23255400),
    "OctPreResNet101": Counts(44545320, 44646824, 3991240704, 44545320, 7801405440, 32851560),
    "OctPreResNet200": Counts(64669992, 64842152, 7143899136, 64669992, 15007481856, 62769000),
    "OctPreResNeXt50_32x4d": Counts(25025064, 25089448, 2386511872, 25025064, 4230479872, 29671656),
    "OctPreResNeXt101_32x4d": Counts(44173864, 44307880, 4022550528, 44173864, 7969996800, 42466536),
    "OctPreSE_ResNet50": Counts(28084184, 28133464, 2369658880, 28084184, 4091699200, 23271448),
    "OctResNet152_v1f": Counts(60222224, 60374112, 10819341312, 60222224, 12780871680, 66522792),
    "OctSE_ResNet152_v1e": Counts(66841080, 67183608, 10838764544, 66841080, 12800294912, 77982424),
    "OctMobileNetV1_x0_25": Counts(470072, 475544, 24448672, 470072, 41030272, 2668680),
    "OctMobileNetV1_x0_5": Counts(1331592, 1342536, 85626176, 1331592, 149497088, 5336360),
    "OctMobileNetV1_x0_75": Counts(2585560, 2601976, 183532512, 2585560, 325400448, 8004040),
    "OctMobileNetV1": Counts(4231976, 4253864, 318167680, 4231976, 568740352, 10671720),
    "OctMobileNetV2_x0_5": Counts(1965736, 1984104, 70609120, 1965736, 92271040, 7269672),
    "OctMobileNetV2_x0_75": Counts(2628592, 2654864, 140610128, 2628592, 186650528, 10808648),
    "OctMobileNetV2": Counts(3505960, 3540136, 234168768, 3505960, 313619328, 14347624),
    "OctMobileNetV2_x1_125": Counts(4243006, 4281454, 292764600, 4243006, 392307120, 16140952),
    "OctDenseNet121": Counts(7978856, 8062504, 1418596352, 7978856, 2834161664, 26815848),
}
# fmt: on
