"""The checkpoints in a run's output folder: which are whole, and which of them is the newest.

PaddleClas writes a checkpoint as several files, ``latest.pdparams``, ``.pdopt``, ``.pdstates`` …
With a ``manifest``, which runs of this package write, it is whole if each file is the one in
there; without, if each can be read to its end. Nothing here imports Paddle.
"""

from __future__ import annotations

import contextlib
import math
import pickletools
import re
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import OctConvError
from ..common.files import digest
from ..config import Config
from . import manifest

_PARAMS = re.compile(r"(latest|best_model|epoch_\d+)\.pdparams")
_NEEDED = (".pdparams", ".pdopt", ".pdstates")
_OF_EMA = (".pdema", ".ema.pdparams")  # PaddleClas 2.6's, and 2.5's
_PREFERENCE = ("best_model", "epoch", "latest")  # among those of one epoch the last


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        prefix: its path without the suffixes, as ``Global.checkpoints`` takes it.
        epoch: the last epoch that was done.
        metric: what the evaluation after that epoch gave; 0 where there was none.
    """

    prefix: Path
    epoch: int
    metric: float


class BrokenError(Exception):
    """A checkpoint is not whole; the message says why."""


def folders(config: Config) -> list[Path]:
    """The folders that can hold checkpoints of a config, in the layout of any version.

    PaddleClas 2.4 writes below ``<output_dir>/<Arch.name>``, later versions into ``<output_dir>``
    itself, or, with ``uniform_output_enabled``, into a folder for each checkpoint.
    """
    output = Path(config.output_dir)
    found = [output, output / config.network]
    with contextlib.suppress(OSError):
        names = sorted(path.name for path in output.iterdir())
        found += [output / name for name in names if _PARAMS.fullmatch(f"{name}.pdparams")]
    return list(dict.fromkeys(found))


def prefixes(config: Config) -> list[Path]:
    """The checkpoints in a config's output folder, whole or not."""
    found = []
    for folder in folders(config):
        with contextlib.suppress(OSError):
            names = sorted(path.name for path in folder.iterdir() if _PARAMS.fullmatch(path.name))
            found += [folder / name[: -len(".pdparams")] for name in names]
    return found


def newest(config: Config) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint in a config's output folder, and why others are passed over."""
    whole, passed_over = [], []
    held = prefixes(config)
    # PaddleClas 2.4 passes over the section EMA.
    has_ema = any(_file(prefix, suffix).is_file() for prefix in held for suffix in _OF_EMA)
    for prefix in held:
        try:
            whole.append(read(prefix, ema="EMA" in config and has_ema))
        except BrokenError as error:
            passed_over.append(f"the checkpoint {prefix} is passed over: {error}")

    def order(checkpoint: Checkpoint) -> tuple[int, int]:
        return checkpoint.epoch, _PREFERENCE.index(_kind(checkpoint.prefix))

    return max(whole, key=order, default=None), passed_over


def best(config: Config) -> Checkpoint | None:
    """The best model in a config's output folder, as evaluations have chosen it; None: none has."""
    models = []
    for prefix in prefixes(config):
        if _kind(prefix) == "best_model":
            with contextlib.suppress(BrokenError):
                models.append(read(prefix))
    return max(models, key=lambda model: model.metric, default=None)


def best_metric(config: Config) -> float | None:
    """The metric of the best model in a config's output folder; None where there is none."""
    model = best(config)
    return model.metric if model else None


def best_epoch(config: Config) -> int | None:
    """The epoch of the best model, by its states alone, which are read in no time."""
    epochs = []
    for prefix in prefixes(config):
        if _kind(prefix) == "best_model":
            with contextlib.suppress(BrokenError):
                epochs.append(_read_states(prefix).epoch)
    return max(epochs, default=None)


def refuse_another_run(config: Config) -> None:
    """Refuse an output folder that holds checkpoints.

    Raises:
        OctConvError: it does.
    """
    held = prefixes(config)
    if held:
        raise OctConvError(
            f"Global.output_dir: {config.output_dir} already holds another run "
            f"({held[-1].name}.pdparams): --resume continues it, "
            f"-o Global.output_dir=<another folder> keeps it"
        )


def read(prefix: Path, ema: bool = False) -> Checkpoint:
    """Read a checkpoint through.

    Args:
        ema: whether the moving average of the parameters has to be there too.

    Raises:
        BrokenError: it is not whole.
    """
    averages = [suffix for suffix in _OF_EMA if _file(prefix, suffix).is_file()]
    if ema and not averages:
        raise BrokenError("the moving average of its parameters is missing")
    files = [_file(prefix, suffix) for suffix in (*_NEEDED, *averages)]
    hashes = manifest.read(manifest.path_of(prefix))
    for path in files:
        if not path.is_file():
            raise BrokenError(f"{path.name} is missing")
        if hashes is None:
            _read_through(path)
        elif hashes.get(path.name) != digest(path):
            raise BrokenError(f"{path.name} is damaged, or of another epoch than its manifest")
    return _read_states(prefix)


def _read_through(path: Path) -> None:
    from ..weights.safe_load import check_weights_file, trusted

    try:
        if trusted():  # what it is made of does not matter then, but its end does
            with open(path, "rb") as file:
                for _ in pickletools.genops(file):
                    pass
        else:
            check_weights_file(path)
    except (OSError, ValueError) as error:  # OctConvError is a ValueError
        raise BrokenError(str(error).replace(str(path), path.name)) from None


def _read_states(prefix: Path) -> Checkpoint:
    from ..common.safe_pickle import Array, load_pickle

    path = _file(prefix, ".pdstates")
    _read_through(path)
    try:
        with open(path, "rb") as file:
            states = load_pickle(file)
        # A number, or with the pinned trainer an array of one.
        epoch, metric = (
            float(value.value if isinstance(value, Array) else value)  # type: ignore[arg-type]
            for value in (states["epoch"], states["metric"])
        )
        whole_epochs = int(epoch)
    except Exception as error:  # whatever is in there instead
        raise BrokenError(f"{path.name} holds no epoch and metric: {error!r}") from None
    if whole_epochs != epoch or epoch < 0:
        raise BrokenError(f"{path.name}: epoch {epoch} should be a whole number from 0")
    return Checkpoint(prefix, whole_epochs, metric if math.isfinite(metric) else 0.0)


def _kind(prefix: Path) -> str:
    return "epoch" if prefix.name.startswith("epoch_") else prefix.name


def _file(prefix: Path, suffix: str) -> Path:
    return prefix.with_name(prefix.name + suffix)
