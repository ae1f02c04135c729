"""One run of a comparison, in a process of its own: ``python -m … one OUTPUT RUN [GPUS]``.

A process for each run keeps memory, threads and signals apart where several run at once. How far it
is stands in its folder, where whoever has started it looks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Sequence

from . import runs
from .folder import load_runs


def main(arguments: Sequence[str]) -> int:
    """Do what is left to do of a run; the exit code, 130 where it was interrupted."""
    output, name, *gpus = arguments
    (run,) = (run for run in load_runs(Path(output)) if run.name == name)
    try:
        runs.execute(run, gpus[0] if gpus else None)
    except runs.Failed as failure:
        return failure.code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
