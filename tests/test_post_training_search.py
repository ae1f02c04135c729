"""Which parts of a network become octave: the search, on networks whose costs simply add up."""

from itertools import product

import pytest

from paddleclas_octconv.post_training.search import (
    Measured,
    Move,
    Search,
    Setting,
    nearest,
    parts,
    shown,
    spread,
)

BLOCKS = {"a.*": 0, "b.*": 0, "c.*": 1, "d.*": 1}
MOVES = [Move(None, name) for name in BLOCKS]
WHOLE = Setting((0.5, 0.5))


class Additive:
    """Two resolutions of two blocks each; every block has its gain in time and its loss.

    At half the alpha a block gains half as much and loses a quarter. Each network that is octave
    anywhere pays ``overhead``, and ``join`` wherever an octave block follows a plain one or a plain
    one an octave one.
    """

    def __init__(self, gains, losses, overhead=0.0, factor=1.0, join=0.0):
        self.gains, self.lost = gains, losses
        self.overhead, self.factor, self.join = overhead, factor, join
        self.solved = []

    def shares(self, setting):
        return [
            0.0 if name in setting.plain else setting.alphas[place] / 0.5
            for name, place in BLOCKS.items()
        ]

    def time(self, settings):
        pass

    def latency(self, setting):
        gains = (gain * share for gain, share in zip(self.gains, self.shares(setting)))
        octave = [share > 0 for share in self.shares(setting)]
        joins = sum(one != other for one, other in zip(octave, octave[1:]))
        return 1.0 - sum(gains) + self.overhead + self.join * joins

    def loss(self, setting):
        return sum(loss * share**2 for loss, share in zip(self.lost, self.shares(setting)))

    def whole(self, setting):
        self.solved.append(setting)
        loss = self.loss(setting)
        return Measured(setting, self.latency(setting), self.factor * loss, loss)

    def fastest(self, budget):
        """By trying all networks of whole blocks."""
        every = (
            Setting((0.5, 0.5), tuple(name for name, is_plain in zip(BLOCKS, each) if is_plain))
            for each in product((False, True), repeat=4)
        )
        return min(self.latency(each) for each in every if self.factor * self.loss(each) <= budget)


def searched(trials, budget):
    search = Search(trials, WHOLE, MOVES, budget)
    return search, list(search.candidates())


def test_what_loses_little_enough_is_octave_as_a_whole():
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
    assert searched(trials, 0.4)[1][0] == WHOLE
    assert trials.solved[0] == WHOLE


def test_what_costs_more_time_than_it_gains_is_plain_even_if_it_loses_nothing():
    trials = Additive((0.1, -0.05, 0.1, 0.1), (0.1, 0.0, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == Setting((0.5, 0.5), ("b.*",))
    trials = Additive((-0.03, -0.05, 0.1, 0.1), (0.1, 0.0, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == Setting((0.5, 0.5), ("a.*", "b.*"))


def test_what_seems_to_cost_no_more_than_measuring_can_tell_stays_octave():
    trials = Additive((0.1, -0.01, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == WHOLE


@pytest.mark.parametrize("budget", [0.2, 0.45, 0.8])
def test_a_block_that_loses_most_for_what_it_gains_goes_first(budget):
    """As good as the best of all sixteen networks of whole blocks."""
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    _, found = searched(trials, budget)
    assert trials.loss(found[0]) <= budget
    assert trials.latency(found[0]) <= trials.fastest(budget) + 1e-9
    assert len(set(trials.solved)) <= 6  # found by halving


@pytest.mark.parametrize("budget", [0.2, 0.45, 0.8])
@pytest.mark.parametrize("join", [0.02, 0.05])
def test_what_stays_octave_hangs_together_where_joins_cost_time(budget, join):
    trials = Additive((0.08, 0.1, 0.1, 0.12), (0.1, 0.3, 0.12, 0.3), join=join)
    _, found = searched(trials, budget)
    assert trials.loss(found[0]) <= budget
    assert trials.latency(found[0]) <= trials.fastest(budget) + 1e-9


def test_a_network_goes_back_to_a_smaller_alpha():
    """Half as much is gained for a quarter of the loss: better than to give up two blocks."""
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.5, 0.5, 0.5, 0.5))
    assert searched(trials, 0.6)[1][0] == Setting((0.25, 0.25))


def test_networks_that_are_slower_are_no_candidates():
    search, found = searched(Additive((0.1, 0.1, 0.1, 0.1), (0.1,) * 4, overhead=0.5), 1.0)
    assert found == [] and search.gentlest() is None


def test_what_loses_more_on_all_images_is_followed_by_what_loses_less():
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    _, found = searched(trials, 0.45)
    losses = [trials.loss(each) for each in found]
    assert losses[0] <= 0.45 and losses[-1] < 0.1 and len(found) == len(set(found))


def test_the_gentlest_network_where_none_holds():
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.6, 0.5, 0.3, 0.2), factor=100.0)
    search, found = searched(trials, 0.5)
    assert not any(100.0 * trials.loss(each) <= 0.5 for each in found)
    least = min(trials.loss(each) for each in trials.solved if trials.latency(each) < 1)
    assert trials.loss(search.gentlest()) == least


def test_nothing_that_can_be_octave():
    trials = Additive((0.1,) * 4, (0.1,) * 4)
    search = Search(trials, Setting((0.0, 0.0)), MOVES, 1.0)
    assert list(search.candidates()) == [] and search.gentlest() is None


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 40])
def test_of_a_long_way_some_are_timed_and_both_ends(length):
    steps = [Setting((index / 100,)) for index in range(length)]
    some = spread(steps, 16)
    assert some == sorted(set(some)) and len(some) == min(length, 16)
    assert some[0] == steps[0] and some[-1] == steps[-1]


def test_what_turns_out_slower_than_estimated_is_not_tried():
    """A gap costs more in the middle than what was measured at the ends tells."""

    class Gapped(Additive):
        def latency(self, setting):
            octave = [share > 0 for share in self.shares(setting)]
            return super().latency(setting) + 0.2 * (octave == [True, False, True, True])

    trials = Gapped((0.1, 0.1, 0.1, 0.1), (0.1, 0.6, 0.1, 0.1))
    _, found = searched(trials, 0.35)
    assert trials.loss(found[0]) <= 0.35
    assert trials.latency(found[0]) <= trials.fastest(0.35) + 1e-9
    assert not any(each.plain == ("b.*",) for each in trials.solved)


@pytest.mark.parametrize("holding", range(8))
def test_how_far_to_go_back_is_found_by_halving(holding):
    steps = [Setting((index / 10,)) for index in range(7)]
    tried = []

    def holds(setting):
        tried.append(setting)
        return steps.index(setting) >= holding

    assert nearest(steps, holds) == holding
    assert len(tried) <= 3


def test_each_candidate_is_slower_than_those_before_it_and_loses_less():
    """No network is solved that another one beats in both, by what parts gain and lose."""
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    _, found = searched(trials, 0.2)
    latencies, losses = (list(map(each, found)) for each in (trials.latency, trials.loss))
    assert latencies == sorted(latencies) and losses == sorted(losses, reverse=True)
    assert len(found) > 3 and {max(each.alphas) for each in found} > {0.25}


@pytest.mark.parametrize(
    ("resolutions", "expected"),
    [
        ([["stem.1.conv", "blocks.0.a", "blocks.0.b"], ["blocks.0.c", "blocks.1.a"]],
         ["stem.1.*", "blocks.0.*", "blocks.1.*"]),
        ([["conv", "last"]], ["conv", "last"]),
        ([["conv1"], ["stages.0.conv"]], ["conv1", "stages.0.*"]),
        ([[f"stages.{index // 10}.{index}.conv" for index in range(40)]],
         [f"stages.{index}.*" for index in range(4)]),
    ],
)  # fmt: skip
def test_blocks_are_told_apart_by_the_names_of_their_convolutions(resolutions, expected):
    assert parts(resolutions) == [Move(None, pattern) for pattern in expected]


def test_where_names_tell_of_no_blocks_the_resolutions_are_the_parts():
    resolutions = [[f"features.{index}.conv" for index in range(some, 40, 2)] for some in (0, 1)]
    assert parts(resolutions) == [Move(0), Move(1)]
    assert parts([]) == []


def test_what_is_plain_already_is_not_taken_back():
    search = Search(Additive((0.1,) * 4, (0.1,) * 4), Setting((0.0, 0.5)), MOVES, 0.0)
    next(search.candidates(), None)
    assert [part.move for part in search.parts] == MOVES


def test_a_network_in_words():
    strides = (4, 8, 16)
    assert shown(Setting((0.5, 0.0, 0.125)), strides) == "0.5 at 1/4, 0.125 at 1/16"
    assert shown(Setting((0.5, 0.0, 0.0), ("a.*",)), strides) == "0.5 at 1/4, a.* plain"
    assert shown(Setting((0.0, 0.0, 0.0)), strides) == "vanilla"
    assert Move(1).shown(strides) == "1/8 plain"
    assert Move(None, "a.*").shown(strides) == "a.* plain"
