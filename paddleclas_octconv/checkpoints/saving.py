"""Checkpoints that are there as a whole or not at all, in the process of PaddleClas's trainer.

PaddleClas writes the files of a checkpoint one after the other over those of the last one: a run
that is killed meanwhile leaves a truncated file, or the parameters of one epoch with the
optimizer of another.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Callable, Iterator

from ..common.errors import OctConvError
from . import manifest


class Saver:
    """Stands between a training and its checkpoints, in place of the two functions that save.

    Each method is given the function in whose place it is called.
    """

    def __init__(self) -> None:
        self._waiting: list[str] | None = None  # files of a checkpoint that is being written

    def save(self, save: Callable, obj, path, *args, **kwargs) -> None:
        """``paddle.save``, to a file that takes its place once it is written.

        Raises:
            OctConvError: the disk is full, or cannot be written for another reason.
        """
        if not isinstance(path, (str, os.PathLike)):
            save(obj, path, *args, **kwargs)
            return
        path = os.fspath(path)
        part = path + manifest.PART
        with _saying_what_failed(path):
            try:
                save(obj, part, *args, **kwargs)
                with open(part, "rb+") as file:
                    os.fsync(file.fileno())
            except BaseException:
                _remove(part)
                raise
            if self._waiting is None:
                os.replace(part, path)
            else:
                self._waiting.append(path)

    def save_together(self, save_model: Callable, *args, **kwargs) -> None:
        """PaddleClas's ``save_model``, whose files take their places together."""
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
def _saying_what_failed(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise OctConvError(
            f"the checkpoint {path} cannot be saved: {reason}; the checkpoints before it are "
            f"complete: with more room, --resume continues from there"
        ) from None


def _remove(part: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(part)
