"""The curves of a training, read back from the logs that PaddleClas writes for VisualDL."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Iterator

from .plan import Run
from .runs import read_state

# Tags that PaddleClas gives; the EMA's accuracy is that of the weights it keeps.
_TRAIN_ACCURACY = ("train_top1", "train_AccuracyScore")
_TRAIN_LOSS = "train_loss"
_EVAL_LOSS = re.compile(r"\[Eval\]\[Epoch (\d+)\]\[Avg\].*?\bloss: ([0-9.]+)")
_EVAL_ACCURACY, _EVAL_ACCURACY_EMA = "eval_acc", "eval_acc_ema"


@dataclass
class Curves:
    """Pairs of (epoch, value); a fraction of an epoch for the learning rate.

    Attributes:
        train_accuracy, train_loss: means over the epoch, while it trained.
        eval_accuracy, eval_loss: after the epoch.
        learning_rate: by step.
    """

    train_accuracy: list = field(default_factory=list)
    train_loss: list = field(default_factory=list)
    eval_accuracy: list = field(default_factory=list)
    eval_loss: list = field(default_factory=list)
    learning_rate: list = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)


def read(run: Run) -> Curves:
    """Read the curves of a run, put together from all the times it was started."""
    curves: dict[str, dict[float, float]] = {name: {} for name in Curves().as_dict()}
    for first_epoch, log in _segments(run):
        scalars = _scalars(log)
        for points in curves.values():  # of what was trained again, the last time counts
            for epoch in [epoch for epoch in points if epoch > first_epoch - 1]:
                del points[epoch]
        for tag, values in scalars.items():
            if tag in (*_TRAIN_ACCURACY, _TRAIN_LOSS):
                name = "train_accuracy" if tag in _TRAIN_ACCURACY else "train_loss"
                # The running mean over the epoch so far: at its last step, over all of it.
                ends = {s: v for s, v in values if s % run.steps == 0}
                curves[name].update({first_epoch - 1 + s // run.steps: v for s, v in ends.items()})
            elif tag.startswith("lr("):
                curves["learning_rate"].update(
                    {first_epoch - 1 + (s - 1) / run.steps: v for s, v in values}
                )
        evaluated = scalars.get(_EVAL_ACCURACY_EMA) or scalars.get(_EVAL_ACCURACY) or []
        curves["eval_accuracy"].update(dict(evaluated))
    curves["eval_loss"] = _eval_losses(run)
    return Curves(**{name: sorted(points.items()) for name, points in curves.items()})


def _eval_losses(run: Run) -> dict[float, float]:
    """By epoch, from the text log: PaddleClas gives VisualDL no evaluation loss."""
    try:
        text = (run.folder / "train.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {float(epoch): float(loss) for epoch, loss in _EVAL_LOSS.findall(text)}


def overlay(run: Run, curves: Curves, folder: Path) -> None:
    """Write the curves as one VisualDL run, in ``<folder>/<run.name>``, by epochs."""
    from visualdl import LogWriter

    target = folder / run.name
    shutil.rmtree(target, ignore_errors=True)
    tags = {
        "accuracy/train": curves.train_accuracy,
        "accuracy/eval": curves.eval_accuracy,
        "train/loss": curves.train_loss,
        "eval/loss": curves.eval_loss,
    }
    with LogWriter(logdir=str(target), display_name=run.name) as writer:
        for tag, points in tags.items():
            for epoch, value in points:
                writer.add_scalar(tag=tag, step=int(epoch), value=value)
        for epoch, value in curves.learning_rate:
            step = round(epoch * run.steps)
            writer.add_scalar(tag="train/learning rate by step", step=step, value=value)


def _segments(run: Run) -> Iterator[tuple[int, Path]]:
    """The logs in the order in which they were begun, each with the epoch that it begins with."""
    segments = read_state(run)["segments"]
    logs = sorted((run.folder / "output" / "vdl").glob("vdlrecords.*.log"), key=_began)
    for log in logs:
        earlier = [s for s in segments if int(s["began"]) <= _began(log)]
        if earlier:
            yield earlier[-1]["first_epoch"], log


def _began(log: Path) -> int:
    """VisualDL names a log by the second in which it was begun."""
    return int(log.name.split(".")[1])


def _scalars(log: Path) -> dict[str, list[tuple[int, float]]]:
    from visualdl import LogReader

    reader = LogReader(file_path=str(log))
    return {
        tag: [(record.id, record.value) for record in reader.get_data("scalar", tag)]
        for tag in reader.get_tags().get("scalar", [])
    }
