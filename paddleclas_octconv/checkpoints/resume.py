"""Where a training process starts: at the newest whole checkpoint of its run, if there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple

from . import manifest
from . import whole as checkpoints

# Set to 1: the output folder holds this run, or none. Every start of a process, also by a
# launcher that restarts what failed, goes on from there.
RESUME = "PADDLECLAS_OCTCONV_RESUME"


class Start(NamedTuple):
    """Where a run starts.

    Attributes:
        epoch: the last one it has done; 0: none.
        best_metric: that of the best model it has saved; None: there is none.
        overrides: the trainer's -o KEY=VALUE that make it start there.
    """

    epoch: int = 0
    best_metric: float | None = None
    overrides: tuple[str, ...] = ()


def start_of(config: Mapping[str, Any], say: Callable[[str], None]) -> Start:
    """Where a process with a config starts, as ``RESUME`` asks."""
    if os.environ.get(RESUME) != "1":
        return Start()
    found, passed_over = checkpoints.newest(config)
    for message in passed_over:
        say(f"warning: {message}")
    if found is None:
        return Start()
    say(f"resuming from {found.prefix} (epoch {found.epoch} of {config['Global']['epochs']} done)")
    override = ("-o", f"Global.checkpoints={found.prefix}")
    return Start(found.epoch, checkpoints.best_metric(config), override)


def prepare(config: Mapping[str, Any], resume: bool) -> tuple[dict[str, str], bool]:
    """Make an output folder ready for a run, before its processes start.

    Args:
        resume: whether the run goes on with what is in there.

    Returns:
        The environment variables of its processes; and whether all epochs are done already.

    Raises:
        OctConvError: it is not to go on, and the folder holds another run.
    """
    given = config["Global"]["checkpoints"]
    if resume:
        for folder in checkpoints.folders(config):
            manifest.recover(folder)
        found, _ = checkpoints.newest(config)
        return {RESUME: "1"}, found is not None and found.epoch >= config["Global"]["epochs"]
    if given and Path(given).resolve() in [path.resolve() for path in checkpoints.prefixes(config)]:
        return {RESUME: "0"}, False  # PaddleClas's own way to go on
    checkpoints.refuse_another_run(config)
    return {RESUME: "1"}, False
