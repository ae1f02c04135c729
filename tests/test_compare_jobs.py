"""The order in which the runs of a comparison are taken, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Callable

import psutil
import pytest
from runs import alive

from paddleclas_octconv.common import machine
from paddleclas_octconv.compare import jobs
from paddleclas_octconv.compare.planned import Run
from paddleclas_octconv.config import Config
from paddleclas_octconv.run.watched import DONE

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


def finish(run: Run) -> None:
    state = {"done": ["train", "export", "predict"], "seconds": {}, "segments": []}
    (run.folder / "state.json").write_text(json.dumps(state))


def test_a_run_is_watched_by_its_log_and_its_state(runs):
    (runs[0].folder / "train.log").write_text("[Train][Epoch 2/12][Iter: 5/10]top1: 0.25\n")
    watched = jobs.watched(runs[0])
    watched.look()
    assert watched.row()[:4] == [NAMES[0], "train", "1.5/12", "0.2500"]
    finish(runs[0])
    assert watched.row()[1] == DONE


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
from paddleclas_octconv.compare.planned import Run
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
