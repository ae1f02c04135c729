"""Runs a module as a program, as ``python -m`` does, but never one of the current folder.

``python -m`` imports from the current folder first: a ``random.py`` there would be taken for
Python's. (``-P`` forbids that since Python 3.11; this serves every version.) Every Python is
started through here, and told not to let others look there either.
"""

import sys


def command(module: str, *arguments: str) -> "list[str]":
    """The command line that runs a module of this environment with arguments."""
    return [sys.executable, __file__, module, *arguments]


def _run() -> None:
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    # Where the package is used without being installed, it is imported from beside it.
    beside = os.path.dirname(os.path.dirname(here))
    if beside not in sys.path:
        sys.path.append(beside)
    os.environ["PYTHONSAFEPATH"] = "1"
    import runpy

    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # the folder of this file
    _run()
