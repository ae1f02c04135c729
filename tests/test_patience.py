"""A training stops where its evaluations bring nothing better, and where a longer one would be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import error_line, run_here
from runs import newest_in

EPOCHS, PATIENCE = 14, 3


def evaluations(output: Path) -> dict[int, float]:
    """The metric of each epoch that was evaluated, as PaddleClas has logged it."""
    log = next(iter(output.rglob("train.log"))).read_text()
    found = re.findall(r"\[Eval\]\[Epoch (\d+)\]\[Avg\].*top1: ([\d.]+)", log)
    return {int(epoch): float(metric) for epoch, metric in found}


def stops_after(metrics: dict[int, float], patience: int) -> tuple[int, int]:
    """The epoch after which a run has had enough, and its best one; by their definition."""
    best, since = 0, 0
    for epoch, metric in metrics.items():
        better = not best or metric > metrics[best]
        best, since = (epoch, 0) if better else (best, since + 1)
        if since == patience:
            return epoch, best
    return max(metrics), best


def train(folder: Path, config: Path, *words: str, epochs: int = EPOCHS):
    command = ["train", "-c", config, "--epochs", epochs, "--lr", "0.00001"]
    return run_here(*command, *words, cwd=folder)


@pytest.fixture(scope="module")
def stopped(once, tiny_config, fetched_trainer) -> Path:
    """A folder with a run that has stopped early, and what it has said, ``stderr``."""

    def run(folder: Path) -> None:
        done = train(folder, tiny_config, "--patience", str(PATIENCE))
        assert done.returncode == 0, done.stderr
        (folder / "stderr").write_text(done.stderr)

    return once("stopped", run)


def test_it_stops_after_so_many_evaluations_without_a_better_one(stopped):
    metrics = evaluations(stopped / "output")
    last, best = stops_after(metrics, PATIENCE)
    assert list(metrics) == list(range(1, last + 1)) and last < EPOCHS
    assert newest_in(stopped / "output").epoch == last
    said = (stopped / "stderr").read_text()
    assert (
        f"stopped after epoch {last} of {EPOCHS}: {PATIENCE} evaluations have given no better "
        f"metric than that of epoch {best} (Global.patience: {PATIENCE})"
    ) in said
    assert f"best accuracy {metrics[best]:.4f}, of epoch {best} of {EPOCHS}: " in said
    assert "next: paddleclas export" in said and "patience" not in said.partition("next: ")[2]


def test_a_resumed_run_counts_on(stopped, tiny_config, tmp_path):
    last, best = stops_after(evaluations(stopped / "output"), PATIENCE)
    first = train(tmp_path, tiny_config, epochs=best + 1)
    assert first.returncode == 0, first.stderr
    resumed = train(tmp_path, tiny_config, "--resume", "--patience", str(PATIENCE))
    assert f"stopped after epoch {last} of" in resumed.stderr, resumed.stderr
    assert evaluations(tmp_path / "output") == evaluations(stopped / "output")
    again = train(tmp_path, tiny_config, "--resume", "--patience", str(PATIENCE))
    assert again.returncode == 0 and f"stopped after epoch {last} of" in again.stderr
    assert newest_in(tmp_path / "output").epoch == last


def test_all_ranks_stop_together(tiny_config, fetched_trainer, tmp_path):
    done = train(tmp_path, tiny_config, "--patience", "2", "--nproc-per-node", "2")
    assert done.returncode == 0, done.stderr
    last, best = stops_after(evaluations(tmp_path / "output"), 2)
    assert last < EPOCHS and newest_in(tmp_path / "output").epoch == last
    said = "".join(path.read_text() for path in (tmp_path / "log").glob("workerlog.*"))
    assert said.count(f"stopped after epoch {last} of") == 1  # the first rank's


@pytest.mark.parametrize(
    "words, told",
    [
        (["-o", "Global.eval_during_train=False"], "Global.patience: 2 counts evaluations"),
        (["--patience", "0"], "'0' should be a whole number from 1"),
    ],
)
def test_it_is_refused_where_it_counts_nothing(words, told, tiny_config, tmp_path):
    done = train(tmp_path, tiny_config, "--patience", "2", *words)
    assert done.returncode == 2 and told in error_line(done.stderr)
