"""Where a training starts: at the newest whole checkpoint of its run, if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple

from ..common.errors import OctConvError
from ..config import Config
from . import manifest
from . import whole as checkpoints


class Start(NamedTuple):
    """Where a training process starts.

    Attributes:
        epoch: the last one that is done; 0: none.
        best_metric: that of the best model that is saved; None: there is none.
        checkpoint: the one to go on from, as ``Global.checkpoints`` names it; None: none.
    """

    epoch: int = 0
    best_metric: float | None = None
    checkpoint: str | None = None


class TrainingPlan(NamedTuple):
    """What a training is to do. goes_on: from the newest whole checkpoint; done: it is."""

    goes_on: bool
    done: bool = False


def start_of(config: Config, say: Callable[[str], None]) -> Start:
    """Where a training process starts that goes on with what its output folder holds.

    Raises:
        OctConvError: there are checkpoints, and none of them is whole.
    """
    found, passed_over = _newest(config)
    for message in passed_over:
        say(f"warning: {message}")
    if found is None:
        return Start()
    say(f"resuming from {found.prefix} (epoch {found.epoch} of {config.epochs} done)")
    return Start(found.epoch, checkpoints.best_metric(config), str(found.prefix))


def plan_training(config: Config, resume: bool) -> TrainingPlan:
    """Make an output folder ready for a training, before its processes start.

    Args:
        config: the whole config.
        resume: whether it goes on with what is in there.

    Raises:
        OctConvError: it is not to go on, and the folder holds another run; or it is, and none of
            the checkpoints is whole.
    """
    given = config.at("Global.checkpoints")
    if resume:
        for folder in checkpoints.folders(config):
            manifest.recover(folder)
        found, _ = _newest(config)
        return TrainingPlan(True, found is not None and found.epoch >= config.epochs)
    if given and Path(given).resolve() in [path.resolve() for path in checkpoints.prefixes(config)]:
        return TrainingPlan(False)  # PaddleClas's own way to go on
    checkpoints.refuse_another_run(config)
    return TrainingPlan(True)


def _newest(config: Config) -> tuple[checkpoints.Checkpoint | None, list[str]]:
    found, passed_over = checkpoints.newest(config)
    if found is None and passed_over:
        more = f" (and {len(passed_over) - 1} more)" if len(passed_over) > 1 else ""
        raise OctConvError(
            f"--resume: no checkpoint in {config.output_dir} is complete, and a run "
            f"from the start would overwrite them: {passed_over[0]}{more}; "
            f"-o Global.output_dir=<another folder> starts there"
        )
    return found, passed_over
