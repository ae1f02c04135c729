"""What a comparison runs, and what of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Sequence

from ..config import Config
from ..data.list_files import Label
from ..post_training.distilling import is_distilling
from ..run.watched import TRAIN

OCTAVIZE = "octavize"  # how a run makes its weights, unless it trains


@dataclass
class Options:
    """What the command line says; None stands for "as configured".

    Attributes:
        configs, models: by name.
        alphas: of the octave networks; each is trained with each.
        beside: more networks of PaddleClas, under the same recipe.
        octavize: alphas of octave networks to make of each vanilla one, once it is trained.
        distil: for how many epochs each of these is distilled, as one more network.
        formats: (engine, precision) in which the exported networks are evaluated, too.
    """

    configs: list[str] = field(default_factory=list)
    preset: str | None = None
    models: list[str] | None = None
    epochs: int | None = None
    subset: int | None = None
    eval_subset: int | None = None
    image_size: int | None = None
    same_steps: bool | None = None
    seeds: list[int] | None = None
    alphas: list[float] | None = None
    beside: list[str] | None = None
    octavize: list[float] | None = None
    distil: int | None = None
    formats: list[tuple[str, str]] = field(default_factory=list)
    gpus: str | None = None
    overrides: list[str] = field(default_factory=list)
    output: Path = Path("output/compare")


@dataclass(eq=False)
class Run:
    """One training: a config of its own, in a folder of its own.

    name: unique, such as "ResNet50" or "ResNet50-seed2"; model: the same for all seeds.
    steps: optimizer steps an epoch. world: processes that train, one on each GPU.
    source: the run whose weights it begins with, once that is finished.
    formats: (engine, precision) in which what it has exported is evaluated, too.
    """

    name: str
    model: str
    seed: int
    config: Config
    folder: Path
    steps: int
    train_images: int
    eval_images: int
    world: int = 1
    source: Run | None = None
    formats: Sequence[tuple[str, str]] = ()

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def making(self) -> str:
        """How it makes its weights: ``TRAIN``, by distilling too, or ``OCTAVIZE``."""
        return OCTAVIZE if self.source and not is_distilling(self.config) else TRAIN

    @property
    def epochs(self) -> int:
        """How many it trains."""
        return self.config.epochs if self.making == TRAIN else 0

    @property
    def trained(self) -> Run:
        """The run that has trained the network from the start: itself, or what it is made of."""
        return self.source.trained if self.source else self

    @property
    def stages(self) -> tuple[str, ...]:
        """What is done, one after the other."""
        return (self.making, "export", "predict", *map(stage_of, self.formats))


def stage_of(form: tuple[str, str]) -> str:
    """The stage that evaluates a format, (engine, precision)."""
    return "-".join(form)


class Drawn(NamedTuple):
    """The entries of a list file, and what stands between an image and its label."""

    entries: list[tuple[str, Label]]
    delimiter: str


@dataclass
class Comparison:
    """What is compared.

    runs: in the order to run them. lists: list files to write, with what goes into them.
    """

    options: Options
    output: Path
    runs: list[Run]
    lists: dict[Path, Drawn]
