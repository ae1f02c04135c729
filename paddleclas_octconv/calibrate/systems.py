"""The same least squares in two forms: as large as the unknowns, or as the samples.

Each holds ``problems`` that are solved apart, and the two halves of their samples.
"""

from __future__ import annotations

from functools import cached_property
from typing import Callable, Tuple

import numpy as np
import scipy.linalg

Halves = Tuple[int, ...]
FIRST_HALF: Halves = (0,)
SECOND_HALF: Halves = (1,)
ALL: Halves = (0, 1)

Solver = Callable[[np.ndarray], np.ndarray]


class ByUnknowns:
    """Normal equations, which samples are added to piece by piece.

    Args:
        gram: [2, problems, unknowns, unknowns], of the halves.
        moments: [2, problems, unknowns, outputs].
        held: how many unknowns, the first ones, are held near zero.
    """

    def __init__(self, gram: np.ndarray, moments: np.ndarray, held: int) -> None:
        self.gram, self.moments, self._held = gram, moments, held

    def add(self, rows: np.ndarray, targets: np.ndarray, half: int) -> None:
        """Add samples: rows [problems, samples, unknowns], targets [problems, samples, outputs]."""
        for problem, (x, y) in enumerate(zip(rows, targets)):
            self.gram[half, problem] += x.T @ x
            self.moments[half, problem] += x.T @ y

    def beyond(self, start: np.ndarray) -> ByUnknowns:
        """The system of what is to be added to a start."""
        with np.errstate(all="ignore"):
            return ByUnknowns(self.gram, self.moments - self.gram @ start, self._held)

    def finite(self) -> ByUnknowns:
        """The system with zeros in the problems that are not finite."""
        good = np.isfinite(self.gram).all((0, 2, 3)) & np.isfinite(self.moments).all((0, 2, 3))
        if good.all():
            return self
        known = good[:, None, None]
        gram, moments = (np.where(known, each, 0) for each in (self.gram, self.moments))
        return ByUnknowns(gram, moments, self._held)

    def raised(self, change: np.ndarray, halves: Halves, some: slice) -> np.ndarray:
        """By how much a change raises the squared error [problems, outputs] of samples."""
        gram, moments = self._sums(halves)
        return ((gram @ change - 2 * moments[:, :, some]) * change).sum(1)

    def change(self, ridge: float, halves: Halves, some: slice) -> np.ndarray:
        """The solution [problems, unknowns, outputs] of samples, held near zero."""
        gram, moments = self._sums(halves)
        moments = moments[:, :, some]
        change = np.zeros_like(moments)
        for problem, (own, wanted) in enumerate(zip(gram, moments)):
            mean = np.diagonal(own)[: self._held].mean()
            solve = _held(own, ridge * mean, self._held)
            if solve is not None:
                change[problem] = _finite(solve(wanted))
        return change

    def _sums(self, halves: Halves) -> tuple[np.ndarray, np.ndarray]:
        if len(halves) == 1:
            return self.gram[halves[0]], self.moments[halves[0]]
        return self._sums_of_all

    @cached_property
    def _sums_of_all(self) -> tuple[np.ndarray, np.ndarray]:
        """Once for all starts: what has them is ``beyond`` a start, and nothing is added to it."""
        return self.gram.sum(0), self.moments.sum(0)


class BySamples:
    """Few samples, as they are: with fewer of them than unknowns, solved many times as fast.

    The solution is a sum of the rows, by which they are what has to be found (the dual form of
    ridge regression).

    Args:
        rows: [problems, samples, unknowns].
        targets: [problems, samples, outputs].
        half: of each sample.
        held: how many unknowns, the first ones, are held near zero.
        products: [problems, samples, samples], of the rows, as far as they are held; computed
            where there are none yet.
    """

    def __init__(
        self,
        rows: np.ndarray,
        targets: np.ndarray,
        half: np.ndarray,
        held: int,
        products: np.ndarray | None = None,
    ) -> None:
        self._rows, self._targets, self._half, self._held = rows, targets, half, held
        if products is None:
            products = np.stack([x @ x.T for x in rows[:, :, :held]])
        self._products = products

    def beyond(self, start: np.ndarray) -> BySamples:
        """The system of what is to be added to a start."""
        with np.errstate(all="ignore"):
            targets = self._targets - self._rows @ start
        return BySamples(self._rows, targets, self._half, self._held, self._products)

    def finite(self) -> BySamples:
        """The system with zeros in the problems that are not finite."""
        good = np.isfinite(self._products).all((1, 2)) & np.isfinite(self._targets).all((1, 2))
        if good.all():
            return self
        known = good[:, None, None]
        rows, targets, products = (
            np.where(known, each, 0) for each in (self._rows, self._targets, self._products)
        )
        return BySamples(rows, targets, self._half, self._held, products)

    def raised(self, change: np.ndarray, halves: Halves, some: slice) -> np.ndarray:
        """By how much a change raises the squared error [problems, outputs] of samples."""
        chosen = np.isin(self._half, halves)
        given = self._rows[:, chosen] @ change
        return ((given - 2 * self._targets[:, chosen, some]) * given).sum(1)

    def change(self, ridge: float, halves: Halves, some: slice) -> np.ndarray:
        """The solution [problems, unknowns, outputs] of samples, held near zero."""
        chosen = np.flatnonzero(np.isin(self._half, halves))
        rows, targets = self._rows[:, chosen], self._targets[:, chosen, some]
        problems, samples, unknowns = rows.shape
        change = np.zeros([problems, unknowns, targets.shape[2]])
        for problem, (x, y) in enumerate(zip(rows, targets)):
            products = self._products[problem][np.ix_(chosen, chosen)]
            mean = np.trace(products) / self._held
            solve = _held(products, ridge * mean, samples)
            if solve is None:
                continue
            known, free = x[:, : self._held], x[:, self._held :]
            shares, offset = solve(y), np.zeros([free.shape[1], y.shape[1]])
            if free.size:  # not held: what is left is orthogonal to it
                of_free = solve(free)
                offset = np.linalg.lstsq(free.T @ of_free, free.T @ shares, rcond=None)[0]
                shares = shares - of_free @ offset
            change[problem] = _finite(np.concatenate([known.T @ shares, offset]))
        return change


def _held(matrix: np.ndarray, penalty: float, count: int) -> Solver | None:
    """What solves a symmetric matrix with a penalty on the first of its diagonal; None where it
    says nothing, or cannot be solved."""
    if not penalty > 0:  # rows of zeros
        return None
    held = matrix.copy()
    held.flat[: count * (len(matrix) + 1) : len(matrix) + 1] += penalty
    try:
        # Transposed, the symmetric matrix lies as LAPACK wants it: it is not copied again.
        factor = scipy.linalg.cho_factor(held.T, overwrite_a=True, check_finite=False)
    except scipy.linalg.LinAlgError:  # singular, or overflown
        return None
    return lambda wanted: scipy.linalg.cho_solve(factor, wanted, check_finite=False)


def _finite(found: np.ndarray) -> np.ndarray:
    """What was found; zeros, if it is not finite."""
    return np.where(np.isfinite(found).all(), found, 0)
