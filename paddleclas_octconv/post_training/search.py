"""Which parts of a network become octave, and how far: found by measuring. Needs no Paddle.

The search begins where everything is octave, since every place where a pair of maps is made or
joined costs time: alone, few parts gain any. From there parts are taken back, at one resolution or
in one block, to a smaller alpha or to plain convolutions. What costs more time than it gains goes
first; then what loses most accuracy for the time that it gains, until the rest loses little enough.
"""

from __future__ import annotations

from collections import Counter
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Protocol, Sequence, Tuple

ALPHAS = (0.5, 0.25, 0.125)  # where the search begins, and what it goes back to
BLOCKS = 16  # at most so many are told apart
_LEAST = 1e-6  # share of the vanilla latency; below, gains are rounding

#: A share of low channels for each resolution, the largest first.
Alphas = Tuple[float, ...]


class Setting(NamedTuple):
    """What of a network is octave.

    Attributes:
        alphas: share of low channels at each resolution.
        plain: names of convolutions that are plain nevertheless, as ``Arch.plain`` has them.
    """

    alphas: Alphas
    plain: tuple[str, ...] = ()


class Measured(NamedTuple):
    """A network beside the vanilla one.

    Attributes:
        setting: what of it is octave.
        latency: over the vanilla network's, measured in turns.
        drop: points lost on a sample of the evaluation list.
        divergence: as in ``Score``.
    """

    setting: Setting
    latency: float
    drop: float
    divergence: float


class Move(NamedTuple):
    """A part of the network is taken back.

    Attributes:
        place: the index of a resolution; None: it is a block.
        alpha: what the resolution goes back to.
        block: the name of the block, as in ``Setting.plain``.
    """

    place: int | None
    alpha: float = 0.0
    block: str = ""

    def of(self, setting: Setting) -> Setting:
        """The network after it."""
        alphas, plain = list(setting.alphas), setting.plain
        if self.place is not None:
            alphas[self.place] = min(alphas[self.place], self.alpha)
        elif self.block not in plain:
            plain = (*plain, self.block)
        return Setting(tuple(alphas), plain)

    def shown(self, strides: Sequence[int]) -> str:
        """In words, such as "0.25 at 1/8"."""
        if self.place is None:
            return f"{self.block} plain"
        return f"{self.alpha:g} at 1/{strides[self.place]}"


class Part(NamedTuple):
    """What was measured of a part of the network.

    Attributes:
        move: which takes it back.
        cost: in latency, as a share of the vanilla one's, where everything else is octave too.
        saved: by how much less the network diverges; None where that did not matter.
    """

    move: Move
    cost: float
    saved: float | None = None


def blocks(resolutions: Sequence[Sequence[str]]) -> dict[str, int]:
    """The blocks of a network, by the names of its convolutions: as many as can be told apart.

    Args:
        resolutions: the names at each.

    Returns:
        Patterns, such as "blocks.0.*", each for all convolutions whose names begin so, with the
        index of the resolution of most of them; none where the names do not tell of some blocks.
    """
    found: dict[str, Counter] = {}
    names = [name for each in resolutions for name in each]
    for depth in range(1, 1 + max((name.count(".") or 1 for name in names), default=0)):
        patterns: dict[str, Counter] = {}
        for place, each in enumerate(resolutions):
            for name in each:
                parts = name.split(".")
                pattern = ".".join(parts[:depth]) + (".*" if len(parts) > depth else "")
                patterns.setdefault(pattern, Counter())[place] += 1
        if len(patterns) > BLOCKS:
            break
        found = patterns
    found = found if len(found) > 1 else {}
    return {pattern: counts.most_common(1)[0][0] for pattern, counts in found.items()}


def moves(whole: Setting, patterns: Iterable[str]) -> list[Move]:
    """All that can be taken back in a network.

    Args:
        whole: the network.
        patterns: those of ``blocks``.
    """
    smaller = [*ALPHAS[1:], 0.0]
    octave = [place for place, alpha in enumerate(whole.alphas) if alpha]
    of_resolutions = [Move(place, alpha) for place in octave for alpha in smaller]
    return [*of_resolutions, *(Move(None, block=pattern) for pattern in patterns)]


class Measures(Protocol):
    """What measures networks, each once."""

    def time(self, settings: Sequence[Setting]) -> None:
        """Measure latencies of networks beside each other, which ``latency`` tells then."""

    def latency(self, setting: Setting) -> float:
        """Over that of the vanilla network."""

    def loss(self, setting: Setting) -> float:
        """The divergence of a network in which one part is octave."""

    def whole(self, setting: Setting) -> Measured:
        """A network that may be the one."""


class Search:
    """The search for the fastest network that loses little enough.

    Args:
        trials: measures networks.
        whole: the network in which everything is octave.
        patterns: as ``blocks`` gives them.
        budget: points that may be lost.

    Attributes:
        measured: whole networks that were measured.
        parts: what was measured of parts.
    """

    def __init__(
        self, trials: Measures, whole: Setting, patterns: Mapping[str, int], budget: float
    ) -> None:
        self._trials, self._whole = trials, whole
        self._patterns, self._budget = patterns, budget
        self.measured: dict[Setting, Measured] = {}
        self.parts: list[Part] = []

    def candidates(self) -> Iterator[Setting]:
        """Networks faster than the vanilla one that lose no more than is allowed as far as can be
        told without all images, the fastest first; then what comes next on the way back."""
        if not any(self._whole.alphas):
            return
        latency = self._trials.latency
        back = moves(self._whole, self._patterns)
        to_plain = [move for move in back if not move.alpha]
        self._trials.time([self._whole, *(move.of(self._whole) for move in to_plain)])
        self.parts = [Part(move, self._cost(move)) for move in to_plain]
        begin = self._trimmed()
        if latency(begin) >= 1:
            return
        if self._holds(begin):
            yield begin
        self._trials.time([move.of(self._whole) for move in back])
        self.parts = [Part(move, self._cost(move), self._saved(move)) for move in back]
        steps = path(begin, self.parts, self._patterns)
        first = nearest(steps, self._holds)
        tried = sorted(self.measured.values(), key=lambda each: each.latency)
        holding = [each.setting for each in tried if each.drop <= self._budget]
        for setting in dict.fromkeys([*holding, *steps[first + 1 :]]):
            if setting != begin and latency(setting) < 1:
                yield setting

    def gentlest(self) -> Setting | None:
        """That of the faster networks that loses least; None if there is none."""
        faster = (each for each in self.measured.values() if each.latency < 1)
        found = min(faster, key=lambda each: each.divergence, default=None)
        return found and found.setting

    def _holds(self, setting: Setting) -> bool:
        found = self.measured[setting] = self._trials.whole(setting)
        return found.drop <= self._budget

    def _cost(self, move: Move) -> float:
        return self._trials.latency(move.of(self._whole)) - self._trials.latency(self._whole)

    def _saved(self, move: Move) -> float:
        """What a part loses alone, less what it still loses after a move."""

        def alone(alpha: float) -> float:
            alphas = (alpha * (place == move.place) for place in range(len(self._whole.alphas)))
            return self._trials.loss(Setting(tuple(alphas)))

        if move.place is None:
            others = tuple(pattern for pattern in self._patterns if pattern != move.block)
            return self._trials.loss(Setting(self._whole.alphas, others))
        return alone(ALPHAS[0]) - (alone(move.alpha) if move.alpha else 0.0)

    def _trimmed(self) -> Setting:
        """The network without what costs more time in it than it gains."""
        found, latency = self._whole, self._trials.latency
        costly = (part for part in self.parts if part.cost < 0)
        for part in sorted(costly, key=lambda part: part.cost):
            without = part.move.of(found)
            if without != found and any(without.alphas) and latency(without) <= latency(found):
                found = without
        return found


def path(begin: Setting, parts: Sequence[Part], patterns: Mapping[str, int]) -> list[Setting]:
    """The networks from one back towards the vanilla one.

    What a network gains and loses is estimated: what blocks do adds up, and at a smaller alpha all
    blocks of a resolution do as much less as the resolution itself.

    Args:
        begin: the network.
        parts: all of it, each with what it saves.
        patterns: as ``blocks`` gives them; without, a resolution is a block.

    Returns:
        The network itself, and after it networks of which each has one part less: that which loses
        most for the time that it gains.
    """
    known = {part.move: (part.cost, part.saved or 0.0) for part in parts}

    def left(move: Move, index: int) -> float:
        """The share of what a resolution gains (0) or loses (1) that is left after a move."""
        whole = known[Move(move.place)][index]
        return min(max(1 - known[move][index] / whole, 0.0), 1.0) if whole > 0 else 1.0

    def estimate(setting: Setting, index: int) -> float:
        total = 0.0
        for place, alpha in enumerate(setting.alphas):
            if not alpha:
                continue
            names = [name for name, own in patterns.items() if own == place]
            own = [Move(None, block=name) for name in names if name not in setting.plain]
            most = sum(known[move][index] for move in (own if patterns else [Move(place)]))
            total += most * (1.0 if alpha == ALPHAS[0] else left(Move(place, alpha), index))
        return total

    def worth(setting: Setting) -> float:
        gained, lost = (estimate(found[-1], index) - estimate(setting, index) for index in (0, 1))
        return lost / max(gained, _LEAST)

    found = [begin]
    while True:
        after = {move.of(found[-1]) for move in known}
        steps = [each for each in after if estimate(each, 0) > 0 and worth(each) > 0]
        if not steps:
            return found
        found.append(max(steps, key=lambda setting: (worth(setting), setting)))


def nearest(steps: Sequence[Setting], holds: Callable[[Setting], bool]) -> int:
    """The index of the first network on a path that holds, found by halving; their number if none
    does."""
    low, high = -1, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(steps[middle]):
            high = middle
        else:
            low = middle
    return high


def shown(setting: Setting, strides: Sequence[int]) -> str:
    """A network in words, such as "0.5 at 1/4, 0.25 at 1/8, blocks.0.* plain"."""
    parts = [f"{alpha:g} at 1/{each}" for alpha, each in zip(setting.alphas, strides) if alpha]
    if not parts:
        return "vanilla"
    return ", ".join([*parts, *(f"{pattern} plain" for pattern in setting.plain)])
