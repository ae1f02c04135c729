"""A data set appears whole or not at all, however many processes prepare it at once."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Callable, Iterator

from filelock import FileLock, Timeout

from ..common.errors import OctConvError
from ..common.files import reason
from .list_files import LABEL_MAP, TRAIN_LIST, VAL_LIST

_STAMP = ".source"


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds a prepared data set; its list files are the last things written."""
    return all((folder / name).is_file() for name in (TRAIN_LIST, VAL_LIST, LABEL_MAP))


def publish(target: Path, build: Callable[[Path], None], stamp: str) -> bool:
    """Make the data set `target` unless it is there; return whether it was made.

    ``build(folder)`` fills a hidden folder beside `target`, which takes the place of `target`
    by one rename.  A killed run leaves the hidden folder, and the next run with the same
    `stamp` (what the data is made from) goes on in it; a failed run removes it.
    Raises OctConvError for a `target` that is something else, and where it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target):
            if is_complete(target):
                return False
            if target.exists():
                raise OctConvError(
                    f"{target} exists but is not a prepared data set: "
                    "remove or rename it, or choose another folder with --root"
                )
            staging = target.with_name(f".{target.name}.partial")
            _open_staging(staging, stamp)
            try:
                build(staging)
                (staging / _STAMP).unlink()
                os.rename(staging, target)
            except Exception:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            return True
    except OSError as error:
        raise OctConvError(f"cannot write the data set {target}: {reason(error)}") from None


@contextlib.contextmanager
def _lock(target: Path) -> Iterator[None]:
    """Hold the lock of `target`; says so when it has to wait for another process.

    Its file is removed with it: who waits for one that is gone takes the new one.
    """
    path = target.with_name(f".{target.name}.lock")
    waited = False
    while True:
        lock = FileLock(str(path))
        try:
            lock.acquire(timeout=0 if not waited else -1)
        except Timeout:
            print(f"waiting for another process that prepares {target}", flush=True)
            waited = True
            continue
        if _is_still(path, lock):
            break
        lock.release()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        lock.release()


def _is_still(path: Path, lock: FileLock) -> bool:
    """Whether the file that was locked is the one that stands there now."""
    held = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    try:
        return held is None or os.path.samestat(os.fstat(held), os.stat(path))
    except OSError:
        return False


def _open_staging(staging: Path, stamp: str) -> None:
    """Make `staging`, emptied unless it was begun from the same source."""
    stamp_file = staging / _STAMP
    if not (stamp_file.is_file() and stamp_file.read_text(encoding="utf-8") == stamp):
        if staging.exists():
            shutil.rmtree(staging)
        staging.mkdir()
        stamp_file.write_text(stamp, encoding="utf-8")
