"""Runs several trainings of a comparison at once, each with its share of the threads."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Sequence

from ..common import machine, start
from ..common.processes import death_with_parent
from ..run import process
from ..run.training_log import TrainingLog
from ..run.watched import Watched
from .planned import Run
from .runs import LOG, Failed, current_stage, failure_of, is_done

_EVERY = 0.5  # seconds


def run_all(
    output: Path,
    runs: Sequence[Run],
    jobs: int,
    gpus: str | None,
    look: Callable[[Sequence[str]], None],
) -> list[Failed]:
    """Do what is left to do of all runs, in their order.

    Args:
        output: the folder of the comparison.
        runs: of it.
        jobs: how many may be at work at once.
        gpus: as of ``runs.execute``.
        look: is called now and then with the names of those that are at work.

    Returns:
        The failures; the other runs have been finished.

    Raises:
        KeyboardInterrupt: it was interrupted; nothing runs any more.
    """
    waiting = list(runs)
    working: dict[Run, subprocess.Popen] = {}
    failures: list[Failed] = []
    try:
        with process.raising_on_signals():
            while waiting or working:
                for run in _ready(waiting)[: jobs - len(working)]:
                    waiting.remove(run)
                    working[run] = _begin(output, run, jobs, gpus)
                if not working:  # what the others are made of has failed
                    break
                look([run.name for run in working])
                time.sleep(_EVERY)
                for run, child in list(working.items()):
                    code = child.poll()
                    if code is None:
                        continue
                    del working[run]
                    failure = failure_of(run)
                    if failure:
                        failures.append(failure)
                    elif code in (130, -2):  # the Ctrl-C of a terminal reaches all
                        raise process.Interrupted(2)
                    elif code:
                        failures.append(_died(run, code))
    except process.Interrupted as interruption:
        _end_all(list(working.values()), *interruption.args)
        raise KeyboardInterrupt from None
    finally:
        look([])
    return failures


def watched(run: Run) -> Watched:
    """A run as a display shows it: what it says stands in its folder."""
    log = TrainingLog([run.folder / LOG])
    return Watched(run.name, run.model, run.epochs, log, lambda: current_stage(run), run.world)


def _ready(runs: Sequence[Run]) -> list[Run]:
    """Those that need not wait for another one to be finished."""
    return [run for run in runs if run.source is None or is_done(run.source)]


def threads_of(jobs: int) -> int:
    """How many threads each of several jobs has on this machine's CPU."""
    return max(1, machine.cpu_count() // jobs)


def _begin(output: Path, run: Run, jobs: int, gpus: str | None) -> subprocess.Popen:
    environ = {"OMP_NUM_THREADS": str(threads_of(jobs)), **os.environ} if jobs > 1 else None
    command = start.command(f"{__package__}.one", str(output), run.name, *filter(None, [gpus]))
    # What a run says stands in its logs; what is said here would disturb the display.
    with (run.folder / "run.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(
            command, env=environ, stdout=log, stderr=log, preexec_fn=death_with_parent()
        )


def _died(run: Run, code: int) -> Failed:
    """The failure of a run whose process has ended without telling of one."""
    return Failed(run, "the run", 128 - code if code < 0 else code, run.folder / "run.log")


def _end_all(children: Sequence[subprocess.Popen], number: int) -> None:
    """End all at once: one after the other, each would take its time."""
    if children:
        with ThreadPoolExecutor(len(children)) as pool:
            list(pool.map(lambda child: process.end(child, number), children))
