"""How processes end: with the one that started them, when they are told to, when they hang."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import signal
import sys
import threading
from typing import Any, Callable, Iterator

#: Seconds in which a process that does nothing is taken to hang. A slow machine, a large network
#: and a slow disk let it wait for long, but not without computing, reading or writing.
STILL = 180.0

_PR_SET_PDEATHSIG = 1
_COMPUTED = 0.5  # seconds of a core; threads that wait for each other wake up now and then
_MOVED = 1 << 16  # bytes


def death_with_parent() -> Callable[[], object] | None:
    """What a process calls to be killed when its parent is gone; None where only Linux could."""
    if not sys.platform.startswith("linux"):
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


class Stillness:
    """How long a process, with all that it has started, has done nothing.

    Its looks count, not the clock: a machine that sleeps is no process that hangs.

    Args:
        pid: its number.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seconds = 0.0
        self._done = (-1.0, 0)

    def hangs(self, seconds: float) -> bool:
        """Whether nothing was done for ``STILL`` seconds, by the looks until now.

        Args:
            seconds: since the last look.
        """
        done = self._work()
        computed, moved = (abs(now - before) for now, before in zip(done, self._done))
        if computed < _COMPUTED and moved < _MOVED:
            self._seconds += seconds
        else:
            self._done, self._seconds = done, 0.0
        return self._seconds >= STILL

    def _work(self) -> tuple[float, int]:
        """Seconds of a core, and bytes read and written, where the system tells them."""
        import psutil

        computed, moved = 0.0, 0
        with contextlib.suppress(psutil.Error):  # it has ended, which its parent will see
            root = psutil.Process(self._pid)
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    computed += sum(process.cpu_times()[:4])
                    if hasattr(process, "io_counters"):
                        counters = process.io_counters()
                        moved += getattr(counters, "read_chars", 0)
                        moved += getattr(counters, "write_chars", 0)
        return computed, moved


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the code within as ``sys.exit`` does, with exit code 128 + n, so
    that it removes what it has half made; what already handles or ignores them goes on to.

    Paddle, too, takes these signals when it is imported, and prints a trace of its C++ code at one:
    they are taken back then.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, leave)
    finder = keep_signals_from_paddle()
    try:
        yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def take_signals_back() -> None:
    """Let SIGTERM and SIGHUP do again what Python knows that they do."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not None:
                signal.signal(number, signal.getsignal(number))


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that come meanwhile come at the end: Paddle has none to print a trace at."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_signals_from_paddle() -> Any:
    """Have SIGTERM and SIGHUP do, while Paddle is imported and afterwards, what they do now.

    Returns:
        What waits for that import in ``sys.meta_path``, until it has come.
    """
    finder: Any = _AfterPaddle()
    sys.meta_path.insert(0, finder)
    return finder


class _AfterPaddle:
    """A meta path finder that takes the signals back once Paddle has taken them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "paddle.base":  # which takes them, long before all of Paddle is imported
            return None
        finders: Any = sys.meta_path
        finders.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            loader: Any = spec.loader
            imports = loader.exec_module

            def import_and_take_back(module: Any) -> None:
                with _signals_wait():
                    imports(module)
                    take_signals_back()

            loader.exec_module = import_and_take_back
        return spec
