"""How far a run is, by what stands in its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .plan import Run
from .runs import read_state

DONE = "done"
_TRAIN = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Iter: (\d+)/(\d+)\](.*)")
_EPOCH = re.compile(r"\[Train\]\[Epoch (\d+)/\d+\]\[Avg\](.*)")
_EVAL = re.compile(r"\[Eval\]\[Epoch \d+\]\[Avg\](.*)")
_TOP1 = re.compile(r"\b(?:top1|AccuracyScore): ([0-9.]+)")


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: the one that is at work or next, or ``DONE``.
        epochs: trained, with fractions.
        train_accuracy, eval_accuracy: the newest ones.
    """

    stage: str
    epochs: float = 0.0
    train_accuracy: float | None = None
    eval_accuracy: float | None = None


class Follower:
    """Follows a run from outside: reads its log as it grows."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.progress = Progress(run.making)
        self._offset = 0

    def look(self) -> Progress:
        """How far it is now."""
        done = read_state(self.run)["done"]
        stage = next((stage for stage in self.run.stages if stage not in done), DONE)
        self.progress = replace(self.progress, stage=stage)
        try:
            with (self.run.folder / "train.log").open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:  # not begun, or taken away
            return self.progress
        whole, newline, _ = new.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.decode("utf-8", "replace").splitlines():
            self._read(line)
        return self.progress

    def _read(self, line: str) -> None:
        before = self.progress
        if match := _TRAIN.search(line):
            epoch, step, steps = map(int, match.groups()[:3])
            done = epoch - 1 + step / steps
            self.progress = replace(before, epochs=done, train_accuracy=_top1(match[4]))
        elif match := _EPOCH.search(line):
            self.progress = replace(before, epochs=float(match[1]), train_accuracy=_top1(match[2]))
        elif match := _EVAL.search(line):
            self.progress = replace(before, eval_accuracy=_top1(match[1]))


def _top1(text: str) -> float | None:
    match = _TOP1.search(text)
    return float(match[1]) if match else None
