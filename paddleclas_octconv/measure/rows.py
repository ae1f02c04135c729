"""The table of what was measured, and its figures."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any, Mapping, Sequence

from .cases import BASELINE, Case, Contender, Settings
from .kernels import Kernels

STEADY = 0.1  # a spread above this is not that of an idle machine
TELLING = 0.25  # above this, medians tell no ratio


@dataclass
class Measured:
    """What the process of a case found.

    Attributes:
        rounds: for each round, the durations of its turn, in seconds.
        peak_memory, file_size: in bytes; None where there is no file.
        right, images: of the images it classified.
        kernels: of one prediction.
    """

    rounds: list[list[float]]
    peak_memory: int
    file_size: int | None = None
    right: int | None = None
    images: int | None = None
    kernels: list[Kernels] | None = None


@dataclass
class Row:
    """A line of the table; times in milliseconds, sizes in bytes, None where unknown.

    Attributes:
        label, form, engine, precision, image_size, batch_size: what was measured.
        parameters, total_parameters, multiply_adds: as in ``Complexity``.
        median_ms, minimum_ms: of a step.
        quartiles_ms: the first and the third.
        vs: the twin; speed_up: over it in the same engine and precision, as a ratio of medians;
            None, as all that follows from it, where the times of either vary too much to tell.
        speed_up_by_round: quartiles of the ratio of each round's medians.
        promised: the ratio of the multiply-adds; share_of_promised: what is reached of it.
        speed_up_over_paddle: over the twin in Paddle Inference in float32.
        top1: share of ``images`` that are classified as they are labelled.
        kernels: of one prediction.
    """

    label: str
    form: str | None
    engine: str
    precision: str
    image_size: int
    batch_size: int
    parameters: int | None
    total_parameters: int | None
    multiply_adds: int | None
    median_ms: float
    minimum_ms: float
    quartiles_ms: list[float]
    images_per_second: float
    peak_memory: int
    file_size: int | None
    vs: str | None = None
    speed_up: float | None = None
    speed_up_by_round: list[float] | None = None
    promised: float | None = None
    share_of_promised: float | None = None
    speed_up_over_paddle: float | None = None
    top1: float | None = None
    images: int | None = None
    kernels: list[Kernels] | None = None

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, over the median."""
        return (self.quartiles_ms[1] - self.quartiles_ms[0]) / 2 / self.median_ms

    def tells_with(self, other: Row) -> bool:
        """Whether the times of two rows are steady enough for a ratio."""
        return max(self.spread, other.spread) <= TELLING


def rows_of(
    contenders: Sequence[Contender],
    counted: Mapping[tuple[str, int], Mapping[str, Any]],
    measured: Mapping[Case, Measured],
) -> list[Row]:
    """The table of what was measured.

    Args:
        contenders: all of them.
        counted: parameters and multiply-adds, by label and image size.
        measured: what each case found; the rows are in its order.
    """
    by_label = {contender.label: contender for contender in contenders}
    table = {
        case: _row(case, by_label[case.contender], counted[case.contender, case.image_size], found)
        for case, found in measured.items()
    }
    for case, row in table.items():
        twin = by_label[case.contender].twin or case.contender
        other = _same(case, twin)
        if other != case and other in table:
            _compare(row, table[other], measured[case].rounds, measured[other].rounds)
        baseline = Case(twin, *BASELINE, case.image_size, case.batch_size)
        if baseline != case and baseline in table and row.tells_with(table[baseline]):
            row.speed_up_over_paddle = table[baseline].median_ms / row.median_ms
    return list(table.values())


def as_json(table: Sequence[Row], settings: Settings, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and how, for ``json.dump``."""
    return {
        "machine": dict(machine),
        "settings": asdict(settings),
        "networks": [asdict(row) for row in table],
    }


def spread_of(rounds: Sequence[Sequence[float]]) -> float:
    """As ``Row.spread``, of the durations of all turns."""
    first, median, third = quartiles([duration for turn in rounds for duration in turn])
    return (third - first) / 2 / median


def quartiles(values: Sequence[float]) -> list[float]:
    """The three of them; of a single value, that."""
    if len(values) < 2:
        return list(values) * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def _row(case: Case, contender: Contender, counted: Mapping[str, Any], found: Measured) -> Row:
    durations = [duration for turn in found.rounds for duration in turn]
    first, median, third = quartiles(durations)
    return Row(
        label=contender.label,
        form=None if contender.folder else contender.form,
        engine=case.engine,
        precision=case.precision,
        image_size=case.image_size,
        batch_size=case.batch_size,
        parameters=counted.get("parameters"),
        total_parameters=counted.get("total_parameters"),
        multiply_adds=counted.get("multiply_adds"),
        median_ms=1000 * median,
        minimum_ms=1000 * min(durations),
        quartiles_ms=[1000 * first, 1000 * third],
        images_per_second=case.batch_size / median,
        peak_memory=found.peak_memory,
        file_size=found.file_size,
        top1=None if found.right is None or not found.images else found.right / found.images,
        images=found.images,
        kernels=found.kernels,
    )


def _compare(
    row: Row, twin: Row, rounds: Sequence[Sequence[float]], others: Sequence[Sequence[float]]
) -> None:
    row.vs = twin.label
    if row.multiply_adds and twin.multiply_adds:
        row.promised = twin.multiply_adds / row.multiply_adds
    if not row.tells_with(twin):
        return
    row.speed_up = twin.median_ms / row.median_ms
    row.speed_up_by_round = quartiles(
        [
            statistics.median(theirs) / statistics.median(ours)
            for ours, theirs in zip(rounds, others)
        ]
    )
    if row.promised:
        row.share_of_promised = row.speed_up / row.promised


def _same(case: Case, label: str) -> Case:
    """The case of another contender in the same engine at the same size."""
    return Case(label, case.engine, case.precision, case.image_size, case.batch_size)
