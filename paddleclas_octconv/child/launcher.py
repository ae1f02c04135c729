"""The program that starts the ranks of a run: ``python -m paddle.distributed.launch``.

Its own errors, such as an address that is none, are told in one line.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from ..common.errors import traceback_wanted
from ..common.say import one_line
from ..handover import Handover
from . import telling
from .quiet import import_paddle


def main(argv: list[str]) -> int:
    """Run the launcher.

    Args:
        argv: its command line; the last word of it is the file handed over to each rank.
    """
    file = Path(argv[-1])
    telling.tell_in(file.parent)
    try:
        import_paddle(Handover.read(file).verbose)
        runpy.run_module("paddle.distributed.launch", run_name="__main__", alter_sys=True)
    except Exception as error:
        if traceback_wanted():
            raise
        telling.launcher_failed(1, one_line(f"{type(error).__name__}: {error}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
