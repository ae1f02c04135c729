"""The curves of a run, also of one that was interrupted, and VisualDL's overlay of all."""

from __future__ import annotations

import pytest
from visualdl import LogReader

from paddleclas_octconv.compare import curves
from paddleclas_octconv.compare.planned import Run
from paddleclas_octconv.compare.results import spread
from paddleclas_octconv.config import Config

STEPS = 4  # an epoch


@pytest.fixture
def run(tmp_path) -> Run:
    config = Config({"Global": {"epochs": 3}}, tmp_path / "config.yaml")
    return Run("OctNet", "OctNet", 0, config, tmp_path, STEPS, 8, 4)


def test_the_curves_are_those_of_all_times_it_was_started(run):
    epoch = "[Train][Epoch {0}/3][Avg]top1: {1}, loss: 2.0\n[Eval][Epoch {0}][Avg]top1: {2}\n"
    (run.folder / "train.log").write_text(
        epoch.format(1, 0.25, 0.125)
        + "[Train][Epoch 2/3][Iter: 2/4]lr(Constant): 0.1, top1: 0.9, loss: 1.0\n"
        + "[Train][Epoch 2/3][Iter: 0/4]lr(Constant): 0.1, top1: 0.1, loss: 1.0\n"
        + epoch.format(2, 0.5, 0.375)
    )
    read = curves.read(run)
    assert read.train_accuracy == [(1, 0.25), (2, 0.5)]
    assert read.eval_accuracy == [(1, 0.125), (2, 0.375)]
    assert read.learning_rate == [(1.0, 0.1)]


def test_the_overlay_has_one_run_by_epochs_under_the_model_s_name(run, tmp_path):
    read = curves.Curves(train_accuracy=[(1, 0.25), (2, 0.5)], eval_accuracy=[(2, 0.75)])
    for _ in range(2):  # written anew each time
        curves.overlay(run, read, tmp_path / "visualdl")
    (file,) = (tmp_path / "visualdl" / "OctNet").iterdir()
    reader = LogReader(file_path=str(file))
    points = {
        tag: [(r.id, r.value) for r in reader.get_data("scalar", tag)]
        for tag in ("accuracy/train", "accuracy/eval")
    }
    assert points == {"accuracy/train": [(1, 0.25), (2, 0.5)], "accuracy/eval": [(2, 0.75)]}


def test_spread():
    assert spread([0.5]) == {"mean": 0.5, "spread": None, "count": 1}
    assert spread([1.0, 2.0, 3.0]) == {"mean": 2.0, "spread": 1.0, "count": 3}
    assert spread([None, 2.0]) == {"mean": 2.0, "spread": None, "count": 1}
    assert spread([None]) is None
