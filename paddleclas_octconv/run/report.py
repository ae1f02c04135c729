"""What the processes of a run tell the one that started them: how they ended, which images failed.

They write into a folder that an environment variable names. A process that is killed tells
nothing, so the starter looks whether they live.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
from collections import Counter
from pathlib import Path

import psutil

from ..common.say import say, say_error

FOLDER = "PADDLECLAS_OCTCONV_REPORT"
NAMED_IMAGES = 5  # how many of the images that failed are named in the end
_INTERVAL = 0.1  # seconds between two looks at the processes; the launcher takes longer to stop all
_FATAL = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")


# In a process of the run


def begin() -> None:
    """Tell that this process, a rank of the run, has started."""
    local = os.environ.get("PADDLE_LOCAL_RANK") or os.environ.get("PADDLE_RANK_IN_NODE") or "0"
    log = os.path.join(os.environ.get("PADDLE_LOG_DIR") or "log", f"workerlog.{local}")
    _write({"pid": os.getpid(), "log": log})


def end(code: int, message: str = "") -> None:
    """Tell how this process ends."""
    _write({"code": code, "message": message})


def image_failed(image: str, reason: str) -> None:
    """Tell of an image that could not be read; also from a process that loads data."""
    _write({"image": image, "reason": reason}, "images")


def _write(entry: dict, name: str | None = None) -> None:
    folder = os.environ.get(FOLDER)
    if folder:
        name = name or f"rank-{os.environ.get('PADDLE_TRAINER_ID') or '0'}"
        # One short write at the end of a file: lines of several processes do not mix.
        with contextlib.suppress(OSError), open(Path(folder, name), "ab", buffering=0) as file:
            file.write(f"{json.dumps(entry)}\n".encode())


# In the process that has started it


class Report:
    """Collects what a run tells, while the context lasts."""

    def __enter__(self) -> Report:
        self._temporary = tempfile.TemporaryDirectory(prefix="paddleclas-")
        self.folder = Path(self._temporary.name)
        self._first_dead: str | None = None
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watch_ranks, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()
        self._temporary.cleanup()

    def conclude(self, code: int, launched: bool) -> int:
        """Say on stderr what there is to say of a run that has ended.

        Args:
            code: its exit code; 128 + n after signal n.
            launched: whether it ran under ``paddle.distributed.launch``.

        Returns:
            The exit code: that of the rank that failed first, where it had one.
        """
        self._over.set()
        self._watch.join()
        self._conclude_images()
        interrupted = code in (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + 1)
        if code == 0 or interrupted:
            return code
        if not launched:
            name = _signal_name(code)
            if name in _FATAL:
                hint = " (out of memory?)" if name == "SIGKILL" else ""
                say_error(f"the trainer was ended by {name}{hint}")
            return code
        return self._conclude_ranks(code)

    def _conclude_ranks(self, code: int) -> int:
        ends = {}
        for path in sorted(self.folder.glob("rank-*")):
            entries = _entries(path)
            begun = [entry for entry in entries if "pid" in entry]
            failed = [entry for entry in entries if entry.get("code")]
            ends[path.name] = (begun[-1] if begun else {}, failed[-1] if failed else None)
        culprit = self._first_dead or next((name for name in ends if ends[name][1]), None)
        if culprit is None:
            say_error(f"the launcher ended with exit code {code}; see what it says above")
            return code
        rank, (begun, failed) = culprit.partition("-")[2], ends[culprit]
        log = os.path.relpath(begun.get("log", "log"))
        if failed is None:
            say_error(
                f"rank {rank} was killed (out of memory?), so all were stopped; its log: {log}"
            )
            return code
        what = failed["message"] or f"ended with exit code {failed['code']}"
        say_error(f"rank {rank}: {what}; its log: {log}")
        return failed["code"]

    def _conclude_images(self) -> None:
        entries = _entries(self.folder / "images")
        if entries:
            times = Counter(entry["image"] for entry in entries)
            named = ", ".join(list(times)[:NAMED_IMAGES])
            more = f" and {len(times) - NAMED_IMAGES} more" if len(times) > NAMED_IMAGES else ""
            images = "1 image" if len(times) == 1 else f"{len(times)} images"
            say(
                f"warning: {images} could not be read, {len(entries)} times in all, and others "
                f"took the place: {named}{more} ('paddleclas check-data' looks through all)"
            )

    def _watch_ranks(self) -> None:
        """Note which rank was the first to end without success."""
        while not self._over.wait(_INTERVAL) and self._first_dead is None:
            dead = [path for path in self.folder.glob("rank-*") if _failed(path)]
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


def _signal_name(code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(code - 128).name
    return ""
