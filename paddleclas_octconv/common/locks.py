"""Locks between processes, of which no file stays behind."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Iterator

from filelock import FileLock, Timeout

_INTERVAL = 0.05  # seconds between two tries


@contextlib.contextmanager
def hold(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a lock; its file is there meanwhile, and removed in the end.

    Args:
        path: the file of the lock.
        timeout: seconds to wait for another process; below 0: as long as it takes.

    Raises:
        filelock.Timeout: another process holds it still.
        OSError: the file cannot be made, or is a link.
    """
    deadline = None if timeout < 0 else time.monotonic() + timeout
    while True:
        # FileLock would try again and again where no file can be made, such as in /proc, and its
        # older versions empty what a link leads to.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666))
        left = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        lock = FileLock(str(path))
        try:
            lock.acquire(timeout=left, poll_interval=_INTERVAL)
        except NotImplementedError:  # a file system without locks: nothing to be done
            yield
            return
        if _is_of(lock, path):
            break
        lock.release()  # it was removed by the one that had held it: what counts is the new file
        if deadline is not None and time.monotonic() >= deadline:
            raise Timeout(str(path))
    try:
        yield
    finally:
        if os.name == "nt":  # a file that is open cannot be removed there
            lock.release()
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


def _is_of(lock: FileLock, path: Path) -> bool:
    """Whether a lock that is held is that of the file which is there now."""
    descriptor = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    if descriptor is None:  # filelock before 3.12
        descriptor = getattr(lock, "_lock_file_fd", None)
    if descriptor is None:
        return True
    try:
        held, there = os.fstat(descriptor), os.stat(path)
    except OSError:
        return False
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)
