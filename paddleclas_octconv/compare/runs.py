"""Runs one training of a comparison: train, export, predict, and that in each format; each once.

What was done is kept in ``state.json`` of the run's folder. An interrupted training goes on from
its newest whole checkpoint, whose weights are exported in the end: those of the last epoch, which
no evaluation has chosen.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from pathlib import Path
from typing import IO, Any, Callable

from ..checkpoints import whole as checkpoints
from ..common import machine, start
from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import write_atomically
from ..common.locks import hold
from ..common.say import say
from ..deploy import export
from ..run import launch, process, training
from ..run.job import create_job
from ..run.watched import DONE, TRAIN
from . import octavized
from .formats import prepare
from .memory import PeakMemory
from .planned import OCTAVIZE, Run, stage_of

STATE = "state.json"
LOG = "train.log"


class Failed(Exception):
    """A stage has failed; code: its exit code, log: where it has said why."""

    def __init__(self, run: Run, stage: str, code: int, log: Path) -> None:
        super().__init__(f"{run.name}: {stage} failed with exit code {code}: see {log}")
        self.code = code


def read_state(run: Run) -> dict[str, Any]:
    """What was done: {"seconds": {stage: …}, "segments": […], "peak_memory": bytes, …}."""
    state: dict[str, Any] = {"done": [], "seconds": {}, "segments": [], "peak_memory": 0}
    with contextlib.suppress(OctConvError):
        found = read_json(run.folder / STATE, "")
        state.update(found if isinstance(found, dict) else {})
    return state


def is_done(run: Run) -> bool:
    """Whether nothing is left to do of a run."""
    return set(run.stages) <= set(read_state(run)["done"])


def current_stage(run: Run) -> str:
    """What a run is at, or will be at next."""
    done = read_state(run)["done"]
    return next((stage for stage in run.stages if stage not in done), DONE)


def failure_of(run: Run) -> Failed | None:
    """The failure that a run has ended in; None where it has not."""
    failed = read_state(run).get("failed")
    if not failed:
        return None
    stage = failed["stage"]
    return Failed(run, stage, failed["code"], run.folder / f"{stage}.log")


def execute(run: Run, gpus: str | None) -> None:
    """Do what is left to do of a run; where another process is at it, once that has ended.

    Args:
        run: the run.
        gpus: numbers of GPUs to train on, one process each; None: one process.

    Raises:
        Failed: a stage has failed.
        KeyboardInterrupt: it was interrupted.
    """
    with hold(run.folder / ".lock"):
        formats = {stage_of(form): form for form in run.formats}
        for stage in run.stages:
            if stage in read_state(run)["done"]:
                continue
            if stage == TRAIN:
                _train(run, gpus)
            elif stage == OCTAVIZE:
                _call(run, stage, _octavize)
            elif stage == "export":
                _call(run, stage, _export)
            elif stage == "predict":
                _call(run, stage, _predict)
            else:
                engine, precision = formats[stage]
                _call(run, stage, functools.partial(_evaluate, engine, precision))
            state = read_state(run)
            state["done"].append(stage)
            _write(run, state)


def _train(run: Run, gpus: str | None) -> None:
    _count_killed(run)
    checkpoint, _ = checkpoints.newest(run.config)
    first_epoch = checkpoint.epoch + 1 if checkpoint else 1
    if first_epoch > run.config.epochs:
        return
    options = {"gpus": gpus, "log-dir": str(run.folder / "launch")} if gpus else {}

    def train(run: Run, output: IO[str]) -> int:
        config = octavized.config_to_train(run)
        job = create_job("train", config, output=output, options=options)
        return training.train(job, goes_on=True)

    state = read_state(run)
    segment = {"first_epoch": first_epoch, "began": time.time(), "machine": machine.in_words()}
    state["segments"].append(segment)
    state["training_since"] = segment["began"]
    _write(run, state)
    _call(run, "train", train)


def _count_killed(run: Run) -> None:
    """Add the time of a training that was killed: up to the last line that it logged."""
    state = read_state(run)
    since = state.pop("training_since", None)
    if since is not None:
        with contextlib.suppress(OSError):  # somebody has removed the log
            last = (run.folder / LOG).stat().st_mtime
            _add_seconds(state, "train", max(0.0, last - since))
        _write(run, state)


def _add_seconds(state: dict, stage: str, seconds: float) -> None:
    state["seconds"][stage] = state["seconds"].get(stage, 0.0) + seconds


def _octavize(run: Run, output: IO[str]) -> int:
    octavized.octavize(run)
    return 0


def _export(run: Run, output: IO[str]) -> int:
    config = run.config.changed({"Global.pretrained_model": octavized.weights_of(run)})
    job = create_job("export", config, output=output)
    formats = export.formats_of(None, export.is_quantized(job.config.sections))
    try:
        export.export(job.run, job.config.sections, formats, [job.trainer.root])
    except SystemExit as end:  # the exporter has said why
        return int(end.code or 0)
    return 0


def _evaluate(engine: str, precision: str, run: Run, output: IO[str]) -> int:
    """Count what the network gets right in a format, unless it cannot be had in it."""
    refused = prepare(run, engine, precision)
    if refused:
        say(f"{engine}, {precision}: {refused}", output)
        return 0
    return _predict(run, output, engine, precision)


def _predict(run: Run, output: IO[str], *form: str) -> int:
    command = start.command(f"{__package__}.predict", str(run.folder), *form)
    environ = launch.environment(run.config.device, {})
    return process.run(command, environ, output)


def _call(run: Run, stage: str, work: Callable[[Run, IO[str]], int]) -> None:
    """Do the work of a stage, its output added to the stage's log."""
    log = run.folder / f"{stage}.log"
    began = time.monotonic()
    memory = PeakMemory()
    state = read_state(run)
    state.pop("failed", None)
    _write(run, state)
    code = 0
    with log.open("a", encoding="utf-8") as output:
        try:
            with memory:
                code = work(run, output)
        except OctConvError as error:
            say(f"error: {error}", output)
            code = 2
        finally:
            state = read_state(run)
            if stage == run.making:
                state["peak_memory"] = max(state["peak_memory"], memory.bytes)
                state.pop("training_since", None)
            _add_seconds(state, stage, time.monotonic() - began)
            if code and code not in training.INTERRUPTED:
                state["failed"] = {"stage": stage, "code": code}
            _write(run, state)
    if code in training.INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise Failed(run, stage, code, log)


def _write(run: Run, state: dict) -> None:
    write_atomically(run.folder / STATE, (json.dumps(state, indent=2) + "\n").encode())
