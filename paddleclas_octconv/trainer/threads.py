"""A thread that dies ends the trainer, where the trainer would wait for it forever.

Without worker processes Paddle's data loader reads in a thread, and where that raises, such as in
an image that no transform can take, the main thread is never told.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from types import TracebackType
from typing import Callable

_LOADER = "_thread_loop"  # the function that a data loader's thread runs


def end_with_data_loader(end: Callable[[BaseException], int]) -> None:
    """End this process when a data loader's thread raises.

    Args:
        end: called with the exception, in that thread; returns the exit code.
    """
    hook = threading.excepthook

    @functools.wraps(hook)
    def end_or_go_on(args):
        if not _is_loader(args.exc_traceback):
            hook(args)
            return
        try:
            code = end(args.exc_value)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)  # the main thread cannot be reached where it waits

    threading.excepthook = end_or_go_on


def _is_loader(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == _LOADER:
            return True
        traceback = traceback.tb_next
    return False
