"""What there is to say when the processes of a run have ended: by what, on which images.

They tell it into a folder (``child/telling.py``). One that is killed tells nothing, so they are
watched while they live.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

NAMED_IMAGES = 5  # how many of the images that failed are named in the end
_ERROR = "error: "
_INTERVAL = 0.1  # seconds between two looks at the processes; the launcher takes longer to stop all
_FATAL = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
_OUT_OF_MEMORY = (
    "out of memory? a smaller DataLoader.Train.sampler.batch_size, or Eval's, takes less"
)


class Outcome(NamedTuple):
    """How a run has ended.

    Attributes:
        code: of the rank that failed first, where one did.
        lines: to say.
        results: what it has found: ``{"epoch": …, "values": {…}}`` of each evaluation, or
            ``{"prediction": {…}}`` for each image.
        told: the error that its one process has told of by itself.
    """

    code: int
    lines: tuple[str, ...] = ()
    results: tuple[dict, ...] = ()
    told: str = ""

    @property
    def error(self) -> str:
        """Why it has failed, as far as that is known."""
        errors = [line for line in self.lines if line.startswith(_ERROR)]
        return errors[-1][len(_ERROR) :] if errors else self.told


class Watch:
    """Watches the processes of a run, while the context lasts.

    Args:
        folder: where they tell how they fare.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first_dead: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch_ranks, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def conclude(self, code: int, launched: bool) -> Outcome:
        """What there is to say of the run, which has ended.

        Args:
            code: its exit code; 128 + n after signal n.
            launched: whether it ran under ``paddle.distributed.launch``.
        """
        self._over.set()
        self._thread.join()
        lines = self._images()
        interrupted = code in (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + 1)
        if code == 0 or interrupted:
            return Outcome(code, lines, tuple(_entries(self._folder / "results")))
        if launched:
            code, line = self._culprit(code)
            return Outcome(code, (*lines, f"{_ERROR}{line}"))
        name = next((each.name for each in signal.Signals if each == code - 128), "")
        if name in _FATAL:
            hint = f" ({_OUT_OF_MEMORY})" if name == "SIGKILL" else ""
            return Outcome(code, (*lines, f"{_ERROR}the trainer was ended by {name}{hint}"))
        ends = [entry for entry in _entries(self._folder / "rank-0") if entry.get("code")]
        return Outcome(code, lines, told=ends[-1]["message"] if ends else "")

    def _culprit(self, code: int) -> tuple[int, str]:
        """The exit code and the fault of the rank that failed first."""
        ends: dict[str, tuple[dict, dict | None]] = {}
        for path in sorted(self._folder.glob("rank-*")):
            entries = _entries(path)
            begun = [entry for entry in entries if "pid" in entry]
            failed = [entry for entry in entries if entry.get("code")]
            ends[path.name] = (begun[-1] if begun else {}, failed[-1] if failed else None)
        culprit = self._first_dead or next((name for name in ends if ends[name][1]), None)
        if culprit is None:
            told = [entry for entry in _entries(self._folder / "launcher") if entry.get("code")]
            if told:
                return told[-1]["code"], f"paddle.distributed.launch: {told[-1]['message']}"
            return code, f"the launcher ended with exit code {code}; see what it says above"
        rank, (start, end) = culprit.partition("-")[2], ends[culprit]
        log = os.path.relpath(start.get("log", "log"))
        if end is None:
            return code, (
                f"rank {rank} was killed ({_OUT_OF_MEMORY}), so all were stopped; its log: {log}"
            )
        what = end["message"] or f"ended with exit code {end['code']}"
        return end["code"], f"rank {rank}: {what}; its log: {log}"

    def _images(self) -> tuple[str, ...]:
        entries = _entries(self._folder / "images")
        if not entries:
            return ()
        times = Counter(entry["image"] for entry in entries)
        named = ", ".join(list(times)[:NAMED_IMAGES])
        more = f" and {len(times) - NAMED_IMAGES} more" if len(times) > NAMED_IMAGES else ""
        images = "1 image" if len(times) == 1 else f"{len(times)} images"
        return (
            f"warning: {images} could not be read, {len(entries)} times in all, and were "
            f"replaced by other images: {named}{more} ('paddleclas check-data' looks through all)",
        )

    def _watch_ranks(self) -> None:
        """Note which rank was the first to end without success."""
        while not self._over.wait(_INTERVAL) and self._first_dead is None:
            dead = [path for path in self._folder.glob("rank-*") if _failed(path)]
            if dead:
                self._first_dead = min(dead, key=_last_words).name


def _failed(path: Path) -> bool:
    last = (_entries(path) or [{}])[-1]
    if "code" in last:
        return last["code"] != 0
    return "pid" in last and not _lives(last["pid"])


def _last_words(path: Path) -> float:
    """When a rank last wrote into its log: those that fail because another is gone say so."""
    log = next((entry["log"] for entry in reversed(_entries(path)) if "log" in entry), "")
    try:
        return os.stat(log).st_mtime
    except OSError:
        return 0.0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _entries(path: Path) -> list[dict]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
