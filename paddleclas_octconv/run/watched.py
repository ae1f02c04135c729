"""A training that is watched: how far it is, how fast it goes, and that in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, NamedTuple

from .training_log import TrainingLog

DONE = "done"
TRAIN = "train"
HEADER = ("network", "stage", "epoch", "train acc", "eval acc", "loss", "lr", "img/s")


class _Seen(NamedTuple):
    """How far a training was: (seconds of a clock, epochs)."""

    time: float
    epochs: float


@dataclass
class Watched:
    """A training.

    Attributes:
        name: of it.
        model: those of one model take equally long.
        epochs: to train.
        log: what it logs.
        stage: tells which one it is at, or ``DONE``.
        world: processes that train it together.
    """

    name: str
    model: str
    epochs: int
    log: TrainingLog
    stage: Callable[[], str] = lambda: TRAIN
    world: int = 1
    _first: _Seen | None = field(default=None, init=False)
    _last: _Seen | None = field(default=None, init=False)
    _told: float = field(default=0, init=False)

    def begin(self) -> None:
        """Take what is trained already as known."""
        self.log.look()
        self._told = max((number for number, _ in self.log.curves.train_loss), default=0)

    def look(self) -> None:
        """See how far it is now, while it is at work."""
        seen = _Seen(time.monotonic(), self.log.look().epochs)
        if self._first is None or self._last is None or seen.epochs < self._last.epochs:
            self._first = self._last = seen  # what was trained before is trained again
            self._told = min(self._told, int(seen.epochs))
        elif seen.epochs > self._last.epochs:
            self._last = seen

    @property
    def pace(self) -> float | None:
        """Seconds an epoch; None where it has not gone on yet."""
        if self._first is None or self._last is None or self._last.epochs <= self._first.epochs:
            return None
        return (self._last.time - self._first.time) / (self._last.epochs - self._first.epochs)

    def left(self, pace: float | None) -> float | None:
        """Seconds until it is trained, at so many an epoch."""
        return None if pace is None else pace * max(0.0, self.epochs - self.log.progress.epochs)

    def row(self) -> list[str]:
        """Its cells under ``HEADER``."""
        progress, stage = self.log.progress, self.stage()
        if stage == TRAIN and progress.evaluated is not None:
            stage = f"eval {progress.evaluated:.0%}"
        return [
            self.name,
            stage,
            f"{progress.epochs:.1f}/{self.epochs}",
            _decimals(progress.train_accuracy),
            _decimals(progress.eval_accuracy),
            _decimals(progress.loss),
            _rate(progress.rate),
            self._speed(),
        ]

    def new_lines(self, has_ended: bool = False) -> list[str]:
        """A line for each epoch that is over, evaluated or followed by another one, and has not
        been told.

        Args:
            has_ended: whether no more will be logged.
        """
        curves, lines = self.log.curves, []
        evaluated = dict(curves.eval_accuracy)
        for number, loss in curves.train_loss:
            is_over = number in evaluated or number < self.log.progress.epochs or has_ended
            if number <= self._told or not is_over:
                continue
            self._told = number
            accuracies = {
                "train acc": dict(curves.train_accuracy).get(number),
                "eval acc": evaluated.get(number),
            }
            rates = [rate for epoch, rate in curves.learning_rate if epoch < number]
            parts = [
                f"epoch {number:.0f}/{self.epochs}",
                f"loss {_decimals(loss)}",
                *(f"{name} {_decimals(v)}" for name, v in accuracies.items() if v is not None),
                f"lr {_rate(rates[-1])}" if rates else "",
                f"{self._speed()} img/s" if self._speed() else "",
            ]
            lines.append(", ".join(filter(None, parts)))
        return lines

    def _speed(self) -> str:
        if self.log.progress.speed is None:
            return ""
        speed = self.log.progress.speed * self.world
        return f"{speed:.0f}" if speed >= 100 else f"{speed:.1f}"


def time_left(began: float, done: int, total: int) -> str:
    """The time that is left for what was begun at a time of the clock, such as ", 0:12 left";
    empty as long as nothing is done."""
    if not done:
        return ""
    return f", {duration((time.monotonic() - began) / done * (total - done))} left"


def duration(seconds: float | None) -> str:
    """Seconds as a clock shows them, "?" where they are not known."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
