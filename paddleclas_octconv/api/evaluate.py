"""``evaluate``: a trained network on the images that its config evaluates on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.recipe import Recipe
from ..run.job import Job
from . import jobs

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .jobs import ProcessOptions


@dataclass(frozen=True)
class Evaluated:
    """The averages of an evaluation.

    Attributes:
        network: its name.
        weights: their path without ``.pdparams``; None: those that the network brings.
        values: by PaddleClas's names: ``{"loss": 0.3, "top1": 0.9, …}``.
    """

    network: str
    weights: str | None
    values: dict[str, float]

    @property
    def top1(self) -> float | None:
        """The share of images whose likeliest class is right; None where that is no metric."""
        return self.values.get("top1")


def evaluate(
    config: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    image_size: int | None = None,
    device: str | None = None,
    **options: Unpack[ProcessOptions],
) -> Evaluated:
    """Evaluate a trained network, as ``paddleclas eval`` does; in a process of its own.

    Args:
        config: that of the training.
        weights: a ``.pdparams`` file, or the folder of a training; by default the best of the
            config's own.
        batch_size, image_size, device: as of ``train``.
        **options: see ``api.jobs.ProcessOptions``.

    Raises:
        OctConvError: something is missing or malformed, or the evaluation has failed.
    """
    recipe = Recipe(
        weights=jobs.text(weights), batch_size=batch_size, image_size=image_size, device=device
    )
    job = jobs.job_of("eval", config, recipe, options)
    jobs.demand_success(job, job.run())
    return averages(job)


def averages(job: Job) -> Evaluated:
    """What a job has found that has evaluated; no values where PaddleClas has logged none."""
    found = [found["values"] for found in job.results if "values" in found]
    values = found[-1] if found else {}
    return Evaluated(job.config.network, job.config.pretrained_model, values)
