"""Checkpoints that are there as a whole or not at all, in the process of PaddleClas's trainer.

PaddleClas writes the files of a checkpoint one after the other over those of the last one: a run
that is killed meanwhile leaves a truncated file, or the parameters of one epoch with the
optimizer of another.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from pathlib import Path
from types import ModuleType
from typing import Callable

from ..common.errors import OctConvError
from . import manifest


def save_atomically(save_load: ModuleType) -> None:
    """Wrap ``paddle.save``, and ``save_model`` of PaddleClas's ``save_load`` module.

    A file takes its place when it is written, those of one checkpoint together.

    Raises (then, while training):
        OctConvError: the disk is full, or cannot be written for another reason.
    """
    import paddle

    saver = _Saver(paddle.save)
    paddle.save = saver.save
    save_load.save_model = saver.together(save_load.save_model)


class _Saver:
    def __init__(self, save: Callable) -> None:
        self._save = save
        self._waiting: list[str] | None = None  # files of a checkpoint that is being written

    def save(self, obj, path, *args, **kwargs) -> None:
        """``paddle.save``, to a file that takes its place once it is written."""
        if not isinstance(path, (str, os.PathLike)):
            self._save(obj, path, *args, **kwargs)
            return
        path = os.fspath(path)
        part = path + manifest.PART
        with _saying_what_failed(path):
            try:
                self._save(obj, part, *args, **kwargs)
                with open(part, "rb+") as file:
                    os.fsync(file.fileno())
            except BaseException:
                _remove(part)
                raise
            if self._waiting is None:
                os.replace(part, path)
            else:
                self._waiting.append(path)

    def together(self, save_model: Callable) -> Callable:
        """Wrap a function that saves the files of one checkpoint."""

        @functools.wraps(save_model)
        def save_all_or_nothing(*args, **kwargs):
            self._waiting = []
            try:
                save_model(*args, **kwargs)
                self._commit(self._waiting)
            except BaseException:
                for path in self._waiting:
                    _remove(path + manifest.PART)
                raise
            finally:
                self._waiting = None

        return save_all_or_nothing

    def _commit(self, paths: list[str]) -> None:
        states = [path for path in paths if path.endswith(".pdstates")]
        prefix = states[0][: -len(".pdstates")] if states else None
        of_checkpoint = [path for path in paths if prefix and path.startswith(f"{prefix}.")]
        with _saying_what_failed(paths[0] if paths else ""):
            for path in paths:  # such as the student's parameters alone
                if path not in of_checkpoint:
                    os.replace(path + manifest.PART, path)
            if prefix:
                manifest.commit(Path(prefix), [os.path.basename(path) for path in of_checkpoint])


@contextlib.contextmanager
def _saying_what_failed(path: str):
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise OctConvError(
            f"the checkpoint {path} cannot be saved: {reason}; the checkpoints before it are "
            f"whole: with room for more, --resume goes on from there"
        ) from None


def _remove(part: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(part)
