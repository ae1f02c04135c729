"""Least squares, to which samples are added piece by piece."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np

from .systems import ALL, FIRST_HALF, SECOND_HALF, BySamples, ByUnknowns, Halves

# Candidates, as a share of the mean of the diagonal; what says little asks for a large one.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
FIRST = 1  # the index of the one that is tried first
JUDGED = 64  # outputs on which one of them is chosen

System = Union[BySamples, ByUnknowns]


class Equations:
    """A batch of independent least-squares problems: rows @ solution = targets.

    What is kept does not grow with the number of samples, once there are as many as unknowns.
    Samples come in two halves, so that a solution of one can be judged on the other.

    Args:
        problems: how many; one for each group of a convolution.
        unknowns: of each.
        outputs: columns of targets of each, all with the same rows.
        free: how many unknowns, the last ones, are held near nothing: offsets.
    """

    def __init__(self, problems: int, unknowns: int, outputs: int, free: int = 0) -> None:
        self._shape = (problems, unknowns, outputs)
        self._held = unknowns - free
        self._few: list[tuple[np.ndarray, np.ndarray, int]] = []
        self._many: ByUnknowns | None = None
        self._power = np.zeros([problems, outputs])

    def add(self, rows: np.ndarray, targets: np.ndarray, half: int) -> None:
        """Add samples: rows [problems, samples, unknowns], targets [problems, samples, outputs]."""
        problems, unknowns, outputs = self._shape
        self._power += np.square(targets, dtype=np.float64).sum(1)
        self._few.append((rows, targets, half))
        if self._many is None and sum(each.shape[1] for each, _, _ in self._few) > unknowns:
            gram = np.zeros([2, problems, unknowns, unknowns])
            moments = np.zeros([2, problems, unknowns, outputs])
            self._many = ByUnknowns(gram, moments, self._held)
        while self._many and self._few:
            self._many.add(*self._few.pop(0))

    def solve(self, starts: Sequence[np.ndarray]) -> np.ndarray:
        """The solution [problems, unknowns, outputs] of least squares, held near a start.

        It minimises |rows @ solution - targets|^2 + penalty |solution - start|^2, where the
        penalty is a ridge times the mean square of a column of the rows. The start is the one that
        comes nearest to the targets as it is. The ridge is the one with which the first half of
        the samples predicts the second half best; where the start predicts it better than any, as
        with too few samples, or nothing is finite, the start is returned.

        Args:
            starts: solutions to begin with; of equally good ones the first is taken.
        """
        first, *others = (np.asarray(each, np.float64) for each in starts)
        system = (self._many or self._by_samples()).beyond(first).finite()
        change = self._nearest(system, [0 * first, *(each - first for each in others)])
        system = system.beyond(change)
        ridge = self._ridge(system)
        if ridge is not None:
            change = change + system.change(ridge, ALL, slice(None))
        return first + change

    def _by_samples(self) -> BySamples:
        rows, targets, halves = zip(*self._few)
        half = np.repeat(halves, [each.shape[1] for each in rows])
        return BySamples(_joined(rows), _joined(targets), half, self._held)

    def _nearest(self, system: System, changes: Sequence[np.ndarray]) -> np.ndarray:
        """The change with the least error on all samples."""
        return min(changes, key=lambda change: self._error(system, change, ALL, slice(None)))

    def _ridge(self, system: System) -> float | None:
        """The ridge with which the first half of the samples predicts the second half best; None
        where nothing is predicted better by any.

        From one ridge it goes on to the next as long as that is better.
        """
        some = slice(None, None, -(-self._shape[2] // JUDGED))
        errors: dict[int, float] = {}

        def error(place: int) -> float:
            if place not in errors:
                change = system.change(RIDGES[place], FIRST_HALF, some)
                errors[place] = self._error(system, change, SECOND_HALF, some)
            return errors[place]

        place = min(FIRST, len(RIDGES) - 1)
        for step in (-1, 1):
            while 0 <= place + step < len(RIDGES) and error(place + step) < error(place):
                place += step
        return RIDGES[place] if error(place) < 0 else None

    def _error(
        self,
        system: System,
        change: np.ndarray,
        halves: Halves,
        some: slice,
    ) -> float:
        """By how much a change raises the squared error of samples, every output as important."""
        raised = system.raised(change, halves, some)
        power = self._power[:, some]
        known = power > 0
        return float((raised[known] / power[known]).sum())


def _joined(samples: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(samples, axis=1, dtype=np.float64)
