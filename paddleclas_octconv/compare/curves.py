"""The curves of the runs of a comparison, one over the other in VisualDL."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..run.training_log import Curves, read_curves
from .planned import Run
from .runs import LOG


def read(run: Run) -> Curves:
    """Read the curves of a run, put together from all the times it was started."""
    return read_curves([run.folder / LOG])


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
