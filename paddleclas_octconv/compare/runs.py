"""Runs one training of a comparison: train, export, predict; each done once.

What was done is kept in ``state.json`` of the run's folder. An interrupted training goes on from
its newest whole checkpoint, whose weights are exported in the end: those of the last epoch, which
no evaluation has chosen.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from filelock import FileLock

from ..checkpoints import whole as checkpoints
from ..common.files import write_atomically
from ..run import launch, process
from .monitor import Monitor, Progress
from .plan import Run

STAGES = ("train", "export", "predict")
STATE = "state.json"
PREDICTIONS = "predictions.json"


class Failed(Exception):
    """A stage has failed; code: its exit code, log: where it has said why."""

    def __init__(self, run: Run, stage: str, code: int, log: Path) -> None:
        super().__init__(f"{run.name}: {stage} failed with exit code {code}: see {log}")
        self.code = code


def read_state(run: Run) -> dict[str, Any]:
    """What was done: {"seconds": {stage: …}, "segments": […], "peak_memory": bytes, …}."""
    try:
        return json.loads((run.folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"done": [], "seconds": {}, "segments": [], "peak_memory": 0}


def is_done(run: Run) -> bool:
    return read_state(run)["done"] == list(STAGES)


def execute(run: Run, gpus: str | None, show: Callable[[Progress], None]) -> None:
    """Do what is left to do of a run; where another process is at it, once that has ended.

    show: is told now and then how far the training is.

    Raises:
        Failed: a stage has failed.
        KeyboardInterrupt: it was interrupted.
    """
    with FileLock(str(run.folder / ".lock")):
        _execute(run, gpus, show)


def _execute(run: Run, gpus: str | None, show: Callable[[Progress], None]) -> None:
    for stage in STAGES:
        if stage in read_state(run)["done"]:
            continue
        if stage == "train":
            _train(run, gpus, show)
        elif stage == "export":
            last, _ = checkpoints.newest(run.config)
            _call(run, stage, _cli(run, "export", f"Global.pretrained_model={last.prefix}"))
        else:
            command = [sys.executable, "-m", f"{__package__}.predict", str(run.folder)]
            _call(run, stage, command)
        state = read_state(run)
        state["done"].append(stage)
        _write(run, state)


def _train(run: Run, gpus: str | None, show: Callable[[Progress], None]) -> None:
    checkpoint, _ = checkpoints.newest(run.config)
    first_epoch = checkpoint.epoch + 1 if checkpoint else 1
    if first_epoch > run.epochs:
        return
    command = [*_cli(run, "train"), "--resume"]
    if gpus:
        command += ["--gpus", gpus, "--log-dir", str(run.folder / "launch")]
    state = read_state(run)
    state["segments"].append({"first_epoch": first_epoch, "began": time.time()})
    _write(run, state)
    _call(run, "train", command, Monitor(run, first_epoch, show))


def _cli(run: Run, mode: str, *overrides: str) -> list[str]:
    command = [sys.executable, "-m", "paddleclas_octconv", mode, "-c", str(run.config_file)]
    return command + [word for override in overrides for word in ("-o", override)]


def _call(run: Run, stage: str, command: Sequence[str], monitor: Monitor | None = None) -> None:
    """Run a stage in a process of its own, its output added to the stage's log."""
    log = run.folder / f"{stage}.log"
    environ = launch.environment(run.config["Global"]["device"], {})
    parent = str(Path(__file__).resolve().parents[2])  # where this package is, installed or not
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (environ.get("PYTHONPATH"), parent)))
    began = time.monotonic()
    with log.open("a", encoding="utf-8") as output:
        if monitor:
            monitor.start(log, output.tell())
        try:
            code = process.run(command, environ, output)
        finally:
            state = read_state(run)
            if monitor:
                monitor.stop()
                state["peak_memory"] = max(state["peak_memory"], monitor.peak_memory)
            spent = time.monotonic() - began
            state["seconds"][stage] = state["seconds"].get(stage, 0.0) + spent
            _write(run, state)
    if code in (130, 143):
        raise KeyboardInterrupt
    if code:
        raise Failed(run, stage, code, log)


def _write(run: Run, state: dict) -> None:
    write_atomically(run.folder / STATE, (json.dumps(state, indent=2) + "\n").encode())
