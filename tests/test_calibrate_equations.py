"""Least squares from normal equations, against least squares of the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest

from paddleclas_octconv.calibrate.equations import FIRST, JUDGED, RIDGES, Equations

PROBLEMS, UNKNOWNS, SAMPLES = 2, 9, 30


def drawn(scale, noise, outputs, seed, free=1, samples=SAMPLES):
    """Samples in two halves, and two starts; the second is nearer to what the targets are made of.

    Args:
        scale: how far the first start is from that.
        noise: standard deviation of what is added to the targets.
    """
    rng = np.random.default_rng(seed)
    shape = [PROBLEMS, UNKNOWNS, outputs]
    true = rng.normal(size=shape)
    starts = [true + share * scale * rng.normal(size=shape) for share in (2, 1)]
    halves = []
    for _ in range(2):
        rows = rng.normal(size=[PROBLEMS, samples, UNKNOWNS]) * np.linspace(0.3, 2, UNKNOWNS)
        if free:
            rows[:, :, -free:] = 1  # as of a bias
        # Outputs of different size are as important as each other.
        targets = rows @ true + noise * rng.normal(size=[PROBLEMS, samples, outputs])
        halves.append((rows, targets * np.geomspace(0.1, 10, outputs)))
    return halves, [start * np.geomspace(0.1, 10, outputs) for start in starts]


def nearest(rows, targets, start, ridge, held):
    """The least squares of one problem by its rows, held near a start by a penalty."""
    penalty = np.zeros(UNKNOWNS)
    penalty[:held] = ridge * np.square(rows[:, :held]).sum(0).mean()
    stacked = np.vstack([rows, np.diag(np.sqrt(penalty))])
    rest = np.vstack([targets - rows @ start, np.zeros([UNKNOWNS, targets.shape[1]])])
    return start + np.linalg.lstsq(stacked, rest, rcond=None)[0]


def lost(halves, solutions, power, some=slice(None)):
    """The squared error of samples, as a share of the squared targets of each output."""
    errors = sum(np.square(rows @ solutions - targets).sum(1) for rows, targets in halves)
    return (errors / power)[:, some].sum()


def by_rows(halves, starts, free):
    """The solution by its definition, and the index of the ridge; None where the start is kept."""
    held = UNKNOWNS - free
    power = sum(np.square(targets).sum(1) for _, targets in halves)
    start = min(starts, key=lambda each: lost(halves, each, power))
    first, second = halves

    def solved(rows, targets, ridge):
        each = [nearest(*problem, ridge, held) for problem in zip(rows, targets, start)]
        return np.stack(each)

    some = slice(None, None, -(-targets_of(halves) // JUDGED))
    errors = [lost([second], solved(*first, ridge), power, some) for ridge in RIDGES]
    best = int(np.argmin(errors))
    # From one to the next as long as that is better: there is one valley.
    assert all(np.diff(errors)[:best] < 0) and all(np.diff(errors)[best:] > 0)
    if errors[best] >= lost([second], start, power, some):
        return start, None
    return solved(*(np.concatenate(each, axis=1) for each in zip(*halves)), RIDGES[best]), best


def targets_of(halves):
    return halves[0][1].shape[2]


@pytest.mark.parametrize(
    "scale, noise, ridge",
    [(2, 0.05, 0), (1, 1, FIRST), (0.5, 1, 2), (0.3, 1.5, 3), (0.1, 1, 4), (0, 1, None)],
)
@pytest.mark.parametrize("outputs, free", [(5, 1), (5, 0), (2 * JUDGED + 1, 1)])
@pytest.mark.parametrize("order", [1, -1])
def test_solutions_are_those_of_the_rows(scale, noise, ridge, outputs, free, order):
    halves, starts = drawn(scale, noise, outputs, seed=25, free=free)
    expected, chosen = by_rows(halves, starts, free)
    assert chosen == ridge
    problem = Equations(PROBLEMS, UNKNOWNS, outputs, free)
    for half, (rows, targets) in enumerate(halves):
        for part in (slice(None, 11), slice(11, None)):  # piece by piece
            problem.add(rows[:, part], targets[:, part], half)
    np.testing.assert_allclose(problem.solve(starts[::order]), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("samples", [2, 3, 4, 5])  # of each half: four are fewer than unknowns
@pytest.mark.parametrize("free", [0, 1])
def test_few_samples_give_what_many_do(samples, free):
    chosen = set()
    for seed in range(8):
        halves, starts = drawn(1, 0.3, 5, seed, free, samples)
        expected, ridge = by_rows(halves, starts, free)
        chosen.add(ridge)
        problem = Equations(PROBLEMS, UNKNOWNS, 5, free)
        for half, samples_of_half in enumerate(halves):
            problem.add(*samples_of_half, half)
        np.testing.assert_allclose(problem.solve(starts), expected, rtol=1e-8, atol=1e-9)
    assert chosen - {None}


def test_of_equally_good_starts_the_first_is_taken():
    problem = Equations(1, 3, 2)
    rows = np.zeros([1, 4, 3])  # they say nothing
    problem.add(rows, np.ones([1, 4, 2]), 0)
    starts = [np.full([1, 3, 2], value) for value in (1.0, 2.0)]
    np.testing.assert_array_equal(problem.solve(starts), starts[0])
    problem.add(rows, np.full([1, 4, 2], np.nan), 1)
    np.testing.assert_array_equal(problem.solve(starts), starts[0])
