"""``results.png``: what is drawn of a training, and that a training does not fail for it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from paddleclas_octconv.config import Config
from paddleclas_octconv.run import picture
from paddleclas_octconv.run.training_log import Curves

CURVES = Curves(
    train_accuracy=[(1, 0.5), (2, 0.6)],
    eval_accuracy=[(1, 0.25), (2, 0.75)],
    train_loss=[(1, 2.0), (2, 1.0)],
    learning_rate=[(0.0, 0.1), (1.5, 0.0)],
)
RESULTS = [
    {"epoch": 1, "values": {}, "confusion": [[1, 0], [1, 3]]},
    {"epoch": 2, "values": {}, "confusion": [[0, 1], [0, 4]]},
]


@pytest.fixture
def config(tmp_path) -> Config:
    labels = tmp_path / "labels.txt"
    labels.write_text("0 cat\n1 dog\n")
    post = {"name": "Topk", "topk": 1, "class_id_map_file": str(labels)}
    sections = {
        "Global": {"epochs": 2, "output_dir": str(tmp_path)},
        "Arch": {"name": "OctNet"},
        "Infer": {"PostProcess": post},
    }
    return Config(sections, tmp_path / "c.yaml")


@pytest.fixture
def drawn(monkeypatch, config, tmp_path):
    """Draws; the axes of the figure by their titles and labels."""

    def draw(results, epoch: int = 1, curves: Curves = CURVES):
        figures = []
        savefig = Figure.savefig
        monkeypatch.setattr(
            Figure, "savefig", lambda self, *a, **k: figures.append(self) or savefig(self, *a, **k)
        )
        file = picture.draw(tmp_path, config, curves, results, epoch)
        assert file == tmp_path / "results.png" and file.read_bytes()[:4] == b"\x89PNG"
        return {axes.get_ylabel(): axes for axes in figures[0].axes}

    return draw


def test_the_matrix_is_that_of_the_epoch_of_the_weights(drawn):
    axes = drawn(RESULTS, epoch=1)
    matrix = axes["true class"]
    assert matrix.get_title() == "evaluation after epoch 1"
    np.testing.assert_allclose(matrix.images[0].get_array(), [[100, 0], [25, 75]])
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["cat", "dog"]
    accuracy = {line.get_label(): line.get_xydata().tolist() for line in axes["accuracy"].lines}
    assert accuracy == {"evaluation": [[1, 0.25], [2, 0.75]], "training": [[1, 0.5], [2, 0.6]]}


def test_where_the_best_epoch_was_before_the_last_one_is_drawn_and_named(drawn):
    assert drawn(RESULTS[1:], epoch=1)["true class"].get_title() == "evaluation after epoch 2"


def test_without_evaluations_there_are_curves_alone(drawn):
    several = [{"epoch": 1, "values": {}, "confusion": None}]
    for results in ([], several):
        assert set(drawn(results)) == {"accuracy", "loss", "learning rate"}


def test_a_label_map_that_is_gone_leaves_numbers(drawn, config):
    config.sections["Infer"]["PostProcess"]["class_id_map_file"] = "nowhere.txt"
    matrix = drawn(RESULTS)["true class"]
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["0", "1"]
