"""Which batch norms the deploy form can make part of a convolution."""

from __future__ import annotations

from typing import Any

from .containers import pairs_in
from .pair import Pair
from .planned import Plan


class Readers:
    """Who reads what convolutions make, in one pass through a network."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[str, Pair]] = {}  # with the pairs, so that ids stay theirs
        self._readers: dict[str, list[str]] = {}
        self._normed: list[str] = []

    def made(self, conv: str, pair: Pair) -> None:
        self._made[id(pair)] = conv, pair

    def read(self, value: Any, reader: str) -> None:
        """Something is given a value that pairs may be in."""
        for pair in pairs_in(value):
            if id(pair) in self._made:
                self._readers.setdefault(self._made[id(pair)][0], []).append(reader)

    def normed(self, norm: str, pair: Pair) -> None:
        self.read(pair, norm)
        self._normed.append(norm)

    def folds(self, plan: Plan) -> dict[str, str]:
        """Batch norms that alone read a convolution, and read nothing else."""
        return {
            conv: readers[0]
            for conv, readers in self._readers.items()
            if set(readers) == {readers[0]}
            and self._normed.count(readers[0]) == len(readers)
            and plan.norms.get(readers[0]) == plan.convs[conv].outputs
        }
