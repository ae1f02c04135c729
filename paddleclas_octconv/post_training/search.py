"""Which parts of a network become octave, and how far: found by measuring. Needs no Paddle.

The search begins where everything is octave, since every place where a pair of maps is made or
joined costs time: alone, few parts gain any. So what stays octave is a run of parts in the order of
the forward, of which some may be left out, or all at a smaller alpha. Where a run pays is measured
from both ends; the rest is estimated from that and from what each part loses alone. Then networks
are tried whole, by halving, until one loses little enough.
"""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    Protocol,
    Sequence,
    Tuple,
)

ALPHAS = (0.5, 0.25, 0.125)  # where the search begins, and what it goes back to
BLOCKS = 16  # at most so many are told apart
TIMED = 16  # at most so many networks on the way back are timed, besides ends
# Shares of the vanilla latency: what a part costs at least, and what it must gain when it is taken
# back to be believed: networks are measured in processes of their own, and these differ.
_LEAST, _NOISE = 0.005, 0.02

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
        cost: of that in latency, as a share of the vanilla one's, at an end of what is octave.
        split: of what is octave on both sides of it then, on top of that: its pair of maps is
            joined and made again.
        loss: the divergence of the network in which it alone is octave; None where that was not
            asked.
    """

    move: Move
    cost: float
    split: float = 0.0
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
        parts: what can be taken back, in the order of the forward.
        budget: points that may be lost.

    Attributes:
        measured: whole networks that were measured.
        parts: what was measured of parts.
    """

    def __init__(
        self, trials: Measures, whole: Setting, parts: Iterable[Move], budget: float
    ) -> None:
        self._trials, self._whole, self._budget = trials, whole, budget
        self._moves = [move for move in parts if move.of(whole) != whole]
        self.measured: dict[Setting, Measured] = {}
        self.parts: list[Part] = []

    def candidates(self) -> Iterator[Setting]:
        """Networks faster than the vanilla one that lose no more than is allowed as far as can be
        told without all images, the fastest first; then what comes next on the way back."""
        if not any(self._whole.alphas):
            return
        latency = self._trials.latency
        self._measure_ends()
        begin = self._fastest()
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

    def _without(self, moves: Collection[Move]) -> Setting:
        """The network in which everything else is octave."""
        setting = self._whole
        for move in self._moves:
            if move in moves:
                setting = move.of(setting)
        return setting

    def _alone(self, move: Move) -> Setting:
        """The network in which one part is octave."""
        return self._without([other for other in self._moves if other != move])

    def _measure_ends(self) -> None:
        """Measure what is octave from each part on, and up to each part."""
        moves, count, latency = self._moves, len(self._moves), self._trials.latency
        since = [self._without(moves[:place]) for place in range(count)]
        until = [self._without(moves[place:]) for place in range(1, count + 1)]
        self._trials.time([*since, *until])  # the whole network is one of both
        whole = latency(self._whole)
        #: By the index of the part at which what is octave begins, or before which it ends.
        self._since = dict(enumerate(map(latency, since)))
        self._until = dict(enumerate(map(latency, until), start=1))
        ends = range(1, count)
        joins = {end: max(self._since[end] + self._until[end] - whole - 1, 0.0) for end in ends}
        for place, move in enumerate(moves):
            costs = [
                found[other] - found[one]
                for found, one, other in (
                    (self._since, place, place + 1),
                    (self._until, place + 1, place),
                )
                if other in found
            ]
            cost = fmean(costs or [1 - whole])
            if -_NOISE < cost < _LEAST:
                cost = _LEAST
            split = fmean([joins[end] for end in (place, place + 1) if end in joins] or [0.0])
            self.parts.append(Part(move, cost, split))

    def _fastest(self) -> Setting:
        """The fastest network, no matter what it loses: the one that is estimated to be, or all."""
        _, _, setting = min(self._estimates({part.move: 0.0 for part in self.parts}))
        return min((self._whole, setting), key=self._trials.latency)

    def _estimates(self, losses: Mapping[Move, float]) -> Iterator[tuple[float, float, Setting]]:
        """Latency and loss of each run of octave parts, and of what is left of it when those
        within go that lose most for the time that they gain.

        Args:
            losses: of parts; what is not among them stays plain.
        """
        whole = self._trials.latency(self._whole)
        costs = {part.move: part.cost + part.split for part in self.parts}

        def order(move: Move) -> tuple[float, float]:
            return -losses[move] / max(costs[move], _LEAST), costs[move]

        for first, last in combinations(range(len(self._moves) + 1), 2):
            ms = self._since[first] + self._until[last] - whole
            octave = [move for move in self._moves[first:last] if move in losses]
            ms += sum(costs[move] for move in self._moves[first:last] if move not in losses)
            total = sum(losses[move] for move in octave)
            back = {*self._moves} - {*octave}
            yield ms, total, self._without(back)
            for move in sorted(octave[1:-1], key=order):
                back.add(move)
                ms, total = ms + costs[move], total - losses[move]
                yield ms, total, self._without(back)

    def _path(self, begin: Setting) -> list[Setting]:
        """The networks on the way back from one, at each alpha: those than which none is faster and
        loses less, by estimate, and of some of these by their own latency.

        At a smaller alpha all gain as much less as the network does, and lose as much less as the
        part does that loses most.
        """
        latency, loss = self._trials.latency, self._trials.loss
        wholes = [begin.at_most(alpha) for alpha in ALPHAS]
        self._trials.time(wholes)
        losses = {move: loss(self._alone(move)) for move in self._moves if move.of(begin) != begin}
        self.parts = [part._replace(loss=losses.get(part.move)) for part in self.parts]
        if not any(each > 0 for each in losses.values()):
            return wholes
        worst = max(losses, key=losses.__getitem__)
        known = list(self._estimates(losses))
        estimates: list[tuple[float, float, Setting]] = []
        for alpha, setting in zip(ALPHAS, wholes):
            gain = (1 - latency(setting)) / (1 - latency(begin))
            lost = loss(self._alone(worst).at_most(alpha)) / losses[worst]
            for ms, total, each in known:
                estimates.append((1 - gain * (1 - ms), lost * total, each.at_most(alpha)))
        expected = {each: estimate for _, estimate, each in estimates}
        some = spread(best(estimates), TIMED)
        self._trials.time(some)
        return best([(latency(each), expected[each], each) for each in some])


def best(known: Iterable[tuple[float, float, Setting]]) -> list[Setting]:
    """Of networks with their latency and loss those than which none is faster and loses less, the
    fastest first; without those that are slower than the vanilla one."""
    found: list[Setting] = []
    least = float("inf")
    for ms, loss, setting in sorted(known):
        if ms < 1 and loss < least:
            found.append(setting)
            least = loss
    return found


def spread(settings: Sequence[Setting], count: int) -> list[Setting]:
    """So many networks, at most, of a list; in its order, the first and the last among them."""
    if len(settings) <= count:
        return list(settings)
    last = len(settings) - 1
    return [settings[last * place // (count - 1)] for place in range(count)]


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
