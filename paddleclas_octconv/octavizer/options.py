"""What a user can say about which convolutions become octave convolutions. Needs no Paddle."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.numbers import FLAG

OCTAVE = "Octave"  # the name in PaddleClas's registry
# Modules of the user's own in which networks are looked up by name, with commas between them.
MODULES_VARIABLE = "PADDLECLAS_OCTCONV_MODULES"
# Keys of Arch that PaddleClas's exporter reads there, and its own networks ignore.
NOT_FOR_THE_NETWORK = ("infer_add_softmax",)
NAMES = (
    "alpha",
    "input_size",
    "stem",
    "max_stride",
    "min_size",
    "plain",
    "pool_stride",
    "keep_stride",
)


def vanilla_of(options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the options of the network that ``Octave`` of these options octavises."""
    rest = {key: value for key, value in options.items() if key not in (*NAMES, "backbone")}
    backbone = options.get("backbone")
    if isinstance(backbone, Mapping):
        rest = {**backbone, **rest}
        backbone = rest.pop("name", None)
    return str(backbone), rest


@dataclass(frozen=True)
class Options:
    """Which convolutions become octave convolutions.

    Attributes:
        alpha: share of low channels: one number, or one for each resolution that the convolutions
            behind the stem have, the largest first.
        input_size: side, or height and width, of the images on which this is decided, once; the
            network takes images of any size afterwards.
        stem: how many convolutions, from the first one on, stay plain.
        max_stride: feature maps with a larger total stride stay plain, unless ``alpha`` has a
            number for each resolution. "Drop an Octave", section 3.3, leaves the last stage, with
            a total stride of 32, plain.
        min_size: maps whose shorter side is less, at ``input_size``, stay plain.
        plain: names of convolutions whose output stays plain, with ``*``, ``?`` and ``[]`` as in
            file names, such as "blocks.0.*".
        pool_stride: whether those of stride 2 between plain maps, too, average and then convolve.
        keep_stride: whether octave convolutions of stride 2 convolve without averaging before.
    """

    alpha: float | Sequence[float] = 0.5
    input_size: int | Sequence[int] = 224
    stem: int = 1
    max_stride: int = 16
    min_size: int = 2
    plain: str | Sequence[str] = ()
    pool_stride: bool = False
    keep_stride: bool = False

    def __post_init__(self) -> None:
        check_alpha(self.alpha, None)
        _check(self.stem, "stem", 0)
        _check(self.max_stride, "max_stride", 1)
        _check(self.min_size, "min_size", 1)
        for name in ("pool_stride", "keep_stride"):
            FLAG.demand(name, getattr(self, name))
        if self.pool_stride and self.keep_stride:
            raise OctConvError("pool_stride and keep_stride exclude each other: give one of them")
        sides = self.sides
        for side in sides:
            _check(side, "input_size", 1)
        if not isinstance(self.plain, (str, list, tuple)) or not all(
            isinstance(pattern, str) for pattern in self.patterns
        ):
            raise OctConvError(
                f"plain must be a name of convolutions, or a list of names, got {self.plain!r}"
            )

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of ``input_size``."""
        size = self.input_size
        if isinstance(size, (list, tuple)):
            if len(size) != 2:
                raise OctConvError(f"input_size must be a side, or height and width, got {size!r}")
            return size[0], size[1]
        return size, size  # type: ignore[return-value]

    @property
    def patterns(self) -> list[Any]:
        return [self.plain] if isinstance(self.plain, str) else list(self.plain)

    def stays_plain(self, name: str) -> bool:
        """Whether the name of a convolution is among ``plain``."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)


def _check(value: Any, name: str, least: int) -> None:
    if type(value) is not int or value < least:
        raise OctConvError(f"{name} must be a whole number from {least}, got {value!r}")
