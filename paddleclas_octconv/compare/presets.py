"""The comparison's presets: which configs, and what is changed in them."""

from __future__ import annotations

from typing import NamedTuple

MODELS = ("OctMobileNetV1", "MobileNetV1", "OctResNet50", "ResNet50")


class Preset(NamedTuple):
    """Which shipped configs are compared, and what is changed in them.

    Attributes:
        folder: the shipped configs are ``<folder>/<model>.yaml``.
        meaning: in a few words.
        subset, eval_subset: images to train and to evaluate on; None: all.
        image_size: in pixels; None: the configs' own.
        same_steps: whether the batch shrinks with the subset, so that an epoch keeps its steps; not
            one given by ``-o``.
    """

    folder: str
    meaning: str
    subset: int | None = None
    eval_subset: int | None = None
    image_size: int | None = None
    same_steps: bool = False


PRESETS = {
    "reference": Preset("CIFAR10", "the published recipe to the letter, at 224x224"),
    "small": Preset(
        "CIFAR10",
        "the published recipe on 2,000 images at 32x32, with as many steps an epoch",
        subset=2000,
        eval_subset=1000,
        image_size=32,
        same_steps=True,
    ),
    "best": Preset("CIFAR10/best", "a recipe that generalizes better"),
}


def config_names(preset: str) -> tuple[str, ...]:
    """The shipped configs of a preset."""
    return tuple(f"{PRESETS[preset].folder}/{model}.yaml" for model in MODELS)
