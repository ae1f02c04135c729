"""Watches a training from outside: how far it is, by its log, and how much memory it takes."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import psutil

from .plan import Run

_EVERY = 1.0  # seconds
_TRAIN = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Iter: (\d+)/(\d+)\](.*)")
_EPOCH = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Avg\](.*)")
_EVAL = re.compile(r"\[Eval\]\[Epoch \d+\]\[Avg\](.*)")
_TOP1 = re.compile(r"\btop1: ([0-9.]+)")


@dataclass(frozen=True)
class Progress:
    """How far a training is. done: in epochs, with fractions; accuracies: the newest ones."""

    run: Run
    done: float
    train_accuracy: float | None = None
    eval_accuracy: float | None = None


class Monitor:
    """Follows one training in a thread of its own."""

    def __init__(self, run: Run, first_epoch: int, show: Callable[[Progress], None]) -> None:
        self.peak_memory = 0  # bytes, of all processes of the training together
        self._progress = Progress(run, first_epoch - 1.0)
        self._show = show
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._log: Path | None = None
        self._offset = 0

    def start(self, log: Path, offset: int) -> None:
        """Follow a log from a position on."""
        self._log, self._offset = log, offset
        self._show(self._progress)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(_EVERY):
            self._look()
        self._look()

    def _look(self) -> None:
        memory = 0
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                memory += child.memory_info().rss
        self.peak_memory = max(self.peak_memory, memory)
        if self._log is None:
            return
        if self._log is None:
            return
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:  # the log has been taken away; the training goes on
            return
        whole, newline, _ = new.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._read(line)

    def _read(self, line: str) -> None:
        before = self._progress
        if match := _TRAIN.search(line):
            epoch, step, steps = map(int, match.groups()[:3])
            done = epoch - 1 + step / steps
            self._progress = replace(before, done=done, train_accuracy=_top1(match[4]))
        elif match := _EPOCH.search(line):
            self._progress = replace(before, done=float(match[1]), train_accuracy=_top1(match[2]))
        elif match := _EVAL.search(line):
            self._progress = replace(before, eval_accuracy=_top1(match[1]))
        if self._progress != before:
            self._show(self._progress)


def _top1(text: str) -> float | None:
    match = _TOP1.search(text)
    return float(match[1]) if match else None
