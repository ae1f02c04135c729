"""Curves from VisualDL's logs, also of a run that was interrupted."""

from __future__ import annotations

import json
import os

import pytest
from visualdl import LogReader, LogWriter

from paddleclas_octconv.compare import curves
from paddleclas_octconv.compare.plan import Run
from paddleclas_octconv.compare.results import spread
from paddleclas_octconv.config import Config

STEPS = 4  # an epoch


@pytest.fixture
def run(tmp_path) -> Run:
    config = Config({"Global": {"epochs": 3}}, tmp_path / "config.yaml")
    return Run("OctNet", "OctNet", 0, config, tmp_path, STEPS, 8, 4)


def log(run: Run, began: int, train: dict, evaluated: dict) -> None:
    """Write what PaddleClas writes: train accuracy by step from 1, eval accuracy by epoch."""
    folder = run.folder / "output" / "vdl"
    before = set(folder.glob("*"))
    with LogWriter(logdir=str(folder)) as writer:
        for step, value in train.items():
            writer.add_scalar("train_top1", step=step, value=value)
            writer.add_scalar("lr(Constant)", step=step, value=0.1)
        for epoch, value in evaluated.items():
            writer.add_scalar("eval_acc", step=epoch, value=value)
    (new,) = set(folder.glob("*")) - before
    os.rename(new, folder / f"vdlrecords.{began}.log")


def segments(run: Run, *pairs: tuple) -> None:
    state = {"segments": [{"first_epoch": first, "began": began} for first, began in pairs]}
    (run.folder / "state.json").write_text(json.dumps({"done": [], "seconds": {}, **state}))


def test_the_mean_of_an_epoch_is_that_at_its_last_step(run):
    segments(run, (1, 100.5))
    log(run, 101, {1: 0.0, 4: 0.25, 5: 0.9, 8: 0.5}, {1: 0.125, 2: 0.375})
    read = curves.read(run)
    assert read.train_accuracy == [(1, 0.25), (2, 0.5)]
    assert read.eval_accuracy == [(1, 0.125), (2, 0.375)]
    epochs, rates = zip(*read.learning_rate)
    assert epochs == (0, 0.75, 1, 1.75)
    assert rates == pytest.approx([0.1] * 4)


def test_an_interrupted_run_goes_on_at_its_epoch(run):
    segments(run, (1, 100), (2, 200), (3, 300))
    log(run, 102, {4: 0.25, 8: 0.375}, {1: 0.125, 2: 0.25})
    # The second start left no log; the third trains epoch 3. Steps count from 1 again.
    log(run, 301, {4: 0.75}, {3: 0.625})
    read = curves.read(run)
    assert read.train_accuracy == [(1, 0.25), (2, 0.375), (3, 0.75)]
    assert read.eval_accuracy == [(1, 0.125), (2, 0.25), (3, 0.625)]


def test_what_is_trained_again_counts_as_trained_last(run):
    segments(run, (1, 100), (2, 200))
    log(run, 102, {4: 0.25, 8: 0.375}, {1: 0.125, 2: 0.25})
    log(run, 201, {4: 0.5}, {2: 0.75})
    read = curves.read(run)
    assert read.train_accuracy == [(1, 0.25), (2, 0.5)]
    assert read.eval_accuracy == [(1, 0.125), (2, 0.75)]


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
