"""The ImageNet weights that the authors of the paper have published. Needs no Paddle.

From the README of facebookresearch/OctConv, code and models under the MIT licence. Hashes and exact
sizes of eight of the files, and what they reached on ImageNet there, stood in OpenVINO's Open Model
Zoo until its release 2022.1 (``models/public/octave-*/model.yml``).
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

BASE = "https://dl.fbaipublicfiles.com/octconv/"
LICENCE = "MIT"
SOURCE = "facebookresearch/OctConv"


class PublishedWeights(NamedTuple):
    """A published file.

    Attributes:
        network: the registered name of its network.
        alpha: of all stages but the last ones, which are at 0.
        path: of the file under ``BASE``.
        numbers: parameters and statistics of the batch norms, at any alpha.
        top1, top5: accuracy on the validation images of ImageNet in percent, one crop of 224x224,
            by the authors.
        size, sha256: bytes, and the hexadecimal hash, where they are known.
        reproduced: top-1 that the Open Model Zoo measured, where it did.
    """

    network: str
    alpha: float
    path: str
    numbers: int
    top1: float
    top5: float
    size: int | None = None
    sha256: str | None = None
    reproduced: float | None = None

    @property
    def file(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def config(self) -> str:
        """The shipped config that evaluates it as published, in ``ImageNet/published``."""
        return f"{self.network}_alpha{self.alpha:g}.yaml"

    @property
    def most(self) -> int:
        """Bytes that it can have: all numbers in single precision, their names, the symbol."""
        return self.size or 4 * self.numbers + (4 << 20)

    @property
    def about_size(self) -> str:
        """For people: exact where it is known; otherwise half of it may be enough."""
        if self.size:
            return f"{self.size / 1e6:.0f} MB"
        about = "about" if self.path.startswith("ablation/") else "at most"
        return f"{about} {4 * self.numbers / 1e6:.0f} MB"

    @property
    def preprocessing(self) -> list[dict[str, Any]]:
        """The steps from a decoded RGB image to the network's input, as PaddleClas writes them."""
        is_symbol = self.path.startswith("ablation/")
        steps = _ABLATION if is_symbol else _OTHERS
        return [{name: dict(options)} for name, options in steps]


def normalised(weights: PublishedWeights, steps: Sequence[dict]) -> list[dict]:
    """Steps of preprocessing with the normalisation that weights were trained with.

    Args:
        weights: which.
        steps: as PaddleClas writes them; a NormalizeImage that does the same, to a percent, stays.
    """
    own = next(step["NormalizeImage"] for step in weights.preprocessing if "NormalizeImage" in step)
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


class WeightsByHand(NamedTuple):
    """Weights that their authors keep where no program can fetch them.

    Attributes:
        network, alpha, top1: as of ``PublishedWeights``.
        source: the repository, which links to them.
        licence: of the repository.
    """

    network: str
    alpha: float
    top1: float
    source: str
    licence: str


D_LI14 = ("d-li14/octconv.pytorch", "Apache-2.0")

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
