"""At which resolutions a network becomes octave: searched where costs simply add up."""

from itertools import product
from types import SimpleNamespace

import pytest

from paddleclas_octconv.post_training import report, search
from paddleclas_octconv.post_training.evaluation import Score
from paddleclas_octconv.post_training.run import Result
from paddleclas_octconv.post_training.search import (
    ALPHAS,
    Measured,
    Part,
    Search,
    nearest,
    shown,
    spread,
)

WHOLE = (0.5, 0.5, 0.5, 0.5)


class Additive:
    """Four resolutions; each has its gain in time and its loss.

    At half the alpha it gains half as much, or what ``gains_less`` says, and loses a quarter. Each
    network that is octave anywhere pays ``overhead``, and ``join`` wherever an octave resolution
    follows a plain one or a plain one an octave one.
    """

    def __init__(self, gains, losses, overhead=0.0, factor=1.0, join=0.0, gains_less=0.5):
        self.gains, self.lost = gains, losses
        self.overhead, self.factor, self.join = overhead, factor, join
        self.gain_of = dict(zip(ALPHAS, (1.0, gains_less, 0.0)))
        self.solved = []

    def time(self, networks):
        pass

    def latency(self, alphas):
        gained = sum(gain * self.gain_of[alpha] for gain, alpha in zip(self.gains, alphas))
        joins = sum((one > 0) != (other > 0) for one, other in zip(alphas, alphas[1:]))
        return 1.0 - gained + self.overhead + self.join * joins

    def loss(self, alphas):
        return sum(loss * (alpha / 0.5) ** 2 for loss, alpha in zip(self.lost, alphas))

    def whole(self, alphas):
        self.solved.append(alphas)
        loss = self.loss(alphas)
        return Measured(alphas, self.latency(alphas), self.factor * loss, loss)

    def fastest(self, budget):
        """By trying all networks."""
        every = product(ALPHAS, repeat=4)
        return min(self.latency(each) for each in every if self.factor * self.loss(each) <= budget)


def searched(trials, budget):
    asked = Search(trials, WHOLE, budget)
    return asked, list(asked.candidates())


def test_what_loses_little_enough_is_octave_as_a_whole():
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
    assert searched(trials, 0.4)[1][0] == WHOLE
    assert trials.solved[0] == WHOLE


def test_what_costs_more_time_than_it_gains_is_plain_even_if_it_loses_nothing():
    trials = Additive((0.1, -0.05, 0.1, 0.1), (0.1, 0.0, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == (0.5, 0.0, 0.5, 0.5)
    trials = Additive((-0.03, -0.05, 0.1, 0.1), (0.1, 0.0, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == (0.0, 0.0, 0.5, 0.5)


def test_where_a_smaller_alpha_is_faster_it_is_taken_at_once():
    class Smaller(Additive):
        def latency(self, alphas):
            return super().latency(alphas) - 0.1 * (alphas[2] == 0.25)

    trials = Smaller((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == (0.5, 0.5, 0.25, 0.5)


def test_what_seems_to_cost_no_more_than_measuring_can_tell_stays_octave():
    trials = Additive((0.1, -0.01, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1))
    assert searched(trials, 1.0)[1][0] == WHOLE


@pytest.mark.parametrize("budget", [0.2, 0.45, 0.8])
@pytest.mark.parametrize("gains_less", [0.4, 0.5, 0.8])
@pytest.mark.parametrize(("timed", "short"), [(81, 1e-9), (search.TIMED, 0.02)])
def test_what_loses_most_for_what_it_gains_goes_first(
    budget, gains_less, timed, short, monkeypatch
):
    """As good as the best of all 81 networks, but for what lies between those that are timed."""
    monkeypatch.setattr(search, "TIMED", timed)
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02), gains_less=gains_less)
    _, found = searched(trials, budget)
    assert trials.loss(found[0]) <= budget
    assert trials.latency(found[0]) <= trials.fastest(budget) + short
    assert len(set(trials.solved)) <= 6  # found by halving


@pytest.mark.parametrize("budget", [0.2, 0.45, 0.8])
@pytest.mark.parametrize("join", [0.02, 0.05])
def test_what_stays_octave_hangs_together_where_joins_cost_time(budget, join):
    trials = Additive((0.08, 0.1, 0.1, 0.12), (0.1, 0.3, 0.12, 0.3), join=join, gains_less=0.2)
    _, found = searched(trials, budget)
    assert trials.loss(found[0]) <= budget
    assert trials.latency(found[0]) <= trials.fastest(budget) + 1e-9


def test_a_resolution_goes_back_to_a_smaller_alpha():
    """Half as much is gained for a quarter of the loss: better than to give one up."""
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.5, 0.5, 0.5, 0.5))
    _, (first, *_) = searched(trials, 1.0)
    assert sorted(first) == [0.25, 0.25, 0.25, 0.5]  # it loses 0.875


def test_networks_that_are_slower_are_no_candidates():
    asked, found = searched(Additive((0.1, 0.1, 0.1, 0.1), (0.1,) * 4, overhead=0.5), 1.0)
    assert found == [] and asked.gentlest() is None


def test_what_loses_more_on_all_images_is_followed_by_what_loses_less():
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    _, found = searched(trials, 0.45)
    losses = [trials.loss(each) for each in found]
    assert losses[0] <= 0.45 and losses[-1] < 0.1 and len(found) == len(set(found))


def test_the_gentlest_network_where_none_holds():
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.6, 0.5, 0.3, 0.2), factor=100.0)
    asked, found = searched(trials, 0.5)
    assert not any(100.0 * trials.loss(each) <= 0.5 for each in found)
    least = min(trials.loss(each) for each in trials.solved if trials.latency(each) < 1)
    assert trials.loss(asked.gentlest()) == least


def test_the_whole_network_is_the_gentlest_where_none_diverges():
    """A network that says what the vanilla one says, though it fails by its labels."""
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.0, 0.0, 0.0, 0.0))
    trials.whole = lambda alphas: Measured(alphas, trials.latency(alphas), 1.0, 0.0)
    asked, found = searched(trials, 0.5)
    assert found == [] and asked.gentlest() == WHOLE


def test_nothing_that_can_be_octave():
    trials = Additive((0.1,) * 4, (0.1,) * 4)
    asked = Search(trials, (0.0,) * 4, 1.0)
    assert list(asked.candidates()) == [] and asked.gentlest() is None


def test_one_resolution_alone():
    trials = Additive((0.1, 0.1, 0.1, 0.1), (0.5, 0.5, 0.5, 0.5))
    found = list(Search(trials, (0.0, 0.5, 0.0, 0.0), 0.2).candidates())
    assert found == [(0.0, 0.25, 0.0, 0.0)]


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 40])
def test_of_a_long_way_some_are_timed_and_both_ends(length):
    steps = [(index / 100,) for index in range(length)]
    some = spread(steps, 16)
    assert some == sorted(set(some)) and len(some) == min(length, 16)
    assert some[0] == steps[0] and some[-1] == steps[-1]


def test_what_turns_out_slower_than_estimated_is_not_tried():
    """Two resolutions that are plain cost more together than what was measured of each tells."""

    class Gapped(Additive):
        def latency(self, alphas):
            return super().latency(alphas) + 0.2 * (alphas == (0.5, 0.0, 0.0, 0.5))

    trials = Gapped((0.1, 0.02, 0.02, 0.1), (0.1, 0.6, 0.6, 0.1), gains_less=0.1)
    _, found = searched(trials, 0.25)
    assert trials.loss(found[0]) <= 0.25
    assert trials.latency(found[0]) <= trials.fastest(0.25) + 1e-9
    assert (0.5, 0.0, 0.0, 0.5) not in trials.solved


@pytest.mark.parametrize("holding", range(8))
def test_how_far_to_go_back_is_found_by_halving(holding):
    steps = [(index / 10,) for index in range(7)]
    tried = []

    def holds(alphas):
        tried.append(alphas)
        return steps.index(alphas) >= holding

    assert nearest(steps, holds) == holding
    assert len(tried) <= 3


def test_each_candidate_is_slower_than_those_before_it_and_loses_less():
    """No network is solved that another one beats in both, by what was measured."""
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    _, found = searched(trials, 0.2)
    latencies, losses = (list(map(each, found)) for each in (trials.latency, trials.loss))
    assert latencies == sorted(latencies) and losses == sorted(losses, reverse=True)
    assert len(found) > 3


def test_what_is_told_of_each_resolution():
    trials = Additive((0.05, 0.1, 0.15, 0.1), (0.6, 0.1, 0.3, 0.02))
    asked, _ = searched(trials, 0.2)
    for part, gain, loss in zip(asked.parts, trials.gains, trials.lost):
        assert [part.smaller, part.plain] == pytest.approx([gain / 2, gain])
        assert part.loss == pytest.approx(loss)
    assert [part.place for part in asked.parts] == [0, 1, 2, 3]


def test_what_is_plain_already_is_not_taken_back():
    asked = Search(Additive((0.1,) * 4, (0.1,) * 4), (0.0, 0.5, 0.5, 0.0), 0.0)
    found = list(asked.candidates())
    assert [part.place for part in asked.parts] == [1, 2]
    assert not any(each[0] or each[3] for each in [*found, *asked.measured])


def test_a_network_in_words():
    strides = (4, 8, 16)
    assert shown((0.5, 0.0, 0.25), strides) == "0.5 at 1/4, 0.25 at 1/16"
    assert shown((0.0, 0.0, 0.0), strides) == "vanilla"


@pytest.mark.parametrize("top1, measure", [(70.0, "top-1"), (None, "agreement")])
def test_the_page_of_a_search_has_what_was_measured(tmp_path, top1, measure):
    task = SimpleNamespace(vanilla={"name": "ResNet50"}, max_drop=6.0, engine="openvino")
    found = Result(
        arch={},
        is_octave=True,
        score=Score(200, 95.0, top1, 70.5, 0.02),
        vanilla_multiply_adds=10,
        multiply_adds=8,
        vanilla_ms=10.0,
        ms=8.0,
        strides=(4, 8),
        alphas=(0.5, 0.25),
    )
    tried = [Measured((0.5, 0.5), 0.5, 1.25, 0.0321), Measured((0.0, 0.25), 0.8, -0.5, 0.25)]
    report.write(tmp_path, task, found, tried, [Part(0, 0.0123, 0.045, 0.0071), Part(1, 0.02, 0.1)])
    page = (tmp_path / report.PAGE).read_text()
    assert page.startswith(f"# ResNet50, at most 6 points of {measure} lost\n")
    lost = "0.50" if top1 else "5.00"
    assert (
        f"Chosen: 0.5 at 1/4, 0.25 at 1/8. On the 200 images of the evaluation list it loses {lost}"
        " points; 10.00 ms become 8.00 ms (1.25x) in openvino"
    ) in page
    assert [line for line in page.splitlines() if line.startswith("| 0") or "1/8 |" in line] == [
        "| 0.5 at 1/4, 0.5 at 1/8 | 1.25 | 0.0321 | 2.00x |",
        "| 0.25 at 1/8 | -0.50 | 0.2500 | 1.25x |",
        "| 1/8 | 2.0% | 10.0% |  |",
    ]
    assert "| 1/4 | 1.2% | 4.5% | 0.0071 |" in page
    assert (tmp_path / report.PLOT).stat().st_size > 1000
