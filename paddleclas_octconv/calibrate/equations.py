"""Least squares out of normal equations, which samples are added to piece by piece."""

from __future__ import annotations

import numpy as np

# Candidates, as a share of the mean of the diagonal; infinite: the start stays as it is.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)


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

    def add(self, rows: np.ndarray, targets: np.ndarray, half: int) -> None:
        """Add samples: rows [problems, samples, unknowns], targets [problems, samples, outputs]."""
        for problem, (x, y) in enumerate(zip(rows, targets)):
            self.gram[half, problem] += x.T @ x
            self.moments[half, problem] += x.T @ y

    def solve(self, start: np.ndarray) -> np.ndarray:
        """The solution [problems, unknowns, outputs] of least squares, held near ``start``.

        It minimises |rows @ solution - targets|^2 + penalty |solution - start|^2, where the
        penalty is a ridge times the mean square of a column of the rows. Each output takes the one
        of ``RIDGES`` with which either half of the samples predicts the other best, or keeps
        ``start`` where that predicts best: where there are few samples, or no finite solution.
        """
        gram, moments = self.gram.sum(0), self.moments.sum(0)
        start = np.asarray(start, np.float64)
        solution, least = start, np.zeros([len(start), start.shape[2]])
        for ridge in RIDGES:
            error = np.zeros_like(least)
            for half in (0, 1):
                change = self._change(self.gram[half], self.moments[half], start, ridge)
                error += _gain(self.gram[1 - half], self.moments[1 - half], start, change)
            better = np.where(error < least)
            if better[0].size:
                change = self._change(gram, moments, start, ridge)
                is_finite = np.isfinite(change).all(axis=1)
                better = np.where((error < least) & is_finite)
                solution = solution.copy()
                solution[better[0], :, better[1]] = (start + change)[better[0], :, better[1]]
                least[better] = error[better]
        return solution

    def _change(
        self, gram: np.ndarray, moments: np.ndarray, start: np.ndarray, ridge: float
    ) -> np.ndarray:
        """What the solution differs from ``start`` by."""
        held = np.einsum("pii->pi", gram)[:, : self.held].mean(1)
        penalty = np.zeros(gram.shape[:2])
        penalty[:, : self.held] = ridge * held[:, None]
        # Rows that are all zero, or not finite, say nothing.
        silent = ~(held > 0) | ~np.isfinite(gram).all(axis=(1, 2))
        penalty[silent] = 1.0
        known = np.where(silent[:, None, None], 0.0, gram)
        with np.errstate(all="ignore"):
            rest = moments - gram @ start
            rest[silent] = 0.0
            known = known + penalty[:, :, None] * np.eye(gram.shape[1])
            try:
                return np.linalg.solve(known, rest)
            except np.linalg.LinAlgError:
                return np.zeros_like(rest)


def _gain(
    gram: np.ndarray, moments: np.ndarray, start: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """By how much a change raises the squared error of samples: [problems, outputs]."""
    with np.errstate(all="ignore"):
        return ((gram @ (2 * start + change) - 2 * moments) * change).sum(1)
