"""A thread that fails is heard of."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Callable

from .patch import TRAINER, Patch

EXCEPTHOOK = Patch(
    "threading.excepthook",
    TRAINER,
    "where the thread of Paddle's data loader raises, the main thread waits on forever",
)
PATCHES = (EXCEPTHOOK,)


def after_thread_fails(deal: Callable[[BaseException, TracebackType | None], bool]) -> None:
    """Have ``deal`` called with what a thread raised; False: it is shown as ever."""

    def deal_or_show(hook, args):
        if not deal(args.exc_value, args.exc_traceback):
            hook(args)

    EXCEPTHOOK.wrap(threading, deal_or_show)
