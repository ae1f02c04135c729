"""A process of its own for some work, so that memory, threads and crashes are its own too.

The parent sends one JSON line, ``[operation, arguments]``, and gets one back,
``{"result": …}`` or ``{"error": message}``, after any number of ``{"progress": [done, all]}``.
``Worker`` is the parent's end, ``serve`` the child's. What is done there is not known here: the
operations are the methods of a class that is named.

``concurrent.futures`` does not serve: its processes run the parent's main module again, which
would add to the memory that is measured; they outlive a parent that is killed; and an end of one
is told without its exit code and last words.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import inspect
import json
import os
import selectors
import subprocess
import sys
import tempfile
from typing import IO, Any, Callable

from . import machine, processes, start
from .errors import OctConvError

#: Is told how much is done, and of how much.
Progress = Callable[[int, int], None]

_EVERY = 10.0  # seconds without a reply, after which it is looked whether the process hangs


class Worker:
    """A process that holds an object; ``call`` runs one of its methods there."""

    def __init__(self, operations: type, threads: int = 1, **environ: str) -> None:
        """
        Args:
            operations: the class of the object, made without arguments. Its module is imported in
                the process; its methods take and give what JSON can hold.
            threads: of OpenMP and MKL.
            **environ: more environment variables.

        Raises:
            OctConvError: there is no folder for temporary files.
        """
        try:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        except OSError as error:
            raise OctConvError(f"no temporary file can be made: {error}") from None
        self._read = 0  # bytes of the log that `said` has returned
        self._replies = b""  # what has come and is not read
        served = f"{operations.__module__}:{operations.__qualname__}"
        self._process = subprocess.Popen(
            start.command(__name__, served),
            env={
                **machine.cpu_environment(),
                **os.environ,
                "OMP_NUM_THREADS": str(threads),
                "GLOG_minloglevel": "2",
                **environ,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def call(self, operation: str, progress: Progress | None = None, **arguments: Any) -> Any:
        """The result of an operation.

        Args:
            operation: its name.
            progress: is told how much of it is done, and of how much, where it says so.
            **arguments: its own.

        Raises:
            OctConvError: it has failed, the process has ended, or hangs (``processes.STILL``).
        """
        self.begin(operation, **arguments)
        return self.result(operation, progress)

    def begin(self, operation: str, **arguments: Any) -> None:
        """Let an operation begin, so that others can run beside it; `result` waits for its end."""
        request = self._process.stdin
        assert request is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError):
            request.write(json.dumps([operation, arguments]).encode() + b"\n")
            request.flush()

    def result(self, operation: str, progress: Progress | None = None) -> Any:
        """The result of the operation that has begun; arguments as of `call`.

        Raises:
            OctConvError: it has failed, the process has ended, or hangs (``processes.STILL``).
        """
        while b'"progress"' in (line := self._reply(operation))[:12]:
            if progress:
                progress(*json.loads(line)["progress"])
        if not line:
            code, said = self._process.wait(), self._last_words()
            raise OctConvError(
                f"{operation}: its process ended with code {code}" + (f": {said}" if said else "")
            )
        reply = json.loads(line)
        if "error" in reply:
            raise OctConvError(reply["error"])
        return reply["result"]

    def _reply(self, operation: str) -> bytes:
        """The next line that the process gives; empty: it has ended."""
        pipe = self._process.stdout
        assert pipe is not None  # it is a pipe
        stillness = processes.Stillness(self.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._replies:
                if selector.select(_EVERY):
                    came = os.read(pipe.fileno(), 1 << 16)
                    if not came:
                        return b""
                    self._replies += came
                elif stillness.hangs(_EVERY):
                    self._process.kill()
                    said = self._last_words()
                    raise OctConvError(
                        f"{operation}: its process did nothing for {processes.STILL:g} seconds "
                        "and was ended" + (f" (it last said: {said})" if said else "")
                    )
        line, _, self._replies = self._replies.partition(b"\n")
        return line

    def _last_words(self) -> str:
        """The last line that the process printed."""
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else ""

    def said(self) -> str:
        """What the process, libraries included, printed since this was asked last."""
        self.call("")
        start, self._read = self._read, os.fstat(self._log.fileno()).st_size
        # The process writes where this file stands: look without moving it.
        return os.pread(self._log.fileno(), self._read - start, start).decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._log.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def serve(operations: str) -> None:
    """Answer requests until standard input ends; what else is printed goes to standard error.

    Args:
        operations: ``module:class``. The request without a name writes out what libraries hold back
            of what they have printed. A method with the argument ``progress`` gets a function that
            tells the parent how much is done, and of how much.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, name = operations.partition(":")
    served = getattr(importlib.import_module(module), name)()
    for line in sys.stdin:
        operation, arguments = json.loads(line)
        try:
            run = getattr(served, operation) if operation else _flush
            if "progress" in inspect.signature(run).parameters:
                arguments["progress"] = lambda *done: _reply(replies, {"progress": done})
            reply = {"result": run(**arguments)}
        except OctConvError as error:
            reply = {"error": str(error)}
        _reply(replies, reply)


def _reply(replies: IO[str], reply: dict) -> None:
    print(json.dumps(reply), file=replies, flush=True)


def _flush() -> None:
    ctypes.CDLL(None).fflush(None)


if __name__ == "__main__":
    serve(sys.argv[1])
