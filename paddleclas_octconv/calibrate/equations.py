"""Least squares out of normal equations, which samples are added to piece by piece."""

from __future__ import annotations

import contextlib
from typing import Sequence

import numpy as np
import scipy.linalg

# Candidates, as a share of the mean of the diagonal; what says little asks for a large one.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
FIRST = 1  # the index of the one that is tried first
JUDGED = 64  # outputs on which one of them is chosen


class Equations:
    """A batch of independent least-squares problems: rows @ solution = targets.

    What is kept does not grow with the number of samples. Samples come in two halves, so that a
    solution of one can be judged on the other.

    Args:
        problems: how many; one for each group of a convolution.
        unknowns: of each.
        outputs: columns of targets of each, all with the same rows.
        free: how many unknowns, the last ones, are held near nothing: offsets.
    """

    def __init__(self, problems: int, unknowns: int, outputs: int, free: int = 0) -> None:
        self.held = unknowns - free
        self.gram = np.zeros([2, problems, unknowns, unknowns])
        self.moments = np.zeros([2, problems, unknowns, outputs])
        self.power = np.zeros([problems, outputs])

    def add(self, rows: np.ndarray, targets: np.ndarray, half: int) -> None:
        """Add samples: rows [problems, samples, unknowns], targets [problems, samples, outputs]."""
        for problem, (x, y) in enumerate(zip(rows, targets)):
            self.gram[half, problem] += x.T @ x
            self.moments[half, problem] += x.T @ y
        self.power += np.square(targets, dtype=np.float64).sum(1)

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
        gram, moments = self._finite(first)
        change = self._nearest(gram, moments, [0 * first, *(each - first for each in others)])
        moments = moments - gram @ change
        ridge = self._ridge(gram, moments)
        if ridge is not None:
            change = change + self._change(gram.sum(0), moments.sum(0), ridge)
        return first + change

    def _nearest(
        self, gram: np.ndarray, moments: np.ndarray, changes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The change with the least error on all samples."""
        sums, everything = (gram.sum(0), moments.sum(0)), slice(None)
        return min(changes, key=lambda change: self._error(*sums, change, everything))

    def _ridge(self, gram: np.ndarray, moments: np.ndarray) -> float | None:
        """The ridge with which the first half of the samples predicts the second half best; None
        where nothing is predicted better by any.

        From one ridge it goes on to the next as long as that is better.
        """
        some = slice(None, None, -(-moments.shape[3] // JUDGED))
        errors: dict[int, float] = {}

        def error(place: int) -> float:
            if place not in errors:
                change = self._change(gram[0], moments[0, :, :, some], RIDGES[place])
                errors[place] = self._error(gram[1], moments[1, :, :, some], change, some)
            return errors[place]

        place = min(FIRST, len(RIDGES) - 1)
        for step in (-1, 1):
            while 0 <= place + step < len(RIDGES) and error(place + step) < error(place):
                place += step
        return RIDGES[place] if error(place) < 0 else None

    def _finite(self, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The equations of what is to be added to ``start``; zeros where they are not finite."""
        with np.errstate(all="ignore"):
            moments = self.moments - self.gram @ start
        good = np.isfinite(self.gram).all((0, 2, 3)) & np.isfinite(moments).all((0, 2, 3))
        if good.all():
            return self.gram, moments
        known = good[:, None, None]
        return np.where(known, self.gram, 0), np.where(known, moments, 0)

    def _change(self, gram: np.ndarray, moments: np.ndarray, ridge: float) -> np.ndarray:
        """The solution of equations, held near zero."""
        change = np.zeros_like(moments)
        for problem, (own, wanted) in enumerate(zip(gram, moments)):
            mean = np.diagonal(own)[: self.held].mean()
            if not mean > 0:  # rows of zeros say nothing
                continue
            held = own.copy()
            held.flat[: self.held * (len(own) + 1) : len(own) + 1] += ridge * mean
            with contextlib.suppress(scipy.linalg.LinAlgError):  # singular, or overflown
                # Transposed, the symmetric matrix lies as LAPACK wants it: it is not copied again.
                factor = scipy.linalg.cho_factor(held.T, overwrite_a=True, check_finite=False)
                found = scipy.linalg.cho_solve(factor, wanted, check_finite=False)
                change[problem] = np.where(np.isfinite(found).all(), found, 0)
        return change

    def _error(
        self, gram: np.ndarray, moments: np.ndarray, change: np.ndarray, some: slice
    ) -> float:
        """By how much a change raises the squared error of samples, every output as important."""
        raised = ((gram @ change - 2 * moments) * change).sum(1)
        power = self.power[:, some]
        known = power > 0
        return float((raised[known] / power[known]).sum())
