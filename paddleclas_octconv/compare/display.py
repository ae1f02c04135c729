"""The progress of a comparison: a table that is drawn anew on a terminal, else a line an epoch."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Iterable, NamedTuple, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .plan import Run
from .progress import DONE, Follower, Progress
from .runs import is_done


class _Seen(NamedTuple):
    """How far a training was: (seconds of a clock, epochs)."""

    time: float
    epochs: float


@dataclass
class _Pace:
    """Where a training was when it was first seen at work, and when it was last seen to go on."""

    first: _Seen
    last: _Seen

    @property
    def seconds_an_epoch(self) -> float | None:
        """None where it has not gone on yet."""
        trained = self.last.epochs - self.first.epochs
        return (self.last.time - self.first.time) / trained if trained > 0 else None


class Display:
    """Shows how far each run is, and how long all of them will take."""

    def __init__(self, runs: Sequence[Run], jobs: int) -> None:
        """
        Args:
            runs: all of the comparison, in their order.
            jobs: how many are at work at once.
        """
        self._runs, self._jobs = list(runs), jobs
        self._followers = {run.name: Follower(run) for run in runs}
        self._paces: dict[str, _Pace] = {}
        self._working: list[str] = []
        self._said: dict[str, int] = {}
        self._console = Console(stderr=True)
        self._live: Live | None = None

    def __enter__(self) -> Display:
        done = [run.name for run in self._runs if is_done(run)]
        if done:
            self.say(f"paddleclas: finished before: {', '.join(done)}")
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def say(self, message: str) -> None:
        """Print a line without disturbing the table."""
        if self._live is not None:
            self._console.print(Text(message))
        else:
            print(message, file=sys.stderr, flush=True)

    def look(self, working: Sequence[Run]) -> None:
        """Take in how far the runs are; these are at work."""
        self._working = [run.name for run in working]
        now = time.monotonic()
        for run in working:
            progress = self._followers[run.name].look()
            seen = _Seen(now, progress.epochs)
            pace = self._paces.setdefault(run.name, _Pace(seen, seen))
            if progress.epochs > pace.last.epochs:
                pace.last = seen
            if self._live is None:
                self._say_epoch(run, progress)
        if self._live is not None:
            self._live.update(self.render(), refresh=True)

    def render(self) -> Group:
        """The table: a row a run, and the time that is left for all."""
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("network", overflow="ellipsis", no_wrap=True)
        for name in ("stage", "epoch", "train acc", "eval acc", "left"):
            table.add_column(name, justify="right", no_wrap=True)
        for run in self._runs:
            progress = self._progress(run)
            table.add_row(
                run.name,
                self._stage(run, progress),
                f"{progress.epochs:.1f}/{run.epochs}",
                _accuracy(progress.train_accuracy),
                _accuracy(progress.eval_accuracy),
                "" if progress.stage == DONE else _duration(self._left(run)),
            )
        return Group(table, Text(f"all: {_duration(self.left())} left"))

    def left(self) -> float | None:
        """Seconds until all runs are trained, as far as that is known."""
        known = [self._left(run) for run in self._runs if self._progress(run).stage != DONE]
        times = [seconds for seconds in known if seconds is not None]
        if not times or len(times) < len(known):
            return None
        ends = [0.0] * self._jobs  # each run is taken by whoever is free first
        for seconds in times:
            ends[ends.index(min(ends))] += seconds
        return max(ends)

    def _progress(self, run: Run) -> Progress:
        follower = self._followers[run.name]
        return follower.progress if run.name in self._working else follower.look()

    def _stage(self, run: Run, progress: Progress) -> str:
        is_waiting = progress.stage != DONE and run.name not in self._working
        return "waiting" if is_waiting else progress.stage

    def _left(self, run: Run) -> float | None:
        """Seconds until a run is trained; of one that waits, by others, best of its model."""
        pace = self._seconds_an_epoch(run)
        if pace is None:
            same = [other for other in self._runs if other.model == run.model]
            paces = [self._seconds_an_epoch(other) for other in [*same, *self._runs]]
            pace = next((each for each in paces if each is not None), None)
        if pace is None:
            return None
        return pace * max(0.0, run.epochs - self._progress(run).epochs)

    def _seconds_an_epoch(self, run: Run) -> float | None:
        pace = self._paces.get(run.name)
        return pace.seconds_an_epoch if pace else None

    def _say_epoch(self, run: Run, progress: Progress) -> None:
        number = int(progress.epochs)
        if number <= self._said.setdefault(run.name, number):
            return
        self._said[run.name] = number
        place = self._runs.index(run) + 1
        self.say(
            f"{place}/{len(self._runs)} {run.name}: epoch {number}/{run.epochs}, "
            f"{_accuracies(progress)}, {_duration(self._left(run))} left, "
            f"all: {_duration(self.left())}"
        )


def _accuracies(progress: Progress) -> str:
    named = {"train": progress.train_accuracy, "eval": progress.eval_accuracy}
    known: Iterable[str] = (f"{n} {value:.4f}" for n, value in named.items() if value is not None)
    return "accuracy: " + (", ".join(known) or "unknown yet")


def _accuracy(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
