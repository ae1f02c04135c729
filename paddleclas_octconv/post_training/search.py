"""Which resolutions become octave, and how far: found by measuring. Needs no Paddle.

Each resolution is tried alone at each alpha: what it costs in accuracy, and what it gains in time.
From the vanilla network a path then leads through the networks, each step being the one that gains
most for what it loses. How far to go on it is measured on whole networks, since gains and losses
do not simply add up.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple, Sequence, Tuple

ALPHAS = (0.125, 0.25, 0.5)
_LEAST_LOSS = 1e-6  # nats; below, losses are rounding

#: A share of low channels for each resolution, the largest first.
Alphas = Tuple[float, ...]


class Measured(NamedTuple):
    """A network beside the vanilla one.

    Attributes:
        alphas: what it is.
        vanilla_ms, ms: latencies of the two, measured in turns.
        drop: points lost on held-out images of the training list.
        divergence: as in ``Score``.
    """

    alphas: Alphas
    vanilla_ms: float
    ms: float
    drop: float
    divergence: float

    @property
    def speed_up(self) -> float:
        """Over the vanilla network."""
        return self.vanilla_ms / self.ms

    @property
    def gain(self) -> float:
        """The share of the vanilla network's latency that is saved; below 0 where it is slower."""
        return 1.0 - self.ms / self.vanilla_ms


def alone(resolutions: int, index: int, alpha: float) -> Alphas:
    """One resolution octave, the others plain."""
    return tuple(alpha if place == index else 0.0 for place in range(resolutions))


def path(measured: Sequence[Measured]) -> list[Alphas]:
    """From one resolution at one alpha to all that gains, by the best gain for the least loss.

    Args:
        measured: each resolution alone, at each alpha at which it can be octave.

    Returns:
        Networks, each with one alpha more or a larger one than the one before. None of a step that
        gains nothing.
    """
    if not measured:
        return []
    found: dict[int, list[Measured]] = {}
    for each in measured:
        place = next(index for index, alpha in enumerate(each.alphas) if alpha)
        found.setdefault(place, []).append(each)
    state: dict[int, Measured] = {}
    steps: list[Alphas] = []
    while True:
        best: tuple[float, int, Measured] | None = None
        for place, options in found.items():
            now = state.get(place)
            for option in options:
                gain = option.gain - (now.gain if now else 0.0)
                loss = option.divergence - (now.divergence if now else 0.0)
                worth = gain / max(loss, _LEAST_LOSS)
                if gain > 0 and (best is None or worth > best[0]):
                    best = worth, place, option
        if best is None:
            return steps
        state[best[1]] = best[2]
        alphas = [0.0] * len(measured[0].alphas)
        for place, option in state.items():
            alphas[place] = option.alphas[place]
        steps.append(tuple(alphas))


def farthest(steps: Sequence[Alphas], holds: Callable[[Alphas], bool]) -> int:
    """The index of the last network on a path that holds, found by halving; -1 if none does."""
    low, high = -1, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(steps[middle]):
            low = middle
        else:
            high = middle
    return low


def in_turn(
    networks: Sequence[Alphas], measure: Callable[[Alphas], Measured], budget: float
) -> list[Alphas]:
    """Networks in the order in which to check them: those that lose no more than the budget on
    held-out images, the fastest first.

    Args:
        networks: some, which may be there twice.
        measure: measures one.
        budget: points that may be lost.
    """
    measured = [measure(alphas) for alphas in dict.fromkeys(networks)]
    holding = [each for each in measured if each.drop <= budget and each.gain > 0]
    return [each.alphas for each in sorted(holding, key=lambda each: -each.gain)]


def without_what_gains_nothing(alphas: Alphas, milliseconds: Callable[[Alphas], float]) -> Alphas:
    """A network whose resolutions all gain time in it: what does not is plain.

    Args:
        alphas: the network.
        milliseconds: the latency of a network, as a multiple of the vanilla one's.
    """
    for place in reversed(range(len(alphas))):
        without = tuple(0.0 if index == place else alpha for index, alpha in enumerate(alphas))
        if alphas[place] and any(without) and milliseconds(without) <= milliseconds(alphas):
            alphas = without
    return alphas


def shown(alphas: Sequence[float], strides: Sequence[int]) -> str:
    """A network in words, such as "0.5 at 1/4, 0.25 at 1/8"."""
    parts = [f"{alpha:g} at 1/{stride}" for alpha, stride in zip(alphas, strides) if alpha]
    return ", ".join(parts) or "vanilla"


def as_data(measured: Mapping[Alphas, Measured]) -> list[dict]:
    """All that was measured, for ``json.dump``."""
    return [{**each._asdict(), "alphas": list(each.alphas)} for each in measured.values()]
