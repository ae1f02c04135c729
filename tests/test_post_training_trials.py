"""Networks that a search tries: each is measured once, beside the vanilla one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from paddleclas_octconv.post_training.evaluation import Predictions
from paddleclas_octconv.post_training.images import Images
from paddleclas_octconv.post_training.trials import AT_ONCE, ROUGHLY, TRYING, Trials

STRIDES = (4, 8, 16)
VANILLA_MS = 20.0
NOTHING = (0.0, 0.0, 0.0)


class Machine:
    """Stands for ``Exports``: networks whose latency and predictions follow from their alphas; one
    map cannot be octave, by default that at 1/16."""

    def __init__(self) -> None:
        self.never = 2
        self.timed: list[list] = []
        self.solved: list[tuple] = []
        self.now: list = []

    @staticmethod
    def ms(alphas: list) -> float:
        return VANILLA_MS - 8 * alphas[0] - 4 * alphas[1]

    def can_be(self, arch: dict) -> bool:
        return any(alpha for place, alpha in enumerate(arch["alpha"]) if place != self.never)

    def draft(self, archs) -> None:
        self.drafted = [arch["alpha"] for _, arch in archs]

    def time(self, labels, repeats):
        assert len(labels) == len(self.drafted)
        self.timed.append(self.drafted)
        times = [VANILLA_MS, *map(self.ms, self.drafted)]
        return [SimpleNamespace(median_ms=ms) for ms in times]

    def solve(self, arch, images, progress) -> None:
        self.solved.append((arch["alpha"], images))
        self.now = arch["alpha"]

    def export(self, label) -> None:
        pass

    def loss(self, arch, images, progress) -> float:
        assert images == ROUGHLY
        progress(3, 7)
        return sum(arch["alpha"])

    def ask(self, label, images, progress) -> Predictions:
        """The vanilla network is right everywhere; others are not on the first images."""
        if label == "vanilla":
            self.right = np.array(images.labels)
        classes = self.right.copy()
        if label != "vanilla":
            classes[: round(4 * sum(self.now))] = 0
        return Predictions(list(range(len(classes))), np.eye(3, dtype=np.float32)[classes % 3])


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def told() -> list[tuple]:
    return []


@pytest.fixture
def trials(machine, tmp_path, told):
    """Makes trials of ResNet50, whose measured values are kept in one file."""

    def make(images: int = 200, labels: tuple[int, ...] = (1, 2)) -> Trials:
        arch = {"name": "ResNet50", "class_num": 3}
        task = SimpleNamespace(vanilla=arch, shape=[3, 64, 64], images=images)
        evaluated = Images([Path("a.png")] * 8, [*labels] * 4)
        file = tmp_path / "search.json"
        return Trials(task, machine, evaluated, STRIDES, lambda *said: told.append(said), file)

    return make


def test_a_latency_is_a_share_of_the_vanilla_one(trials, machine):
    found = trials()
    assert found.latency((0.5, 0.0, 0.0)) == pytest.approx(0.8)
    assert found.latency((0.5, 0.5, 0.0)) == pytest.approx(0.7)
    assert found.latency(NOTHING) == found.latency((0.0, 0.0, 0.5)) == 1
    assert machine.timed == [[[0.5, 0.0, 0.0]], [[0.5, 0.5, 0.0]]]


def test_each_network_is_timed_once_some_beside_each_other(trials, machine):
    found = trials()
    networks = [(0.5 * place / 10, 0.25, 0.0) for place in range(10)]
    found.time([*networks, NOTHING, networks[0]])
    assert [len(each) for each in machine.timed] == [AT_ONCE, 2]
    assert [tuple(each) for some in machine.timed for each in some] == networks
    again = trials()  # as after a run that was killed
    for alphas in networks:
        assert again.latency(alphas) == pytest.approx(machine.ms(alphas) / VANILLA_MS)
    assert len(machine.timed) == 2


@pytest.mark.parametrize("images, used", [(100, 100), (TRYING + 1, TRYING)])
def test_a_whole_network_is_solved_and_judged_once(trials, machine, images, used):
    found = trials(images)
    alphas = (0.5, 0.25, 0.0)
    measured = found.whole(alphas)
    assert measured.alphas == alphas and measured.latency == pytest.approx(0.75)
    assert measured.drop == 100 * 3 / 8 and measured.divergence > 1
    assert trials(images).whole(alphas) == measured
    assert machine.solved == [(list(alphas), used)]
    assert found.whole(NOTHING)[1:] == (1, 0, 0) and len(machine.solved) == 1


def test_without_labels_that_fit_what_differs_is_lost(trials):
    """Of three classes there is no sixth."""
    assert trials(labels=(1, 5)).whole((0.5, 0.25, 0.0)).drop == 100 * 3 / 8


def test_what_is_lost_roughly(trials, told):
    assert trials().loss((0.5, 0.25, 0.0)) == 0.75
    what = "trying 0.5 at 1/4, 0.25 at 1/8"
    assert told[-2:] == [(what,), (what, 3, 7)]
    assert trials().loss(NOTHING) == 0


@pytest.mark.parametrize("never", range(3))
def test_everything_is_what_can_be_octave_alone(trials, machine, never):
    machine.never = never
    assert trials().everything() == tuple(0.5 * (place != never) for place in range(3))


def test_a_network_has_an_alpha_for_each_resolution(trials):
    """As the octave network by hand has not."""
    arch = trials().arch((0.5, 0.25, 0.0))
    assert arch == {
        **{"name": "Octave", "backbone": {"name": "ResNet50"}, "class_num": 3},
        **{"alpha": [0.5, 0.25, 0.0], "input_size": 64, "keep_stride": True},
    }
