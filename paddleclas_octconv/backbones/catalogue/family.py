"""What the networks of one file have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping


@dataclass(frozen=True)
class Family:
    """What the networks of one file have in common.

    Attributes:
        module: the file, in ``backbones/``.
        network: the name of the class there, an ``OctBackbone``.
        octave_stages, plain_stages: how many stages one number as ``alpha`` is for, and how many
            after them have no low-frequency channels then.
        authors_units: what the units of the repository of the paper's authors are called in the
            network here; those that are not named are called alike.
        counts_layers: whether a block of theirs is a layer of a dense block here.
    """

    module: str
    network: str
    octave_stages: int = 3
    plain_stages: int = 1
    authors_units: Mapping[str, str] = field(default_factory=dict)
    counts_layers: bool = False

    def spread(self, alpha: float) -> list[float]:
        """One number as ``alpha``, as a number for each stage."""
        return [alpha] * self.octave_stages + [0.0] * self.plain_stages
