"""Which layouts the convolutions whose outputs meet agree on."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .layout import Layout
from .pair import Pair


class Agreement:
    """The layouts that are asked of convolutions; those whose outputs meet have one together.

    Attributes:
        changed: whether something was asked since this was set to False.
    """

    def __init__(self) -> None:
        self.changed = False
        self._wanted: dict[str, Layout] = {}
        self._parents: dict[str, str] = {}

    def of(self, conv: str) -> Layout | None:
        """What was asked of a convolution's output."""
        return self._wanted.get(self.root(conv))

    def may_ask(self, convs: frozenset[str]) -> bool:
        """Whether convolutions can still get another layout."""
        roots = {self.root(name) for name in convs}
        return bool(roots) and not roots & set(self._wanted)

    def ask(self, convs: frozenset[str], layout: Layout) -> None:
        """Ask convolutions for another layout, if they can still get one."""
        if self.may_ask(convs):
            self._wanted.update({self.root(name): layout for name in convs})
            self.changed = True

    def split(self, pair: Pair, sections: Sequence[int]) -> None:
        """Every section of the channels that a pair is split into shall be of both branches."""
        mask = pair.layout.mask
        ends = np.cumsum(sections)
        parts = [mask[end - size : end] for size, end in zip(sections, ends)]
        if any(part.all() or not part.any() for part in parts):
            share = pair.layout.low / pair.layout.channels
            self.ask(pair.origin.convs, Layout.of_alpha(len(mask), share, list(sections)))

    def met(self, first: Pair, second: Pair) -> frozenset[str]:
        """Two pairs that are combined shall have one layout; returns who decides on it."""
        ours, theirs = first.origin.convs, second.origin.convs
        if first.layout != second.layout:
            for convs, layout in ((theirs, first.layout), (ours, second.layout)):
                if convs and not layout.is_view:
                    self.ask(convs, layout)
                    break
        roots = sorted({self.root(name) for name in ours | theirs})
        for root in roots[1:]:
            self._parents[root] = roots[0]
            if root in self._wanted:
                self._wanted.setdefault(roots[0], self._wanted[root])
        return ours | theirs

    def root(self, conv: str) -> str:
        """The convolution that stands for all that have one layout with this one."""
        while conv in self._parents:
            conv = self._parents[conv]
        return conv
