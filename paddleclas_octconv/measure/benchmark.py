"""Networks measured side by side, in turns, each in a process of its own.

A round gives every network one turn, A B A B …, so that a change of the machine's speed
meets all alike. A turn is at least a quarter of a second of steps in a row; where steps are
short, the first of a turn is not counted, since it finds the caches full of another's data.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Sequence

from ..common.errors import OctConvError
from ..common.worker import Worker
from .kernels import Kernels, profile
from .operations import Operations

FORMS = ("deploy", "plain")
TURN = 0.25  # seconds of steps in a turn, at least
SHORT = 0.1  # seconds; the first of a turn of steps below this is not counted
PAUSE = 0.25  # seconds; OpenMP threads keep a core busy for 0.2 s after their work is done


@dataclass
class Settings:
    """How to measure.

    threads: on the CPU; gpu: on GPU 0 instead; keep_tensors: as in ``create_predictor``;
    profile: list kernels too.
    """

    train_step: bool = False
    batch_size: int = 1
    image_size: int = 224
    threads: int = 1
    onednn: bool = True
    keep_tensors: bool = True
    gpu: bool = False
    precision: str = "fp32"
    warmup: int = 5
    repeats: int = 20
    profile: bool = False


@dataclass
class Contender:
    """What is measured: a network by name and options, or an exported folder.

    label: its name in the table; form: of a network, "deploy" or "plain".
    """

    label: str
    name: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    form: str = "deploy"
    folder: str | None = None
    twin: str | None = None  # label of the contender it is compared with


@dataclass
class Row:
    """A line of the table; times in milliseconds, memory in bytes, None where unknown."""

    label: str
    form: str | None
    parameters: int | None
    total_parameters: int | None
    multiply_adds: int | None
    median_ms: float
    minimum_ms: float
    images_per_second: float
    peak_memory: int
    vs: str | None = None
    speed_up: float | None = None  # ratio of the medians
    speed_up_by_round: list[float] | None = None  # quartiles of the ratio of each round's medians
    promised: float | None = None  # ratio of the multiply-adds
    share_of_promised: float | None = None
    kernels: list[Kernels] | None = None  # of one prediction


def measure(
    contenders: Sequence[Contender],
    settings: Settings,
    say: Callable[[str], None] = lambda message: None,
) -> list[Row]:
    """Measure all contenders in turns.

    say: is told what is going on.
    Raises OctConvError if a network or a folder cannot be measured.
    """
    with TemporaryDirectory(prefix="benchmark-") as scratch, contextlib.ExitStack() as stack:
        complexities = _export(contenders, settings, Path(scratch), say)
        workers = []
        for index, contender in enumerate(contenders):
            say(f"loading {contender.label}")
            worker = stack.enter_context(Worker(Operations, settings.threads))
            workers.append(worker)
            _load(worker, contender, settings, contender.folder or f"{scratch}/{index}")
        rounds = _rounds(workers, settings, say)
        memory = [worker.call("memory", gpu=settings.gpu) for worker in workers]
        table = rows(contenders, complexities, rounds, memory, settings.batch_size)
        stack.pop_all().close()  # nothing else runs beside what is profiled
        if settings.profile:
            for index, (contender, row) in enumerate(zip(contenders, table)):
                say(f"profiling {contender.label}")
                row.kernels = profile(
                    settings.threads,
                    **_prediction(settings, contender.folder or f"{scratch}/{index}"),
                )
    return table


def twin_of(contender: Contender, image_size: int) -> Contender | None:
    """The vanilla network that an octave network replaces; None if it is not one.

    Where PaddleClas has none, that is the network itself without low frequencies.
    """
    with Worker(Operations) as worker:
        described = worker.call(
            "describe", name=contender.name, options=contender.options, image_size=image_size
        )
    if described["multiply_adds"] == described["vanilla_multiply_adds"]:
        return None
    options = {k: v for k, v in contender.options.items() if k not in ("alpha", "conv_bias")}
    name = described["twin"] or contender.name
    if name == contender.name:
        options["alpha"] = 0
    return Contender(label_of(name, options), name, options)


def label_of(name: str, options: dict[str, Any]) -> str:
    """``NAME:KEY=VALUE,…``"""
    return ":".join(filter(None, [name, ",".join(f"{k}={v!r}" for k, v in options.items())]))


def rows(
    contenders: Sequence[Contender],
    complexities: Sequence[dict],
    rounds: Sequence[Sequence[Sequence[float]]],
    memory: Sequence[int],
    batch_size: int,
) -> list[Row]:
    """The table of what was measured.

    rounds: for each round, for each contender, the durations of its turn, in seconds.
    """
    table = []
    for index, (contender, counted) in enumerate(zip(contenders, complexities)):
        durations = [duration for turns in rounds for duration in turns[index]]
        median = statistics.median(durations)
        table.append(
            Row(
                label=contender.label,
                form=None if contender.folder else contender.form,
                parameters=counted.get("parameters"),
                total_parameters=counted.get("total_parameters"),
                multiply_adds=counted.get("multiply_adds"),
                median_ms=1000 * median,
                minimum_ms=1000 * min(durations),
                images_per_second=batch_size / median,
                peak_memory=memory[index],
            )
        )
    labels = [contender.label for contender in contenders]
    for index, (contender, row) in enumerate(zip(contenders, table)):
        if contender.twin is None or contender.twin == contender.label:
            continue
        other = labels.index(contender.twin)
        twin = table[other]
        row.vs = twin.label
        row.speed_up = twin.median_ms / row.median_ms
        ratios = [statistics.median(t[other]) / statistics.median(t[index]) for t in rounds]
        row.speed_up_by_round = (
            statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        )
        if row.multiply_adds and twin.multiply_adds:
            row.promised = twin.multiply_adds / row.multiply_adds
            row.share_of_promised = row.speed_up / row.promised
    return table


def as_json(table: Sequence[Row], settings: Settings, machine: dict) -> dict:
    """Everything that was measured, and how, for ``json.dump``."""
    return {
        "machine": machine,
        "settings": asdict(settings),
        "networks": [asdict(row) for row in table],
    }


def _export(contenders, settings: Settings, scratch: Path, say) -> list[dict]:
    """Count, and export where predictions are measured; in a process that ends before those."""
    counted = []
    with Worker(Operations, settings.threads) as worker:
        for index, contender in enumerate(contenders):
            if contender.folder:
                counted.append(worker.call("describe_folder", folder=contender.folder))
                continue
            network = dict(name=contender.name, options=contender.options)
            network["image_size"] = settings.image_size
            say(f"building {contender.label}")
            counted.append(worker.call("describe", **network))
            if not settings.train_step:
                folder = str(scratch / str(index))
                deploy = contender.form == "deploy"
                worker.call("export", folder=folder, deploy=deploy, **network)
    return counted


def _load(worker: Worker, contender: Contender, settings: Settings, folder: str) -> None:
    if not settings.train_step:
        worker.call("load", threads=settings.threads, **_prediction(settings, folder))
    elif contender.folder:
        raise OctConvError(
            f"--train-step: {contender.label} is an exported folder; it cannot train"
        )
    else:
        worker.call("train", name=contender.name, options=contender.options, **_common(settings))


def _prediction(settings: Settings, folder: str) -> dict[str, Any]:
    return {
        "folder": folder,
        "onednn": settings.onednn,
        "keep_tensors": settings.keep_tensors,
        **_common(settings),
    }


def _common(settings: Settings) -> dict[str, Any]:
    names = ("image_size", "batch_size", "gpu", "precision")
    return {name: getattr(settings, name) for name in names}


def _rounds(workers: Sequence[Worker], settings: Settings, say) -> list[list[list[float]]]:
    plans = []
    for worker in workers:
        step = min(worker.call("time", skipped=settings.warmup, counted=3))
        plans.append({"skipped": int(step < SHORT), "counted": max(1, math.ceil(TURN / step))})
    rounds = []
    for number in range(1, settings.repeats + 1):
        say(f"round {number} of {settings.repeats}")
        turns = []
        for worker, plan in zip(workers, plans):
            if settings.threads > 1:
                time.sleep(PAUSE)
            turns.append(worker.call("time", **plan))
        rounds.append(turns)
    return rounds
