"""What PaddleClas's lines on a training tell: how far it is, and its curves."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Sequence

_NUMBER = r"(-?[0-9.]+(?:e[+-]?[0-9]+)?|-?inf|nan)"
# As every version logs them, after its own time and name.
_STEP = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Iter: (\d+)/(\d+)\](.*)")
_EPOCH = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Avg\](.*)")
EVALUATING = re.compile(r"\[Eval\]\[Epoch (\d+)\]\[Iter: (\d+)/(\d+)\]")
EVALUATED = re.compile(r"\[Eval\]\[Epoch (\d+)\]\[Avg\](.*)")
VALUE = re.compile(rf"([\w@.-]+)(?:\([^)]*\))?: {_NUMBER}")
_RATE, _SPEED = "lr", "ips"
# What is logged beside the metrics, of which the first is the one that counts.
_OTHER = (_RATE, _SPEED, "eta", "batch_cost", "reader_cost")


@dataclass(frozen=True)
class Progress:
    """How far a training is; what is None is not known yet, or not measured by this config.

    Attributes:
        epochs: trained, with fractions.
        evaluated: share of the evaluation images that the evaluation at work has behind it; None
            while none is.
        loss: of the epoch so far.
        train_accuracy, eval_accuracy: the newest ones.
        rate: the learning rate.
        speed: images a second, of one process.
    """

    epochs: float = 0.0
    evaluated: float | None = None
    loss: float | None = None
    train_accuracy: float | None = None
    eval_accuracy: float | None = None
    rate: float | None = None
    speed: float | None = None


@dataclass
class Curves:
    """Pairs of (epoch, value); a fraction of an epoch for the learning rate.

    Attributes:
        train_accuracy, train_loss: means over the epoch, while it trained.
        eval_accuracy, eval_loss: after the epoch; of the moving average's weights, where there are
            some.
        learning_rate: by step.
    """

    train_accuracy: list = field(default_factory=list)
    train_loss: list = field(default_factory=list)
    eval_accuracy: list = field(default_factory=list)
    eval_loss: list = field(default_factory=list)
    learning_rate: list = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)


class TrainingLog:
    """Reads a log of a training as it grows.

    Attributes:
        progress: how far it was at the last look.
    """

    def __init__(self, files: Sequence[Path], only_new: bool = False) -> None:
        """
        Args:
            files: where PaddleClas may log, which depends on its version.
            only_new: whether what is there already is of another training.
        """
        self._offsets = {file: _size(file) if only_new else 0 for file in files}
        self._curves: dict[str, dict[float, float]] = {name: {} for name in Curves().as_dict()}
        self.progress = Progress()

    @property
    def curves(self) -> Curves:
        """The curves up to the last look; of an epoch that was trained again, the last time."""
        points = {name: sorted(values.items()) for name, values in self._curves.items()}
        return Curves(**points)

    def look(self) -> Progress:
        """Read what is new."""
        for file, offset in self._offsets.items():
            try:
                with file.open("rb") as log:
                    log.seek(offset)
                    new = log.read()
            except OSError:  # not begun, or taken away
                continue
            whole, newline, _ = new.rpartition(b"\n")
            self._offsets[file] = offset + len(whole) + len(newline)
            for line in whole.decode("utf-8", "replace").splitlines():
                self._read(line)
        return self.progress

    def _read(self, line: str) -> None:
        if match := _STEP.search(line):
            epoch, step, steps = map(int, match.groups()[:3])
            self._train(epoch - 1 + step / steps, match[4])
            if self.progress.rate is not None:
                self._curves["learning_rate"][self.progress.epochs] = self.progress.rate
        elif match := _EPOCH.search(line):
            self._train(float(match[1]), match[2])
            self._keep("train_loss", match[1], self.progress.loss)
            self._keep("train_accuracy", match[1], self.progress.train_accuracy)
        elif match := EVALUATING.search(line):
            self.progress = replace(self.progress, evaluated=int(match[2]) / int(match[3]))
        elif match := EVALUATED.search(line):
            loss, accuracy, _ = _values(match[2])
            self.progress = replace(self.progress, evaluated=None, eval_accuracy=accuracy)
            self._keep("eval_loss", match[1], loss)
            self._keep("eval_accuracy", match[1], accuracy)

    def _train(self, epochs: float, said: str) -> None:
        """Take in how a training fares; what it trains again has not been trained."""
        for points in self._curves.values() if epochs < self.progress.epochs else ():
            for epoch in [epoch for epoch in points if epoch > epochs]:
                del points[epoch]
        loss, accuracy, others = _values(said)
        self.progress = replace(
            self.progress,
            epochs=epochs,
            evaluated=None,
            loss=loss,
            train_accuracy=accuracy,
            rate=others.get(_RATE, self.progress.rate),
            speed=others.get(_SPEED, self.progress.speed),
        )

    def _keep(self, curve: str, epoch: str, value: float | None) -> None:
        if value is not None:
            self._curves[curve][float(epoch)] = value


def read_curves(files: Sequence[Path]) -> Curves:
    """The curves of a training, put together from all the times it was started."""
    log = TrainingLog(files)
    log.look()
    return log.curves


def _values(said: str) -> tuple[float | None, float | None, dict[str, float]]:
    """The loss, the first of the metrics, and all values."""
    found = [(name, float(value)) for name, value in VALUE.findall(said)]
    metrics = [value for name, value in found if name not in _OTHER and "loss" not in name.lower()]
    return dict(found).get("loss"), next(iter(metrics), None), dict(reversed(found))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
