"""Networks measured side by side, in turns, each in a process of its own.

A round gives every case one turn, A B A B …, so that a change of the machine's speed meets all
alike; where the times vary more than an idle machine's do, all is measured again, once. A turn is
at least a quarter of a second of steps in a row; where steps are short, the first of a turn is not
counted, since it finds the caches full of another's data.
"""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Sequence

from ..common.worker import Worker
from ..data.list_files import Label
from ..run.watched import time_left
from . import prepare
from .cases import Case, Contender, Settings, groups_of
from .kernels import profile, profile_training
from .operations import Operations
from .prepare import Say
from .rows import STEADY, Measured, Row, rows_of, spread_of

TURN = 0.25  # seconds of steps in a turn, at least
SHORT = 0.1  # seconds; the first of a turn of steps below this is not counted
PAUSE = 0.25  # seconds; OpenMP threads keep a core busy for 0.2 s after their work is done

Rounds = List[List[List[float]]]


class Labelled(NamedTuple):
    """Images whose classes are known, for the top-1 of every row.

    Attributes:
        paths: the files; labels: the class of each, or a 0 or 1 for each class.
        transform_ops, decode_image: as of ``deploy.images.Preprocess``.
    """

    paths: list[str]
    labels: Sequence[Label]
    transform_ops: list[dict[str, Any]]
    decode_image: dict[str, Any]


def measure(
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    settings: Settings,
    say: Say = lambda message: None,
    labelled: Labelled | None = None,
    exports: Path | None = None,
) -> list[Row]:
    """Measure all cases, those of one pair and size in turns with each other.

    Args:
        contenders: the networks and folders.
        cases: what of them is measured, as ``cases_of`` gives it.
        settings: how.
        say: is told what is going on.
        labelled: images to classify, too.
        exports: a folder in which exported networks are kept, and found the next time.

    Raises:
        OctConvError: a network or a folder cannot be measured.
    """
    sizes = list(dict.fromkeys(case.image_size for case in cases))
    with TemporaryDirectory(prefix="benchmark-") as scratch:
        counted = prepare.count(contenders, sizes, say)
        folders: Mapping[tuple[str, int], Path] = {}
        if not settings.train_step:
            folders = prepare.export(contenders, cases, exports or Path(scratch), say)
        by_label = {contender.label: contender for contender in contenders}
        found: dict[Case, Measured] = {}
        for group in groups_of(contenders, cases):
            found.update(_measure_group(group, by_label, folders, settings, say, labelled))
        if settings.profile:  # nothing else runs beside it
            for case, measured in found.items():
                say(f"profiling {case.contender}")
                if settings.train_step:
                    training = _training(case, by_label[case.contender], settings)
                    measured.kernels = profile_training(settings.threads, **training)
                else:
                    measured.kernels = profile(**_prediction(case, folders, settings))
    return rows_of(contenders, counted, {case: found[case] for case in cases})


def _measure_group(
    group: Sequence[Case],
    by_label: Mapping[str, Contender],
    folders: Mapping[tuple[str, int], Path],
    settings: Settings,
    say: Say,
    labelled: Labelled | None,
) -> dict[Case, Measured]:
    with contextlib.ExitStack() as stack:
        say(f"loading {', '.join(dict.fromkeys(case.contender for case in group))}")
        workers = [stack.enter_context(Worker(Operations, settings.threads)) for _ in group]
        operation = "train" if settings.train_step else "load"
        for case, worker in zip(group, workers):
            if settings.train_step:
                worker.begin("train", **_training(case, by_label[case.contender], settings))
            else:
                worker.begin("load", **_prediction(case, folders, settings))
        file_sizes = [worker.result(operation) for worker in workers]
        rounds = steadier(lambda: _rounds(workers, settings, say), say)
        found = {}
        for index, (case, worker, size) in enumerate(zip(group, workers, file_sizes)):
            memory = worker.call("memory", gpu=settings.gpu)
            found[case] = Measured([turns[index] for turns in rounds], memory, size)
        if labelled:
            _classify(found.values(), workers, labelled, say)
    return found


def _classify(
    measured: Iterable[Measured], workers: Sequence[Worker], labelled: Labelled, say: Say
) -> None:
    """Count what each classifies as it is labelled, all at once: nothing is timed any more."""
    say(f"classifying {len(labelled.paths)} images")
    for worker in workers:
        worker.begin("count_right", **labelled._asdict())
    for each, worker in zip(measured, workers):
        each.right, each.images = worker.result("count_right"), len(labelled.paths)


def steadier(measured: Callable[[], Rounds], say: Say) -> Rounds:
    """What was measured; where it varies more than on an idle machine, the steadier of two.

    Args:
        measured: measures; gives for each round the durations of each case's turn.
        say: is told that all is measured again.
    """
    rounds = measured()
    if _spread(rounds) <= STEADY:
        return rounds
    say("other programs keep this machine busy: measuring again")
    return min(rounds, measured(), key=_spread)


def _spread(rounds: Rounds) -> float:
    """The largest of all cases."""
    return max(map(spread_of, zip(*rounds)))


def _training(case: Case, contender: Contender, settings: Settings) -> dict[str, Any]:
    return {
        "name": contender.demand_name(),
        "options": contender.options,
        "image_size": case.image_size,
        "batch_size": case.batch_size,
        "gpu": settings.gpu,
        "precision": case.precision,
    }


def _prediction(
    case: Case, folders: Mapping[tuple[str, int], Path], settings: Settings
) -> dict[str, Any]:
    return {
        "folder": str(folders[case.contender, case.image_size]),
        "image_size": case.image_size,
        "batch_size": case.batch_size,
        "engine": case.engine,
        "precision": case.precision,
        "threads": settings.threads,
        **settings.engine_options(case.engine),
    }


def _rounds(workers: Sequence[Worker], settings: Settings, say: Say) -> Rounds:
    plans = []
    for worker in workers:
        step = min(worker.call("time", skipped=settings.warmup, counted=3))
        plans.append({"skipped": int(step < SHORT), "counted": max(1, math.ceil(TURN / step))})
    rounds: Rounds = []
    began = time.monotonic()
    for number in range(1, settings.repeats + 1):
        left = time_left(began, len(rounds), settings.repeats)
        say(f"round {number} of {settings.repeats}{left}")
        turns = []
        for worker, plan in zip(workers, plans):
            if settings.threads > 1:
                time.sleep(PAUSE)
            turns.append(worker.call("time", **plan))
        rounds.append(turns)
    return rounds
