"""Which parts of a network become octave, and how far: found by measuring. Needs no Paddle.

The search begins where everything is octave, since every place where a pair of maps is made or
joined costs time: alone, few parts gain any. From there resolutions and blocks are taken back to
plain convolutions, or all to a smaller alpha. What costs more time than it gains goes first; then
what loses most accuracy for the time that it gains, until the rest loses little enough.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple, Protocol, Sequence, Tuple

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

    def at_most(self, alpha: float) -> Setting:
        """The network with no larger share anywhere."""
        return self._replace(alphas=tuple(min(alpha, each) for each in self.alphas))


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
    """A part of the network is taken back to plain convolutions.

    Attributes:
        place: the index of a resolution; None: it is a block.
        block: the name of the block, as in ``Setting.plain``.
    """

    place: int | None
    block: str = ""

    def of(self, setting: Setting) -> Setting:
        """The network after it."""
        alphas, plain = list(setting.alphas), setting.plain
        if self.place is not None:
            alphas[self.place] = 0.0
        elif self.block not in plain:
            plain = (*plain, self.block)
        return Setting(tuple(alphas), plain)

    def shown(self, strides: Sequence[int]) -> str:
        """In words, such as "1/4 plain"."""
        return f"{self.block if self.place is None else f'1/{strides[self.place]}'} plain"


class Part(NamedTuple):
    """What was measured of a part of the network.

    Attributes:
        move: which takes it back.
        cost: in latency, as a share of the vanilla one's, where everything else is octave too.
        loss: the divergence of the network in which it alone is octave; None where that was not
            asked.
    """

    move: Move
    cost: float
    loss: float | None = None


def parts(resolutions: Sequence[Sequence[str]]) -> list[Move]:
    """The parts of a network: blocks, as many as the names of its convolutions tell apart.

    Args:
        resolutions: the names at each.

    Returns:
        Blocks, such as "blocks.0.*", each for all convolutions whose names begin so; where the
        names do not tell of some, the resolutions.
    """
    found: list[str] = []
    names = [name.split(".") for each in resolutions for name in each]
    for depth in range(1, max([2, *map(len, names)])):
        patterns = [".".join(n[:depth]) + ".*" * (len(n) > depth) for n in names]
        if len(set(patterns)) > BLOCKS:
            break
        found = list(dict.fromkeys(patterns))
    if len(found) > 1:
        return [Move(None, pattern) for pattern in found]
    return [Move(place) for place in range(len(resolutions))]


class Measures(Protocol):
    """What measures networks, each once."""

    def time(self, settings: Sequence[Setting]) -> None:
        """Measure latencies of networks beside each other, which ``latency`` tells then."""

    def latency(self, setting: Setting) -> float:
        """Over that of the vanilla network."""

    def loss(self, setting: Setting) -> float:
        """The divergence of a network: roughly."""

    def whole(self, setting: Setting) -> Measured:
        """A network that may be the one."""


class Search:
    """The search for the fastest network that loses little enough.

    Args:
        trials: measures networks.
        whole: the network in which everything is octave.
        parts: what can be taken back, besides resolutions.
        budget: points that may be lost.

    Attributes:
        measured: whole networks that were measured.
        parts: what was measured of parts.
    """

    def __init__(
        self, trials: Measures, whole: Setting, parts: Iterable[Move], budget: float
    ) -> None:
        self._trials, self._whole, self._budget = trials, whole, budget
        self._units = [move for move in parts if move.of(whole) != whole]
        octave = (Move(place) for place, alpha in enumerate(whole.alphas) if alpha)
        self._moves = list(dict.fromkeys([*octave, *self._units]))
        self.measured: dict[Setting, Measured] = {}
        self.parts: list[Part] = []

    def candidates(self) -> Iterator[Setting]:
        """Networks faster than the vanilla one that lose no more than is allowed as far as can be
        told without all images, the fastest first; then what comes next on the way back."""
        if not any(self._whole.alphas):
            return
        latency = self._trials.latency
        self._trials.time([self._whole, *(move.of(self._whole) for move in self._moves)])
        self.parts = [
            Part(move, latency(move.of(self._whole)) - latency(self._whole)) for move in self._moves
        ]
        begin = self._trimmed()
        if latency(begin) >= 1:
            return
        if self._holds(begin):
            yield begin
        steps = self._path(begin)
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

    def _trimmed(self) -> Setting:
        """The network without what costs more time in it than it gains."""
        found, latency = self._whole, self._trials.latency
        costly = (part for part in self.parts if part.cost < 0)
        for part in sorted(costly, key=lambda part: part.cost):
            without = part.move.of(found)
            if without != found and any(without.alphas) and latency(without) <= latency(found):
                found = without
        return found

    def _alone(self, move: Move, setting: Setting) -> Setting:
        """The network in which one part is octave."""
        for other in self._units:
            if other != move:
                setting = other.of(setting)
        return setting

    def _path(self, begin: Setting) -> list[Setting]:
        """The networks on the way back from one: at each alpha, without what loses most for the
        time that it gains; those than which, by estimate, none is faster and loses less.

        What parts gain, and lose alone, adds up. At a smaller alpha all gain as much less as the
        network does, and lose as much less as the part does that loses most.
        """
        latency, loss = self._trials.latency, self._trials.loss
        wholes = [begin.at_most(alpha) for alpha in ALPHAS]
        self._trials.time(wholes)
        alone = {move: loss(self._alone(move, begin)) for move in self._units}
        self.parts = [part._replace(loss=alone.get(part.move)) for part in self.parts]
        costs = {part.move: max(part.cost, _LEAST) for part in self.parts}
        losing = [move for move in self._units if alone[move] > 0]
        losing.sort(key=lambda move: alone[move] / costs[move], reverse=True)
        if not losing:
            return wholes
        worst = max(losing, key=alone.__getitem__)
        estimates: list[tuple[float, float, Setting]] = []
        for setting in wholes:
            gain = (1 - latency(setting)) / (1 - latency(begin))
            lost = loss(self._alone(worst, setting)) / alone[worst]
            ms, total = latency(setting), lost * sum(alone.values())
            for move in losing:
                estimates.append((ms, total, setting))
                ms, total = ms + gain * costs[move], total - lost * alone[move]
                setting = move.of(setting)
        found: list[Setting] = []
        least = float("inf")
        for _, estimate, setting in sorted(estimates):
            if estimate < least:
                found.append(setting)
                least = estimate
        return found


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
