"""The ImageNet weights that the authors of the paper have published. Needs no Paddle.

From the README of facebookresearch/OctConv, code and models under the MIT licence. Hashes and exact
sizes of eight of the files, and what they reached on ImageNet there, stood in OpenVINO's Open Model
Zoo until its release 2022.1 (``models/public/octave-*/model.yml``).
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

from ..common.errors import OctConvError
from ..common.suggest import suggest

BASE = "https://dl.fbaipublicfiles.com/octconv/"
LICENCE = "MIT"
SOURCE = "facebookresearch/OctConv"


class Checkpoint(NamedTuple):
    """A published file.

    Attributes:
        network: the registered name of its network.
        alpha: of all stages but the last ones, which are at 0.
        path: of the file under ``BASE``.
        top1, top5: accuracy on the validation images of ImageNet in percent, one crop of 224x224,
            by the authors.
    """

    network: str
    alpha: float
    path: str
    top1: float
    top5: float

    @property
    def file(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def config(self) -> str:
        """The shipped config that evaluates it as published, in ``ImageNet/published``."""
        return f"{self.network}_alpha{self.alpha:g}.yaml"

    @property
    def size(self) -> int | None:
        """Bytes, where they are known."""
        return _KNOWN[self.path][0] if self.path in _KNOWN else None

    @property
    def sha256(self) -> str | None:
        """Hexadecimal, where it is known."""
        return _KNOWN[self.path][1] if self.path in _KNOWN else None

    @property
    def most(self) -> int:
        """Bytes that it can have: all numbers in single precision, their names, the symbol."""
        return self.size or 4 * _NUMBERS[self.network] + (4 << 20)

    @property
    def about_size(self) -> str:
        """For people: exact where it is known; otherwise half of it may be enough."""
        if self.size:
            return f"{self.size / 1e6:.0f} MB"
        about = "about" if self.path.startswith("ablation/") else "at most"
        return f"{about} {4 * _NUMBERS[self.network] / 1e6:.0f} MB"

    @property
    def reproduced(self) -> float | None:
        """Top-1 that the Open Model Zoo measured, where it did."""
        return _KNOWN[self.path][2] if self.path in _KNOWN else None

    @property
    def preprocessing(self) -> list[dict[str, Any]]:
        """The steps from a decoded RGB image to the network's input, as PaddleClas writes them."""
        is_symbol = self.path.startswith("ablation/")
        steps = _ABLATION if is_symbol else _OTHERS
        return [{name: dict(options)} for name, options in steps]


def normalised(checkpoint: Checkpoint, steps: Sequence[dict]) -> list[dict]:
    """Steps of preprocessing with the normalisation that a checkpoint was trained with.

    Args:
        checkpoint: which.
        steps: as PaddleClas writes them; a NormalizeImage that does the same, to a percent, stays.
    """
    own = next(
        step["NormalizeImage"] for step in checkpoint.preprocessing if "NormalizeImage" in step
    )
    changed = []
    for step in steps:
        given = step.get("NormalizeImage")
        if given is None or _same_normalisation(given, own):
            changed.append(step)
        else:
            changed.append({"NormalizeImage": {**own, "order": given.get("order", "")}})
    return changed


def _same_normalisation(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    def numbers(options: Mapping[str, Any]) -> list[float]:
        scale = options.get("scale")
        if isinstance(scale, str):
            numerator, _, denominator = scale.partition("/")
            scale = float(numerator) / float(denominator or 1)
        scale = 1 / 255 if scale is None else float(scale)
        means, deviations = options["mean"], options["std"]
        return [
            *(scale / float(deviation) for deviation in deviations),
            *(float(mean) / float(deviation) for mean, deviation in zip(means, deviations)),
        ]

    try:
        pairs = list(zip(numbers(one), numbers(other)))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return False
    return len(pairs) == 6 and all(abs(a - b) <= 0.01 * abs(b) for a, b in pairs)


class ByHand(NamedTuple):
    """Weights that their authors keep where no program can fetch them.

    Attributes:
        network, alpha, top1: as of ``Checkpoint``.
        source: the repository, which links to them.
        licence: of the repository.
    """

    network: str
    alpha: float
    top1: float
    source: str
    licence: str


def of_network(name: str) -> list[Checkpoint]:
    """The checkpoints of a network, by alpha."""
    return [checkpoint for checkpoint in CHECKPOINTS if checkpoint.network == name]


def find(name: str, alpha: Any = None) -> Checkpoint:
    """The checkpoint of a network.

    Args:
        name: of the network.
        alpha: a number, or a list of them, one per stage; None for 0.5 where that is published,
            and else for the most accurate one.

    Raises:
        OctConvError: there is none; the message names those that there are.
    """
    there = of_network(name)
    if not there:
        networks = sorted({checkpoint.network for checkpoint in CHECKPOINTS})
        raise OctConvError(
            f"no ImageNet weights of {name} are published{suggest(name, networks)} "
            f"(paddleclas weights lists those that are)"
        )
    if alpha is None:
        half = [checkpoint for checkpoint in there if checkpoint.alpha == 0.5]
        return half[0] if half else max(there, key=lambda checkpoint: checkpoint.top1)
    for checkpoint in there:
        if _same(alpha, checkpoint.alpha, name):
            return checkpoint
    published = ", ".join(f"{checkpoint.alpha:g}" for checkpoint in there)
    raise OctConvError(
        f"no ImageNet weights of {name} at alpha {alpha} are published, but: {published}"
    )


def _same(given: Any, alpha: float, name: str) -> bool:
    """Whether a user's alpha, spelt out for each stage or not, is that of a checkpoint."""
    if not isinstance(given, (list, tuple)):
        return given == alpha
    octave, plain = _STAGES.get(name.partition("_")[0], (3, 1))
    return list(given) == [alpha] * octave + [0] * plain


# Stages with and without octaves, where they are not those of ResNet.
_STAGES: Mapping[str, tuple[int, int]] = {"OctMobileNetV1": (4, 0), "OctMobileNetV2": (4, 1)}

_RESIZE: list[tuple[str, dict[str, Any]]] = [
    ("ResizeImage", {"resize_short": 256}),
    ("CropImage", {"size": 224}),
]
# The Gluon networks: means and standard deviations of ImageNet, linear interpolation.
_OTHERS: list[tuple[str, dict[str, Any]]] = [
    *_RESIZE,
    (
        "NormalizeImage",
        {
            "scale": 1.0,
            "mean": [123.68, 116.779, 103.939],
            "std": [58.393, 57.12, 57.375],
            "order": "",
        },
    ),
]
# The Symbol networks: rounded means, everything times 0.0167, cubic interpolation.
_ABLATION: list[tuple[str, dict[str, Any]]] = [
    ("ResizeImage", {"resize_short": 256, "interpolation": "bicubic"}),
    ("CropImage", {"size": 224}),
    (
        "NormalizeImage",
        {"scale": 1.0, "mean": [124.0, 117.0, 104.0], "std": [1 / 0.0167] * 3, "order": ""},
    ),
]

# Parameters and statistics of the batch norms, at any alpha.
_NUMBERS = {
    "OctMobileNetV1_x0_75": 2_601_976,
    "OctMobileNetV1": 4_253_864,
    "OctMobileNetV2": 3_540_136,
    "OctMobileNetV2_x1_125": 4_281_454,
    "OctResNet152_v1f": 60_374_112,
    "OctSE_ResNet152_v1e": 67_183_608,
    "OctDenseNet121": 8_062_504,
    "OctPreResNet26": 16_018_344,
    "OctPreResNet50": 25_602_472,
    "OctPreResNeXt50_32x4d": 25_089_448,
    "OctPreSE_ResNet50": 28_133_464,
    "OctPreResNet101": 44_646_824,
    "OctPreResNeXt101_32x4d": 44_307_880,
    "OctPreResNet200": 64_842_152,
}

# Bytes, SHA-256, and top-1 as the Open Model Zoo measured it.
_KNOWN = {
    "ablation/a01_densenet-121_alpha-0.125.tar": (
        32_983_040,
        "93fcdf376c2ee7e9278e2c4a9d8a0a30e35d92051ad4889fb5d5c1855ea31ca4",
        76.066,
    ),
    "ablation/a02_resnet-26_alpha-0.250.tar": (
        64_256_000,
        "29fba1f4f421f86bebcc5bd99c0d1936c20c63b3e5bb20b48665106469bd54b0",
        76.076,
    ),
    "ablation/a03_resnet-50_alpha-0.125.tar": (
        102_748_160,
        "1ad2c754a5569d6c297c10601fd62feed4d5fe36354167697315e644f5c913d4",
        78.19,
    ),
    "ablation/a04_resnext-50_32x4d_alpha-0.250.tar": (
        100_700_160,
        "e4f4d8438cb1cf6e349eb0e583e5cc6bf2754fe6093dc24471e893eb3b8c3944",
        78.772,
    ),
    "ablation/a05_se-resnet-50_alpha-0.125.tar": (
        112_947_200,
        "a080ed21c747b877697ca8a91843d2d83b15d1ad4702a09cd74126a3fcdffc52",
        78.706,
    ),
    "ablation/a06_resnet-101_alpha-0.125.tar": (
        179_302_400,
        "28fe5741d60232fa303292c632f8665cb10ed2f7c32617dae575bad14d4ac45a",
        79.182,
    ),
    "ablation/a07_resnext-101_32x4d_alpha-0.250.tar": (
        177_950_720,
        "00c2c7d7048eb0c07509414b4aff845cd1cc6f92b8414a2837b2344e6c6400d3",
        79.556,
    ),
    "ablation/a08_resnet-200_alpha-0.125.tar": (
        260_812_800,
        "d9ce49aa73e3f0f31ac659ddf812ff8a79242a058e6b53a7140c756d83413e58",
        79.99,
    ),
}

# Network, alpha, file, top-1, top-5.
_TABLE = """
OctMobileNetV1_x0_75   0.375 others/mobilenet_v1_075_alpha-0.375.params     70.5 89.5
OctMobileNetV1         0.5   others/mobilenet_v1_100_alpha-0.5.params       72.5 90.6
OctMobileNetV2         0.375 others/mobilenet_v2_100_alpha-0.375.params     72.0 90.7
OctMobileNetV2_x1_125  0.5   others/mobilenet_v2_1125_alpha-0.5.params      73.0 91.2
OctResNet152_v1f       0.125 others/resnet152_v1f_alpha-0.125.params        81.4 95.4
OctSE_ResNet152_v1e    0.125 others/se-resnet152_v1e_alpha-0.125.params     81.6 95.7
OctDenseNet121         0.125 ablation/a01_densenet-121_alpha-0.125.tar      76.1 93.0
OctDenseNet121         0.25  ablation/a01_densenet-121_alpha-0.250.tar      75.9 93.1
OctPreResNet26         0.125 ablation/a02_resnet-26_alpha-0.125.tar         75.8 92.6
OctPreResNet26         0.25  ablation/a02_resnet-26_alpha-0.250.tar         76.1 92.6
OctPreResNet26         0.5   ablation/a02_resnet-26_alpha-0.500.tar         75.5 92.5
OctPreResNet26         0.75  ablation/a02_resnet-26_alpha-0.750.tar         74.6 92.1
OctPreResNet50         0.125 ablation/a03_resnet-50_alpha-0.125.tar         78.2 93.9
OctPreResNet50         0.25  ablation/a03_resnet-50_alpha-0.250.tar         78.0 93.8
OctPreResNet50         0.5   ablation/a03_resnet-50_alpha-0.500.tar         77.4 93.6
OctPreResNet50         0.75  ablation/a03_resnet-50_alpha-0.750.tar         76.7 93.0
OctPreResNeXt50_32x4d  0.25  ablation/a04_resnext-50_32x4d_alpha-0.250.tar  78.8 94.2
OctPreResNeXt50_32x4d  0.5   ablation/a04_resnext-50_32x4d_alpha-0.500.tar  78.4 94.0
OctPreResNeXt50_32x4d  0.75  ablation/a04_resnext-50_32x4d_alpha-0.750.tar  77.5 93.6
OctPreSE_ResNet50      0.125 ablation/a05_se-resnet-50_alpha-0.125.tar      78.7 94.1
OctPreSE_ResNet50      0.25  ablation/a05_se-resnet-50_alpha-0.250.tar      78.4 94.0
OctPreSE_ResNet50      0.5   ablation/a05_se-resnet-50_alpha-0.500.tar      77.9 93.8
OctPreSE_ResNet50      0.75  ablation/a05_se-resnet-50_alpha-0.750.tar      77.4 93.5
OctPreResNet101        0.125 ablation/a06_resnet-101_alpha-0.125.tar        79.2 94.4
OctPreResNet101        0.25  ablation/a06_resnet-101_alpha-0.250.tar        79.2 94.4
OctPreResNet101        0.5   ablation/a06_resnet-101_alpha-0.500.tar        78.7 94.1
OctPreResNeXt101_32x4d 0.25  ablation/a07_resnext-101_32x4d_alpha-0.250.tar 79.6 94.5
OctPreResNeXt101_32x4d 0.5   ablation/a07_resnext-101_32x4d_alpha-0.500.tar 78.9 94.4
OctPreResNet200        0.125 ablation/a08_resnet-200_alpha-0.125.tar        80.0 94.9
OctPreResNet200        0.25  ablation/a08_resnet-200_alpha-0.250.tar        79.8 94.8
OctPreResNet200        0.5   ablation/a08_resnet-200_alpha-0.500.tar        79.5 94.7
"""


def _row(line: str) -> Checkpoint:
    network, alpha, path, top1, top5 = line.split()
    return Checkpoint(network, float(alpha), path, float(top1), float(top5))


CHECKPOINTS = [_row(line) for line in _TABLE.strip().splitlines()]

BY_HAND = [
    ByHand("OctResNet50", 0.5, 77.64, "d-li14/octconv.pytorch", "Apache-2.0"),
    ByHand("OctResNet101", 0.5, 78.79, "d-li14/octconv.pytorch", "Apache-2.0"),
    ByHand("OctResNet152", 0.5, 79.26, "d-li14/octconv.pytorch", "Apache-2.0"),
    ByHand("OctMobileNetV1", 0.5, 71.25, "d-li14/octconv.pytorch", "Apache-2.0"),
    ByHand("OctMobileNetV2_x1_125", 0.5, 72.95, "renmada/OctConv-paddle", "MIT"),
]
