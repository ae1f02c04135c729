"""Least squares out of normal equations, which samples are added to piece by piece."""

from __future__ import annotations

import contextlib

import numpy as np

RIDGE = 1e-3  # of the mean of the diagonal


class Equations:
    """A batch of independent least-squares problems: rows @ solution = targets.

    What is kept does not grow with the number of samples.

    Args:
        problems: how many; one for each group of a convolution.
        unknowns: of each.
        outputs: columns of targets of each, all with the same rows.
        free: how many unknowns, the last ones, are held near nothing: offsets.
    """

    def __init__(self, problems: int, unknowns: int, outputs: int, free: int = 0) -> None:
        self.held = unknowns - free
        self.gram = np.zeros([problems, unknowns, unknowns])
        self.moments = np.zeros([problems, unknowns, outputs])

    def add(self, rows: np.ndarray, targets: np.ndarray) -> None:
        """Add samples: rows [problems, samples, unknowns], targets [problems, samples, outputs]."""
        for gram, moments, x, y in zip(self.gram, self.moments, rows, targets):
            gram += x.T @ x
            moments += x.T @ y

    def solve(self, start: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
        """The solution [problems, unknowns, outputs] of least squares, held near ``start``.

        It minimises |rows @ solution - targets|^2 + penalty |solution - start|^2, where the
        penalty is ``ridge`` times the mean square of a column of the rows. A problem that has no
        finite solution, or no samples that say anything, keeps ``start``.
        """
        solution = np.array(start, dtype=np.float64)
        for gram, moments, each in zip(self.gram, self.moments, solution):
            diagonal = np.diag(gram)[: self.held]
            penalty = np.zeros(len(gram))
            penalty[: self.held] = ridge * diagonal.mean()
            if not diagonal.mean() > 0:  # nor where it is no number
                continue
            with contextlib.suppress(np.linalg.LinAlgError):
                change = np.linalg.solve(gram + np.diag(penalty), moments - gram @ each)
                if np.isfinite(change).all():
                    each += change
        return solution
