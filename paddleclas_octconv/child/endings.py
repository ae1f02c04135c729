"""How a trainer process ends: with the thread that reads its data, and its children with it.

Paddle's data loader cares for neither. Where its thread raises, such as in an image that no
transform can take, the main thread waits on forever; and its worker processes outlive a trainer
that was killed: they look for their parent only between batches, which no longer come.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from types import TracebackType
from typing import Callable

from ..common.processes import death_with_parent
from ..patches.python_threading import after_thread_fails

_LOADER = "_thread_loop"  # the function that a data loader's thread runs


def end_with_parent() -> None:
    """Have Linux kill this process, and each that it forks, when its parent is gone."""
    ask = death_with_parent()
    if ask is not None:
        ask()
        os.register_at_fork(after_in_child=ask)


def end_with_data_loader(end: Callable[[BaseException], int]) -> None:
    """End this process when a data loader's thread raises.

    Args:
        end: called with the exception, in that thread; returns the exit code.
    """

    def end_or_go_on(error: BaseException, traceback: TracebackType | None) -> bool:
        if not _is_loader(traceback):
            return False
        code = 1
        try:
            code = end(error)
            sys.stdout.flush()
            sys.stderr.flush()
            for child in multiprocessing.active_children():
                child.kill()
        finally:
            os._exit(code)  # the main thread cannot be reached where it waits

    after_thread_fails(end_or_go_on)


def _is_loader(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == _LOADER:
            return True
        traceback = traceback.tb_next
    return False
