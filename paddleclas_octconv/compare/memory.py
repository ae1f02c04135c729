"""How much memory the processes of a training take together, at most."""

from __future__ import annotations

import contextlib
import threading

import psutil

_EVERY = 1.0  # seconds


class PeakMemory:
    """Watches, in a thread of its own, what this process has started.

    Attributes:
        bytes: the most that all of them have held at once.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while True:
            held = 0
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    held += child.memory_info().rss
            self.bytes = max(self.bytes, held)
            if self._ended.wait(_EVERY):
                return
