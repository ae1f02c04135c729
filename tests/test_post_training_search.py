"""Which resolutions become octave: the path of best gain for least loss, and how far it goes."""

import pytest

from paddleclas_octconv.post_training import search
from paddleclas_octconv.post_training.search import Measured


def measured(alphas, gain, divergence, drop=0.0):
    """A network that saves this share of 10 ms."""
    return Measured(alphas, 10.0, 10.0 * (1 - gain), drop, divergence)


# Two resolutions; the second is the cheaper one to make octave, and at 0.5 the first gains nothing
# over 0.25.
SINGLES = [
    measured((0.25, 0.0), 0.10, 0.2),
    measured((0.5, 0.0), 0.10, 0.9),
    measured((0.0, 0.25), 0.10, 0.1),
    measured((0.0, 0.5), 0.15, 0.4),
]


def test_a_path_takes_the_best_gain_for_the_least_loss():
    # 0.10 / 0.1 first, then 0.10 / 0.2, then 0.05 more for 0.3 more; the last gains nothing.
    assert search.path(SINGLES) == [(0.0, 0.25), (0.25, 0.25), (0.25, 0.5)]


def test_what_is_slower_is_on_no_path():
    slower = [measured((0.25, 0.0), -0.1, 0.0), measured((0.5, 0.0), 0.0, 0.0)]
    assert search.path(slower) == []
    assert search.path([]) == []
    assert search.path([*slower, measured((0.0, 0.25), 0.2, 0.3)]) == [(0.0, 0.25)]


@pytest.mark.parametrize("holding", range(-1, 7))
def test_how_far_to_go_is_found_by_halving(holding):
    steps = [(index / 10,) for index in range(7)]
    tried = []

    def holds(alphas):
        tried.append(alphas)
        return steps.index(alphas) <= holding

    assert search.farthest(steps, holds) == min(holding, 6)
    assert len(tried) <= 3


def test_networks_are_checked_from_the_fastest_on():
    known = {
        (0.25, 0.25): measured((0.25, 0.25), 0.2, 0.0, drop=0.4),
        (0.5, 0.5): measured((0.5, 0.5), 0.5, 0.0, drop=3.0),
        (0.0, 0.5): measured((0.0, 0.5), 0.3, 0.0, drop=0.5),
        (0.125, 0.0): measured((0.125, 0.0), -0.1, 0.0, drop=0.0),
    }
    assert search.in_turn([*known, *known], known.__getitem__, 0.5) == [(0.0, 0.5), (0.25, 0.25)]


def test_a_resolution_that_gains_nothing_in_the_whole_is_plain():
    # The second costs time beside the first, though not alone.
    latency = {(0.5, 0.25): 0.8, (0.5, 0.0): 0.7, (0.0, 0.25): 0.9}
    assert search.without_what_gains_nothing((0.5, 0.25), latency.__getitem__) == (0.5, 0.0)
    latency[0.5, 0.0] = 0.85
    assert search.without_what_gains_nothing((0.5, 0.25), latency.__getitem__) == (0.5, 0.25)


def test_a_network_in_words():
    assert search.shown((0.5, 0.0, 0.125), (4, 8, 16)) == "0.5 at 1/4, 0.125 at 1/16"
    assert search.shown((0.0,), (4,)) == "vanilla"
