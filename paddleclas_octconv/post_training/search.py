"""At which resolutions a network becomes octave, and how far: found by measuring. Needs no Paddle.

The search begins where everything is octave, since every place where a pair of maps is made or
joined costs time: alone, few resolutions gain any. From there, each resolution can go back to a
smaller alpha, or to plain convolutions. How long that takes, and what it loses less, is measured
for each alone and taken to add up. Of all combinations, those that none beats in both are tried
whole, by halving, until one loses little enough.
"""

from __future__ import annotations

from itertools import product
from typing import Callable, Iterable, Iterator, NamedTuple, Protocol, Sequence, Tuple

ALPHAS = (0.5, 0.25, 0.0)  # of a resolution: where the search begins, and what it can go back to
TIMED = 16  # at most so many networks on the way back are timed
# Shares of the vanilla latency: what it costs at least to take something back, and what it must
# gain to be believed: networks are measured in processes of their own, and these differ.
_LEAST, _NOISE = 0.005, 0.02
_LITTLE = 0.01  # of all that is lost: what a resolution loses at least

#: A share of low channels for each resolution, the largest first: what of a network is octave.
Alphas = Tuple[float, ...]


class Measured(NamedTuple):
    """A network beside the vanilla one.

    Attributes:
        alphas: what of it is octave.
        latency: over the vanilla network's, measured in turns.
        drop: points lost on a sample of the evaluation list.
        divergence: as in ``Score``.
    """

    alphas: Alphas
    latency: float
    drop: float
    divergence: float


class Part(NamedTuple):
    """What was measured of a resolution, while all others are octave.

    Attributes:
        place: its index.
        smaller: what it costs in latency to take it back to the smaller alpha, as a share of the
            vanilla network's.
        plain: likewise, to plain convolutions.
        loss: by how much less the network diverges then; None where that was not asked.
    """

    place: int
    smaller: float
    plain: float
    loss: float | None = None


class Measures(Protocol):
    """What measures networks, each once."""

    def time(self, networks: Sequence[Alphas]) -> None:
        """Measure latencies of networks beside each other, which ``latency`` tells then."""

    def latency(self, alphas: Alphas) -> float:
        """Over that of the vanilla network."""

    def loss(self, alphas: Alphas) -> float:
        """The divergence of a network: roughly."""

    def whole(self, alphas: Alphas) -> Measured:
        """A network that may be the one."""


class Search:
    """The search for the fastest network that loses little enough.

    Args:
        trials: measures networks.
        whole: the network in which everything is octave.
        budget: points that may be lost.

    Attributes:
        measured: whole networks that were measured.
        parts: what was measured of resolutions.
    """

    def __init__(self, trials: Measures, whole: Alphas, budget: float) -> None:
        self._trials, self._whole, self._budget = trials, whole, budget
        self._places = [place for place, alpha in enumerate(whole) if alpha]
        self.measured: dict[Alphas, Measured] = {}
        self.parts: list[Part] = []

    def candidates(self) -> Iterator[Alphas]:
        """Networks faster than the vanilla one that lose no more than is allowed as far as can be
        told without all images, the fastest first; then what comes next on the way back."""
        if not self._places:
            return
        latency = self._trials.latency
        self._measure_times()
        begin = self._fastest()
        if latency(begin) >= 1:
            return
        if self._holds(begin):
            yield begin
        steps = self._path(begin)
        first = nearest(steps, self._holds)
        tried = sorted(self.measured.values(), key=lambda each: each.latency)
        holding = [each.alphas for each in tried if each.drop <= self._budget]
        for alphas in dict.fromkeys([*holding, *steps[first + 1 :]]):
            if alphas != begin and latency(alphas) < 1:
                yield alphas

    def gentlest(self) -> Alphas | None:
        """That of the faster networks that loses least; None if there is none."""
        faster = (each for each in self.measured.values() if each.latency < 1)
        found = min(faster, key=lambda each: each.divergence, default=None)
        return found and found.alphas

    def _holds(self, alphas: Alphas) -> bool:
        found = self.measured[alphas] = self._trials.whole(alphas)
        return found.drop <= self._budget

    def _with(self, alpha: float, places: Iterable[int]) -> Alphas:
        """The network in which some resolutions have another alpha."""
        return tuple(alpha if p in places else own for p, own in enumerate(self._whole))

    def _measure_times(self) -> None:
        """Measure what is octave from each resolution on, and up to each; and what each costs at
        every alpha while all others are octave."""
        places = self._places
        #: By the index of the first resolution that is octave, and of the last one.
        self._since = {place: self._with(0.0, places[:n]) for n, place in enumerate(places)}
        self._until = {place: self._with(0.0, places[n + 1 :]) for n, place in enumerate(places)}
        self._one = {
            (place, alpha): self._with(alpha, [place]) for place in places for alpha in ALPHAS
        }
        each = [*self._since.values(), *self._until.values(), *self._one.values()]
        self._trials.time([alphas for alphas in dict.fromkeys(each) if any(alphas)])
        self.parts = [
            Part(place, *(self._cost(self._one[place, alpha]) for alpha in ALPHAS[1:]))
            for place in places
        ]

    def _cost(self, alphas: Alphas) -> float:
        """What a network costs more than the one in which everything is octave."""
        cost = self._trials.latency(alphas) - self._trials.latency(self._whole)
        return _LEAST if alphas != self._whole and -_NOISE < cost < _LEAST else cost

    def _estimate(self, alphas: Alphas) -> float:
        """The latency of a network: its ends are measured, and what each resolution between them
        costs adds up."""
        octave = [place for place in self._places if alphas[place]]
        first, last = octave[0], octave[-1]
        costs = [self._cost(self._since[first]), self._cost(self._until[last])]
        between = (place for place in self._places if first <= place <= last)
        costs += [self._cost(self._one[place, alphas[place]]) for place in between]
        return self._trials.latency(self._whole) + sum(costs)

    def _all(self) -> list[Alphas]:
        """Every combination, but the vanilla network."""
        choices = (ALPHAS if alpha else (0.0,) for alpha in self._whole)
        return [alphas for alphas in product(*choices) if any(alphas)]

    def _fastest(self) -> Alphas:
        """The fastest network, no matter what it loses: the one that is estimated to be, or all."""
        fastest = min(self._all(), key=self._estimate)
        return min((self._whole, fastest), key=self._trials.latency)

    def _path(self, begin: Alphas) -> list[Alphas]:
        """The networks on the way back from one: those than which none is faster and loses less,
        by estimate, and of some of these by their own latency.

        What the whole network loses is divided among its resolutions as they lose less if they are
        plain. At the smaller alpha, each loses as much less as the whole network does.
        """
        loss = self._trials.loss
        lost = loss(self._whole)
        if lost <= 0:
            return [begin]
        self.parts = [
            part._replace(loss=lost - loss(self._one[part.place, 0.0])) for part in self.parts
        ]
        weights = {part.place: max(part.loss or 0.0, _LITTLE * lost) for part in self.parts}
        smaller = loss(self._with(ALPHAS[1], self._places)) / lost
        shares = dict(zip(ALPHAS, (1.0, smaller, 0.0)))

        def estimated(alphas: Alphas) -> float:
            return sum(weights[place] * shares[alphas[place]] for place in self._places)

        known = [(self._estimate(each), estimated(each), each) for each in self._all()]
        some = spread(best(known), TIMED)
        self._trials.time(some)
        return best([(self._trials.latency(each), estimated(each), each) for each in some])


def best(known: Iterable[tuple[float, float, Alphas]]) -> list[Alphas]:
    """Of networks with their latency and loss those than which none is faster and loses less, the
    fastest first; without those that are slower than the vanilla one."""
    found: list[Alphas] = []
    least = float("inf")
    for ms, loss, alphas in sorted(known):
        if ms < 1 and loss < least:
            found.append(alphas)
            least = loss
    return found


def spread(networks: Sequence[Alphas], count: int) -> list[Alphas]:
    """So many networks, at most, of a list; in its order, the first and the last among them."""
    if len(networks) <= count:
        return list(networks)
    last = len(networks) - 1
    return [networks[last * place // (count - 1)] for place in range(count)]


def nearest(steps: Sequence[Alphas], holds: Callable[[Alphas], bool]) -> int:
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


def shown(alphas: Alphas, strides: Sequence[int]) -> str:
    """A network in words, such as "0.5 at 1/4, 0.25 at 1/8"."""
    parts = [f"{alpha:g} at 1/{each}" for alpha, each in zip(alphas, strides) if alpha]
    return ", ".join(parts) or "vanilla"
