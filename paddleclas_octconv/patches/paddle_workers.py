"""What fails in a process that loads data is told there."""

from __future__ import annotations

import sys
from typing import Callable

from .patch import TRAINER, Patch

EXCEPTION = Patch(
    "paddle.io.dataloader.worker._WorkerException.__init__",
    TRAINER,
    "what fails in a process that loads data reaches the trainer as the text of a traceback, which "
    "does not tell the transform: it is told in one line, where it fails",
)
PATCHES = (EXCEPTION,)


def tell_in_workers(told: Callable[[BaseException], Exception | None]) -> None:
    """Have ``told(error)``, where it is not None, take the place of an error in a process that
    loads data."""
    from paddle.io.dataloader import worker

    def init(original, self, worker_id, exc_info=None):
        given = exc_info or sys.exc_info()
        instead = told(given[1]) if given[1] is not None else None
        original(self, worker_id, (type(instead), instead, None) if instead else given)

    EXCEPTION.wrap(worker._WorkerException, init)
