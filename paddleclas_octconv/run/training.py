"""A job that trains: alone in its output folder, from where the run in there stands."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import time
from pathlib import Path
from typing import Callable, Iterator, List

from ..checkpoints import resume, whole
from ..common.alone import alone_in
from ..common.errors import traceback_wanted
from ..common.say import described, say
from ..config import Config
from ..config.dotted import get
from ..weights import TRUST_VARIABLE
from . import estimate, launch
from .display import Display
from .job import Job
from .training_log import TrainingLog, read_curves
from .watched import Watched

# Exit codes of a training that the user has stopped.
INTERRUPTED = [128 + getattr(signal, name, 0) for name in ("SIGINT", "SIGTERM", "SIGHUP")]

Words = Callable[[str], List[str]]


def train(job: Job, goes_on: bool, words: Words | None = None) -> int:
    """Train, unless all epochs are done, and say what has come of it.

    Args:
        job: in the mode "train".
        goes_on: whether the run goes on with what its output folder holds.
        words: the command line of "train", to go on, of "eval" and "export"; None: no command is
            named.

    Returns:
        The exit code; 128 + n after signal n.

    Raises:
        OctConvError: the output folder holds another run, or one that is still going on.
    """
    # Several machines share the folder; the first of them guards it.
    guards = launch.machines(job.options) == 1 or job.options.get("rank") == "0"
    with alone_in(job.config.output_dir, "Global.output_dir", "training", guards):
        with _trusting(job.trust_weights):
            plan = resume.plan_training(job.config, goes_on)
        if plan.done:
            where = f"{job.config.output_dir}: all {job.config.epochs} epochs are done"
            how = "--epochs" if words else "Global.epochs"
            say(f"{where}; {how} sets their number", job.output)
            return 0
        is_for_people = guards and job.output is None
        if is_for_people and not job.verbose:
            job.display = _display(job, goes_on)
        began = time.monotonic()
        code = job.run(resume=plan.goes_on)
        lines = conclusion(job.config, code, time.monotonic() - began, words)
        if is_for_people and code == 0:
            lines[1:1] = _picture(job)
    for line in lines if guards else ():
        say(line, job.output)
    return code


def _display(job: Job, goes_on: bool) -> Display:
    """What shows how far a training is: by its log, wherever that version of PaddleClas has it."""
    log = TrainingLog(_logs(job.config), only_new=not goes_on)
    world = launch.processes(job.options)
    name = job.config.network
    watched = Watched(name, name, job.config.epochs, log, world=world)
    # A launcher copies what its first process prints; that and a table would mix.
    return Display([watched], live=not job.options)


def _logs(config: Config) -> list[Path]:
    return [folder / "train.log" for folder in whole.folders(config)]


def _picture(job: Job) -> list[str]:
    """Draw what a training has come to; what there is to say of it."""
    weights = whole.best(job.config) or whole.newest(job.config)[0]
    logs = [path for path in _logs(job.config) if path.is_file()]
    curves = read_curves(sorted(logs, key=lambda path: path.stat().st_mtime)[-1:])
    if weights is None or not curves.train_loss:
        return []
    from . import picture

    try:
        drawn = picture.draw(weights.prefix.parent, job.config, curves, job.results, weights.epoch)
    except Exception as error:  # of whatever kind: what is trained is trained
        if traceback_wanted():
            raise
        return [f"warning: {picture.NAME} cannot be drawn: {described(error)}"]
    matrix = any(result.get("confusion") for result in job.results)
    return [f"its curves{', and what it takes for what' * matrix}: {drawn}"]


def warn_of_cpu(job: Job, config_file: str, is_asked_for: bool) -> None:
    """Warn of a training that takes long on this machine's CPU; the arguments are those of
    ``estimate.check_cpu``.

    Raises:
        OctConvError: a recipe for GPUs would take very long, or more memory than there is.
    """
    if job.options:
        return
    warning = estimate.check_cpu(job.config, config_file, is_asked_for)
    if warning:
        say(f"warning: {warning}", job.output)


@contextlib.contextmanager
def _trusting(wanted: bool) -> Iterator[None]:
    """Let checkpoints count that can run code, if that is wanted; here none of it is run."""
    before = os.environ.get(TRUST_VARIABLE)
    if wanted:
        os.environ[TRUST_VARIABLE] = "1"
    try:
        yield
    finally:
        if wanted and before is None:
            del os.environ[TRUST_VARIABLE]


def conclusion(config: Config, code: int, seconds: float, words: Words | None) -> list[str]:
    """What has come of a training, and what comes next, in lines for the user.

    Args:
        config: of the training.
        code: its exit code.
        seconds: how long it took.
        words: as of ``train``.
    """
    epochs = config.epochs
    if code in INTERRUPTED:
        newest, _ = whole.newest(config)
        if newest is None:
            return ["interrupted before the first checkpoint: there is nothing to resume from"]
        again = shlex.join(words("train")) if words else "--resume"
        return [f"interrupted; {newest.epoch} of {epochs} epochs are kept, {again} goes on"]
    if code:
        return []
    lines = []
    best = whole.best(config)
    if best is None:
        newest, _ = whole.newest(config)
        found = f": {newest.prefix}.pdparams" if newest else ""
        lines.append(
            f"trained for {_duration(seconds)}; no evaluation has chosen a best epoch{found}"
        )
    else:
        lines.append(
            f"trained for {_duration(seconds)}; best {_metric_name(config)} {best.metric:.4f}, of "
            f"epoch {best.epoch} of {epochs}: {best.prefix}.pdparams"
        )
    if words:
        lines.append(f"next: {shlex.join(words('export' if best else 'eval'))}")
    return lines


def _metric_name(config: Config) -> str:
    """What the metric is that chooses the best epoch: the first of the evaluation."""
    metrics = config.at("Metric.Eval") or [None]
    topk = get(metrics[0], "TopkAcc.topk")
    first = topk[0] if isinstance(topk, (list, tuple)) and topk else topk
    if not first:
        return next(iter(metrics[0] or {}), "metric")
    return "accuracy" if first == 1 else f"top-{first} accuracy"


def _duration(seconds: float) -> str:
    """Seconds as a person says them: "41 s", "12 min 5 s", "3 h 20 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
