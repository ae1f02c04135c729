"""Runs a child process to its end, and leaves nothing of it behind when interrupted."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from typing import IO, Callable, Iterator, Mapping, Sequence

import psutil

from ..common import processes
from ..common.errors import OctConvError

PATIENCE = 15.0  # seconds a process and its descendants have to end by themselves
_TERMINAL = 2.0  # seconds in which the Ctrl-C of a terminal, which reaches the child too, works
_DYING = 5.0  # seconds that a killed process may take to be gone
_EVERY = 0.5  # seconds between two looks


class Interrupted(Exception):
    """A signal has come; its number is the argument."""


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    output: IO | None = None,
    look: Callable[[], None] | None = None,
    demand_progress: bool = False,
) -> int:
    """Run a command, its output streamed, and return its exit code (128 + n after signal n).

    Args:
        command: the command line.
        environ: the whole environment.
        output: a file that takes its standard output and error instead.
        look: called now and then while it runs.
        demand_progress: whether it is ended where it hangs (``processes.STILL``).

    SIGINT, SIGTERM and SIGHUP are passed on; what has not ended ``PATIENCE`` seconds later, of
    the child and all that it has started, is killed. Where this process itself is killed, Linux
    kills the child.

    Raises:
        OctConvError: it hangs.
    """
    with raising_on_signals():
        error = subprocess.STDOUT if output else None
        child = None
        try:
            child = subprocess.Popen(
                list(command),
                env=dict(environ),
                stdout=output,
                stderr=error,
                preexec_fn=processes.death_with_parent(),
            )
            stillness = processes.Stillness(child.pid) if demand_progress else None
            code = _looked_at(child, look, stillness) if look or stillness else child.wait()
        except Interrupted as interruption:
            (number,) = interruption.args
            if child is not None:
                end(child, number)
            return 128 + number
    return 128 - code if code < 0 else code


def _looked_at(
    child: subprocess.Popen, look: Callable[[], None] | None, stillness: processes.Stillness | None
) -> int:
    while True:
        if look:
            look()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(_EVERY)
        if stillness and stillness.hangs(_EVERY):
            end(child, signal.SIGKILL)
            raise OctConvError(f"the trainer did nothing for {processes.STILL:g} seconds: ended")


def end(child: subprocess.Popen, number: int) -> None:
    """Pass a signal on to a process, and kill what is left of it and its descendants in the end."""
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(child.pid)
        family = [root, *root.children(recursive=True)]
    if number == signal.SIGINT:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_TERMINAL)
    if child.poll() is None:
        child.send_signal(number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(PATIENCE)
    _, alive = psutil.wait_procs(family, 1.0)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    child.wait()
    psutil.wait_procs(alive, _DYING)  # a busy machine takes its time to end what is killed


@contextlib.contextmanager
def raising_on_signals() -> Iterator[None]:
    """Turn the first signal that ends a process into ``Interrupted``; ignore those after it."""
    if threading.current_thread() is not threading.main_thread():  # Python handles signals there
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # the terminal is closed; not under nohup

    def interrupt(number, frame):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
