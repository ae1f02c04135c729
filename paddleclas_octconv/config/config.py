"""A config of PaddleClas's as one value: read once, and never with a value that is out of range."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ..common.errors import OctConvError
from .dotted import get, put, unshared
from .image_size import size_of
from .load import load_config
from .recipe import Recipe, apply
from .values import check_values


@dataclass(frozen=True, eq=False)
class Config(Mapping[str, Any]):
    """A whole config. It does not change: what sets a value gives another one.

    As a mapping it is the nested sections that PaddleClas's engine takes: ``config["Arch"]``.

    Attributes:
        sections: these sections, as a dict.
        file: what they were read from, for messages, and to read them again without overrides.

    Raises:
        OctConvError: a value has another type or range than its key asks for.
    """

    sections: dict[str, Any]
    file: Path

    @classmethod
    def read(cls, file: Path, overrides: Sequence[str] = ()) -> Config:
        """Read a file, and apply what ``-o`` says.

        Raises:
            OctConvError: it cannot be read, or a value is wrong.
        """
        return cls(load_config(file, overrides), file)

    def __post_init__(self) -> None:
        check_values(self.sections)

    def __getitem__(self, section: str) -> Any:
        return self.sections[section]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sections)

    def __len__(self) -> int:
        return len(self.sections)

    def at(self, key: str) -> Any:
        """The value under a dotted key such as ``Optimizer.lr.name``; None where it is missing."""
        return get(self.sections, key)

    def demand(self, key: str) -> Any:
        """The same of a key that has to be there.

        Raises:
            OctConvError: it is not.
        """
        value = self.at(key)
        if value is None:
            raise OctConvError(f"{key}: missing from the config")
        return value

    def changed(self, changes: Mapping[str, Any]) -> Config:
        """The config with other values.

        Args:
            changes: by dotted key; a section that is missing is made.
        """
        sections = unshared(self.sections)
        for key, value in changes.items():
            put(sections, key, copy.deepcopy(value))
        return Config(sections, self.file)

    def with_recipe(self, recipe: Recipe) -> Config:
        """The config with what a recipe sets, in every place where it stands.

        Raises:
            OctConvError: the config has no place for it.
        """
        sections = unshared(self.sections)
        apply(sections, recipe)
        return Config(sections, self.file)

    @property
    def network(self) -> str:
        """The name of the network."""
        return self.demand("Arch.name")

    @property
    def device(self) -> str:
        """What it runs on: "cpu", "gpu", …"""
        return self.demand("Global.device")

    @property
    def epochs(self) -> int:
        """How many epochs are trained."""
        return self.demand("Global.epochs")

    @property
    def image_shape(self) -> list[int]:
        """Channels, height and width of the images that the network is made for: those of
        ``Global.image_shape``, or where that leaves them open, what the transforms make.

        Raises:
            OctConvError: neither says how large they are.
        """
        shape = self.demand("Global.image_shape")
        size = size_of(self.sections)
        if size is None:
            raise OctConvError(
                f"Global.image_shape: {shape} leaves height and width open, and the transforms of "
                "evaluation do not set them: add ResizeImage with a size, or CropImage"
            )
        return [shape[0], *size]

    @property
    def output_dir(self) -> str:
        """The folder of a training: weights and logs."""
        return self.demand("Global.output_dir")

    @property
    def pretrained_model(self) -> str | None:
        """The weights to start from, without their suffix; None for those of the network."""
        return self.at("Global.pretrained_model")

    @property
    def batch_size(self) -> int | None:
        """Images of a training step in one process; None where the sampler sets it otherwise."""
        return self.at("DataLoader.Train.sampler.batch_size")

    def dataset(self, part: str) -> dict[str, Any]:
        """The data set of a part of ``DataLoader`` ("Train", "Eval"); empty where it has none."""
        return self.at(f"DataLoader.{part}.dataset") or {}
