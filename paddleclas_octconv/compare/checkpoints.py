"""The newest whole checkpoint of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

_SUFFIXES = (".pdparams", ".pdopt", ".pdstates")  # in the order in which PaddleClas writes them


class Checkpoint(NamedTuple):
    """prefix: its path without suffix; epoch: the last one that it has seen."""

    prefix: Path
    epoch: int


def newest(config: dict[str, Any]) -> Checkpoint | None:
    """The checkpoint after the most epochs in a config's output folder; None where there is none.

    PaddleClas 2.4 writes below ``<output_dir>/<Arch.name>``, later versions into ``<output_dir>``.
    """
    output = Path(config["Global"]["output_dir"])
    found = []
    for folder in (output / config["Arch"]["name"], output, output / "latest"):
        for states in folder.glob("*.pdstates"):
            epoch = _epoch(states)
            if states.stem != "best_model" and epoch is not None:
                found.append(Checkpoint(states.with_suffix(""), epoch))
    return max(found, key=lambda checkpoint: checkpoint.epoch, default=None)


def _epoch(states: Path) -> int | None:
    """The epoch of a checkpoint that was written to its end; None of any other.

    A process that is stopped while it writes over a checkpoint leaves files in the wrong order.
    """
    import pickle

    files = [states.with_suffix(suffix) for suffix in _SUFFIXES]
    if not all(file.is_file() for file in files):
        return None
    times = [file.stat().st_mtime_ns for file in files]
    if times != sorted(times):
        return None
    try:
        with states.open("rb") as file:
            return int(pickle.load(file)["epoch"])  # written by our own child
    except Exception:  # a pickle that was cut off can end in almost any exception
        return None
