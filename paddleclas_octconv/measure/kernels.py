"""Where a prediction or a training step on the CPU spends its time.

oneDNN itself reports every kernel it runs and how long that took (``ONEDNN_VERBOSE=1``). What a
prediction takes beyond their sum is Paddle's work of starting them: operators, memory, dispatch.
Of a training step Paddle's own profiler tells of each operator, forward and back.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from ..common.worker import Worker
from .operations import Operations

STEPS = 20
TRAINING_STEPS = 8
WARMUP = 5


@dataclass
class Kernels:
    """The kernels of one kind in one step.

    Attributes:
        name: oneDNN's primitive, such as convolution; in training Paddle's operator, such as conv2d
            or, back, conv2d_grad.
        count: how many of them there are.
        milliseconds: of all of them.
    """

    name: str
    count: float
    milliseconds: float


def profile(threads: int, **load: Any) -> list[Kernels]:
    """The kernels of an exported model, the dearest first; the rest is in no kernel.

    Args:
        threads: of the process.
        **load: arguments of ``Operations.load``.
    """
    with Worker(Operations, threads, ONEDNN_VERBOSE="1") as worker:
        worker.call("load", threads=threads, **load)
        worker.call("time", skipped=WARMUP, counted=0)
        worker.said()
        worker.call("time", skipped=0, counted=STEPS)
        reports = worker.said()
    return summarize(reports.splitlines(), STEPS)


def profile_training(threads: int, **train: Any) -> list[Kernels]:
    """The operators of a training step, the dearest first.

    Args:
        threads: of the process.
        **train: arguments of ``Operations.train``.
    """
    with Worker(Operations, threads) as worker:
        worker.call("train", **train)
        worker.call("time", skipped=1, counted=0)
        return by_operator([worker.call("operators") for _ in range(TRAINING_STEPS)])


def by_operator(steps: Sequence[Sequence[tuple[str, float]]]) -> list[Kernels]:
    """Add up the operators of equal steps, each by the median of its times.

    Args:
        steps: of each, the operators in their order, with the milliseconds of each.
    """
    counts: dict[str, float] = defaultdict(float)
    times: dict[str, float] = defaultdict(float)
    for same in zip(*steps):
        name = same[0][0]
        counts[name] += 1
        times[name] += statistics.median(milliseconds for _, milliseconds in same)
    table = [Kernels(name, counts[name], times[name]) for name in counts]
    return sorted(table, key=lambda kernels: kernels.milliseconds, reverse=True)


def summarize(lines: Iterable[str], steps: int) -> list[Kernels]:
    """Add up oneDNN's reports of a number of equal predictions.

    A kernel's time is its median over the predictions: the first one after a pause is slower.
    """
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in lines:
        fields = line.split(",")
        if fields[0] == "onednn_verbose" and "exec" in fields:
            name = fields[fields.index("exec") + 2]
            durations[name, ",".join(fields[:-1])].append(float(fields[-1]))
    counts: dict[str, float] = defaultdict(float)
    times: dict[str, float] = defaultdict(float)
    for (name, _), values in durations.items():
        counts[name] += len(values) / steps
        times[name] += statistics.median(values) * len(values) / steps
    table = [Kernels(name, counts[name], times[name]) for name in counts]
    return sorted(table, key=lambda kernels: kernels.milliseconds, reverse=True)
