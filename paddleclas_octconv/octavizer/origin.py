"""Where a pair comes from, and who is told of what becomes of it, while a network is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence


class Listener:
    """Is told of what happens to pairs, which know it; this one does not care."""

    def used(self, value: Any) -> None:
        """A function is given a value that pairs are in."""

    def joined(self, function: str, reason: str) -> None:
        """Pairs became tensors, as a function has no octave form for them."""

    def split(self, pair: Any, sections: Sequence[int]) -> None:
        """The channels of a pair are split into sections."""

    def met(self, first: Any, second: Any) -> frozenset[str]:
        """Two pairs are combined; returns the convolutions that decide on the result's layout."""
        return first.origin.convs | second.origin.convs


@dataclass(frozen=True)
class Origin:
    """Where a pair comes from.

    Attributes:
        convs: names of the convolutions that decide on its layout.
        listener: is told of what happens to it.
    """

    convs: frozenset[str] = frozenset()
    listener: Listener = Listener()

    def lost(self) -> Origin:
        """Of a pair whose layout no convolution decides on by itself."""
        return Origin(frozenset(), self.listener)


NOWHERE = Origin()
