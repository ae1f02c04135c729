"""How processes end: with the one that started them, and when they are told to."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import signal
import sys
import threading
from typing import Callable, Iterator

_PR_SET_PDEATHSIG = 1


def death_with_parent() -> Callable[[], object] | None:
    """What a process calls to be killed when its parent is gone; None where only Linux could."""
    if not sys.platform.startswith("linux"):
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the code within as ``sys.exit`` does, with exit code 128 + n, so
    that it removes what it has half made; what already handles or ignores them goes on to."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
