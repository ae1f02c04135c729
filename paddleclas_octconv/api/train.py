"""``train``: a network on a config's images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..checkpoints import whole
from ..config.recipe import Recipe
from ..run import training
from . import jobs

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .jobs import ProcessOptions


@dataclass(frozen=True)
class Trained:
    """What a training has left.

    Attributes:
        folder: of its weights and logs (``Global.output_dir``).
        weights: the ``.pdparams`` file of the best epoch; where no evaluation has chosen one, that
            of the last.
        metric: what the evaluation gave that chose it, the first of ``Metric.Eval``: top-1 from 0
            to 1 in most configs; None where there was none.
        epoch: the epoch of these weights.
        epochs: how many are done.
    """

    folder: Path
    weights: Path
    metric: float | None
    epoch: int
    epochs: int


def train(
    config: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    image_size: int | None = None,
    lr: float | None = None,
    patience: int | None = None,
    device: str | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    allow_non_finite_loss: bool = False,
    **options: Unpack[ProcessOptions],
) -> Trained:
    """Train a network, as ``paddleclas train`` does; in a process of its own.

    Args:
        config: a YAML file, such as ``prepare`` writes, or the name of a shipped config.
        epochs: to train.
        batch_size: images a step, of all data.
        image_size: side of the network's input, in pixels.
        lr: the highest learning rate of the schedule.
        patience: stop after so many evaluations without a better metric.
        device: "cpu", "gpu", …
        output: the folder of the training.
        resume: go on from the newest whole checkpoint in that folder.
        allow_non_finite_loss: keep training when the loss is not finite.
        **options: see ``api.jobs.ProcessOptions``.

    Raises:
        OctConvError: something is missing or malformed, the folder holds another run, or the
            training has failed.
    """
    recipe = Recipe(
        epochs=epochs,
        batch_size=batch_size,
        image_size=image_size,
        lr=lr,
        patience=patience,
        device=device,
        output=jobs.text(output),
    )
    job = jobs.job_of("train", config, recipe, options)
    job.allow_non_finite_loss = allow_non_finite_loss
    training.warn_of_cpu(job, os.fspath(config), is_asked_for=device == "cpu")
    jobs.demand_success(job, training.train(job, resume))
    newest, _ = whole.newest(job.config)
    best = whole.best(job.config)
    chosen = best or newest
    assert chosen is not None and newest is not None  # it has ended well
    return Trained(
        Path(job.config.output_dir),
        Path(f"{chosen.prefix}.pdparams"),
        best.metric if best else None,
        chosen.epoch,
        newest.epoch,
    )
