"""The progress of a comparison: a bar on a terminal, else a line an epoch."""

from __future__ import annotations

import sys
import time
from typing import Sequence

from tqdm import tqdm

from .monitor import Progress
from .plan import Run
from .runs import is_done


class Display:
    """Shows which run is at work, its epoch and accuracies, and the time it has left."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = list(runs)
        self._bar: tqdm | None = None
        self._run: Run | None = None
        self._began, self._from, self._said = 0.0, 0.0, 0.0

    def __enter__(self) -> Display:
        done = [run.name for run in self._runs if is_done(run)]
        if done:
            self.say(f"paddleclas: finished before: {', '.join(done)}")
        return self

    def __exit__(self, *exception) -> None:
        self._close()

    def say(self, message: str) -> None:
        """Print a line without disturbing the bar."""
        tqdm.write(message, file=sys.stderr)
        sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Take in how far a training is."""
        if progress.run is not self._run:
            self._start(progress)
        if sys.stderr.isatty():
            self._bar.set_description_str(self._title(progress), refresh=False)
            self._bar.set_postfix_str(_accuracies(progress), refresh=False)
            self._bar.n = round(progress.done, 2)
            self._bar.refresh()
        elif int(progress.done) > self._said:
            self._said = int(progress.done)
            left = (time.monotonic() - self._began) / max(progress.done - self._from, 1e-9)
            left *= progress.run.epochs - progress.done
            self.say(
                f"{self._title(progress)}, {_accuracies(progress)}, "
                f"{tqdm.format_interval(left)} left"
            )

    def _start(self, progress: Progress) -> None:
        self._close()
        self._run = progress.run
        self._began, self._from, self._said = time.monotonic(), progress.done, progress.done
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=progress.run.epochs,
                initial=progress.done,
                bar_format="{desc} |{bar}| {elapsed}, {remaining} left{postfix}",
            )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _title(self, progress: Progress) -> str:
        number = self._runs.index(progress.run) + 1
        epoch = min(int(progress.done) + 1, progress.run.epochs)
        if not sys.stderr.isatty():
            epoch = int(progress.done)
        return (
            f"{number}/{len(self._runs)} {progress.run.name}: epoch {epoch}/{progress.run.epochs}"
        )


def _accuracies(progress: Progress) -> str:
    named = {"train": progress.train_accuracy, "eval": progress.eval_accuracy}
    known = [f"{name} {value:.4f}" for name, value in named.items() if value is not None]
    return "accuracy: " + (", ".join(known) or "unknown yet")
