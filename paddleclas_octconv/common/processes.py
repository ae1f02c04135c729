"""What becomes of a process when the one that started it is gone."""

from __future__ import annotations

import ctypes
import functools
import signal
import sys
from typing import Callable

_PR_SET_PDEATHSIG = 1


def death_with_parent() -> Callable[[], object] | None:
    """What a process calls to be killed when its parent is gone; None where only Linux could."""
    if not sys.platform.startswith("linux"):
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)
