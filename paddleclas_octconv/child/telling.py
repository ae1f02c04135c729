"""Tells the process that has started this one how it fares, in a folder of the run.

What it reads there is in ``run/outcome.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

_folder: Path | None = None


def tell_in(folder: Path) -> None:
    """Tell in a folder from now on, also from the processes that this one forks."""
    global _folder
    _folder = folder


def begun() -> None:
    """Tell that this process, a rank of the run, has started."""
    local = os.environ.get("PADDLE_LOCAL_RANK") or os.environ.get("PADDLE_RANK_IN_NODE") or "0"
    log = os.path.join(os.environ.get("PADDLE_LOG_DIR") or "log", f"workerlog.{local}")
    _write({"pid": os.getpid(), "log": log}, _rank())


def ended(code: int, message: str = "") -> None:
    """Tell how this process ends."""
    _write({"code": code, "message": message}, _rank())


def launcher_failed(code: int, message: str) -> None:
    """Tell why the launcher cannot do its work."""
    _write({"code": code, "message": message}, "launcher")


def image_failed(image: str, reason: str) -> None:
    """Tell of an image that could not be read; also from a process that loads data."""
    _write({"image": image, "reason": reason}, "images")


def found(result: dict) -> None:
    """Tell what the run is for: an evaluation's averages, or the prediction for an image."""
    _write(result, "results")


def _rank() -> str:
    return f"rank-{os.environ.get('PADDLE_TRAINER_ID') or '0'}"


def _write(entry: dict, name: str) -> None:
    if _folder is None:
        return
    # One short write at the end of a file: lines of several processes do not mix.
    with contextlib.suppress(OSError), open(_folder / name, "ab", buffering=0) as file:
        file.write(f"{json.dumps(entry)}\n".encode())
