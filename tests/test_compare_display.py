"""What is shown while a comparison runs, and the order in which several runs are taken."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Callable

import psutil
import pytest
from rich.console import Console
from runs import alive

from paddleclas_octconv.common import machine
from paddleclas_octconv.compare import display, jobs
from paddleclas_octconv.compare.plan import Run
from paddleclas_octconv.compare.progress import DONE, Follower
from paddleclas_octconv.config import Config

NAMES = ("OctResNet50-alpha0.25-seed1", "OctResNet50-alpha0.25-seed2", "ResNet50-seed1")


@pytest.fixture
def runs(tmp_path) -> list[Run]:
    found = []
    for name in NAMES:
        folder = tmp_path / name
        folder.mkdir()
        config = Config({"Global": {"epochs": 12}}, folder / "config.yaml")
        found.append(Run(name, name.rpartition("-")[0], 1, config, folder, 10, 8, 4))
    return found


def log(run: Run, *lines: str) -> None:
    with (run.folder / "train.log").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def train(epoch: int, step: int, top1: float) -> str:
    return f"INFO: [Train][Epoch {epoch}/12][Iter: {step}/10]lr: 0.001, top1: {top1}, loss: 2.1"


def finish(run: Run) -> None:
    state = {"done": ["train", "export", "predict"], "seconds": {}, "segments": []}
    (run.folder / "state.json").write_text(json.dumps(state))


def test_a_run_is_followed_by_its_log(runs):
    follower = Follower(runs[0])
    assert follower.look().stage == "train"
    log(runs[0], train(2, 5, 0.25), "[Eval][Epoch 1][Avg]CELoss: 1.2, loss: 1.2, top1: 0.5")
    seen = follower.look()
    assert (seen.epochs, seen.train_accuracy, seen.eval_accuracy) == (1.5, 0.25, 0.5)
    log(runs[0], "[Train][Epoch 2/12][Avg]top1: 0.375, loss: 2.0")
    assert (follower.look().epochs, follower.look().train_accuracy) == (2, 0.375)
    finish(runs[0])
    assert follower.look().stage == DONE


def shown(view: display.Display, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view.render())
    return console.export_text().splitlines()


def test_the_table_has_a_row_a_run_in_80_columns(runs, monkeypatch):
    clock = iter(range(0, 100_000, 30))
    monkeypatch.setattr(display.time, "monotonic", lambda: float(next(clock)))
    view = display.Display(runs, jobs=2)
    log(runs[0], train(1, 5, 0.25))
    view.look(runs[:2])
    log(runs[0], train(2, 5, 0.5), "[Eval][Epoch 1][Avg]loss: 1.2, top1: 0.4375")
    view.look(runs[:2])
    lines = shown(view)
    assert max(map(len, lines)) <= 80
    first, second, third = lines[1:4]
    assert first.split()[:5] == [NAMES[0], "train", "1.5/12", "0.5000", "0.4375"]
    assert second.split()[:3] == [NAMES[1], "train", "0.0/12"]
    assert third.split()[:3] == [NAMES[2], "waiting", "0.0/12"]
    assert ":" in first.split()[-1] and lines[-1].startswith("all: ")
    finish(runs[0])
    view.look(runs[1:])
    lines = shown(view)
    assert lines[1].split()[1] == "done" and lines[3].split()[1] == "train"


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """What the clock of the display shows, in seconds."""
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def epoch(run: Run, number: int) -> None:
    log(run, f"[Train][Epoch {number}/12][Avg]top1: 0.375, loss: 2.0")


@pytest.mark.parametrize("jobs_at_once, told", [(2, 100.0), (1, 190.0)])
def test_the_time_for_all_is_that_of_jobs_side_by_side(runs, clock, jobs_at_once, told):
    view = display.Display(runs, jobs_at_once)
    view.look(runs)
    assert view.left() is None
    for run, done in zip(runs, (2, 6, 9)):  # at ten seconds an epoch: 100, 60 and 30 are left
        clock[0] = 10.0 * done
        epoch(run, done)
        view.look(runs)
    assert view.left() == told


def test_the_pace_of_what_is_trained_does_not_change_afterwards(runs, clock):
    view = display.Display(runs, jobs=1)
    view.look(runs[:1])
    for number in range(1, 13):  # ten seconds each
        clock[0] += 10.0
        epoch(runs[0], number)
        view.look(runs[:1])
    finish(runs[0])
    clock[0] += 1000.0
    view.look(runs[1:2])
    _, first, second, _, _ = shown(view)
    assert first.split()[1] == "done" and second.split()[-1] == "2:00"


def test_each_job_has_its_share_of_the_threads(monkeypatch):
    monkeypatch.setattr(machine, "cpu_count", lambda: 8)
    assert [jobs.threads_of(count) for count in (1, 2, 3, 16)] == [8, 4, 2, 1]


@pytest.fixture
def start(monkeypatch) -> Callable[..., list[str]]:
    """Has runs start a process that ends after a while, by their order with these exit codes."""
    begun: list[str] = []

    def each(*codes: int) -> list[str]:
        left = list(codes)

        def command(module, output, name, *gpus):
            begun.append(name)
            return [sys.executable, "-c", f"import time; time.sleep(0.4); exit({left.pop(0)})"]

        monkeypatch.setattr(jobs.start, "command", command)
        return begun

    return each


def test_two_run_at_once_and_the_next_begins_when_one_ends(runs, start, tmp_path):
    seen: list[int] = []
    begun = start(0, 0, 0)
    assert jobs.run_all(tmp_path, runs, 2, None, lambda at_work: seen.append(len(at_work))) == []
    assert begun == list(NAMES)
    assert max(seen) == 2 and seen[-1] == 0


def test_a_run_that_dies_is_told_and_the_others_go_on(runs, start, tmp_path):
    begun = start(3, 0, 0)
    (failure,) = jobs.run_all(tmp_path, runs, 2, None, lambda at_work: None)
    assert str(failure).startswith(f"{NAMES[0]}: the run failed with exit code 3: see ")
    assert begun == list(NAMES)


def test_a_signal_ends_all_of_them(runs, tmp_path):
    program = f"""
import sys
from pathlib import Path
from paddleclas_octconv.compare import jobs
from paddleclas_octconv.compare.plan import Run
jobs.start.command = lambda *arguments: [sys.executable, "-c", "import time; time.sleep(60)"]
runs = [Run(name, name, 1, {{}}, Path({str(tmp_path)!r}), 1, 1, 1) for name in "abc"]
try:
    looks = lambda at_work: len(at_work) == 2 and print("up", flush=True)
    jobs.run_all(Path({str(tmp_path)!r}), runs, 2, None, looks)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout.readline() == "up\n"
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    began = time.monotonic()
    parent.terminate()
    assert parent.communicate(timeout=40)[0].splitlines()[-1] == "interrupted"
    assert not any(map(alive, children))
    assert time.monotonic() - began < 30
