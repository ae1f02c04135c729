"""What is known of a backbone without building it, so without Paddle."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Mapping

from ...weights.published import PublishedWeights, WeightsByHand
from ..counts import COUNTS
from .family import Family

if TYPE_CHECKING:
    from ..base import OctBackbone


@dataclass(frozen=True)
class Backbone:
    """What stands behind a registered name.

    Attributes:
        family: what it has in common with others.
        twin: the vanilla network's name in PaddleClas; None where PaddleClas has none.
        options: arguments of the class; what the user gives goes before them.
        weights: those that the paper's authors published of it, by alpha.
        by_hand: those of others, which no program can fetch.
    """

    family: Family
    twin: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[PublishedWeights, ...] = ()
    by_hand: tuple[WeightsByHand, ...] = ()

    def load(self) -> type[OctBackbone]:
        """The class itself (imports Paddle)."""
        package = __package__.rpartition(".")[0]
        return getattr(
            importlib.import_module(f"{package}.{self.family.module}"), self.family.network
        )


def published(name: str, path: str, *files: tuple) -> tuple[PublishedWeights, ...]:
    """The weights that the authors published of a network.

    Args:
        name: of the network.
        path: of the files, with a place for alpha.
        *files: alpha, top-1 and top-5 of each, and where they are known its bytes, its SHA-256 and
            the top-1 that the Open Model Zoo measured.
    """
    numbers = COUNTS[name].total_parameters
    return tuple(
        PublishedWeights(name, alpha, path.format(alpha), numbers, *figures)
        for alpha, *figures in files
    )
