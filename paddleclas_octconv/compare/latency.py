"""How fast the exported networks of a comparison are, measured as ``paddleclas benchmark`` does."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Sequence

from ..common import machine
from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import write_atomically
from ..deploy import conversion
from ..deploy.engines import CONVERTED, ENGINES
from ..deploy.engines.paddle_files import model_files
from ..measure.benchmark import measure
from ..measure.cases import Case, Contender, Settings
from ..measure.prepare import Say
from ..measure.rows import STEADY, Row
from ..run.watched import time_left
from .planned import Run

FILE = "latency.json"


def of_exports(
    folder: Path,
    runs: Sequence[Run],
    engine: str,
    precisions: Sequence[str] = ("fp32",),
    say: Say = lambda message: None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """The latency of each run's export, one image at a time; kept, since it takes a while.

    What was measured while others kept the machine busy, or on another machine or with other
    software, is measured again.

    Args:
        folder: of the comparison.
        runs: one of each model.
        engine: what runs the networks; they are converted for it where they have not been.
        precisions: what it computes in; all in turns with each other.
        say: is told what is going on.

    Returns:
        By model and precision, less those that its export has no model for: engine, median_ms,
        minimum_ms, spread, and whether the machine was busy.

    Raises:
        OctConvError: a network cannot be converted or measured.
    """
    exports = {run.model: run.folder / "inference" for run in runs}
    written = [
        [name, engine, *precisions, model_files(path)[1].stat().st_mtime]
        for name, path in exports.items()
    ]
    where = machine.in_words()
    kept = _read(folder / FILE)
    if kept.get("of") == written and kept.get("machine") == where:
        forms = [form for forms in kept["latencies"].values() for form in forms.values()]
        if not any(form["busy"] for form in forms):
            return kept["latencies"]
    sizes = {run.model: run.config.image_shape[-1] for run in runs}
    missing = [
        name
        for name, path in exports.items()
        if engine in CONVERTED and CONVERTED[engine].find(path, "fp32") is None
    ]
    began = time.monotonic()
    for done, name in enumerate(missing):
        left = time_left(began, done, len(missing))
        say(f"converting {name} for {engine}{left}")
        conversion.add(CONVERTED[engine], exports[name], [3, sizes[name], sizes[name]])
    contenders = [Contender(name, folder=str(path)) for name, path in exports.items()]
    cases = [
        Case(name, engine, precision, sizes[name])
        for name, path in exports.items()
        for precision in precisions
        if ENGINES[engine].find(path, precision)
    ]
    busy = machine.load() > machine.IDLE
    table = _measure(contenders, cases, say)
    latencies: dict[str, dict[str, dict[str, Any]]] = {}
    for row in table:
        latencies.setdefault(row.label, {})[row.precision] = {
            "engine": engine,
            "median_ms": row.median_ms,
            "minimum_ms": row.minimum_ms,
            "spread": row.spread,
            "busy": busy or _is_unsteady(table),
        }
    content = json.dumps({"of": written, "machine": where, "latencies": latencies}, indent=2)
    write_atomically(folder / FILE, content.encode())
    return latencies


def _measure(contenders: Sequence[Contender], cases: Sequence[Case], say: Say) -> list[Row]:
    # Octave and vanilla networks of one size in turns with each other, whatever their pairs.
    for contender in contenders:
        contender.twin = contenders[0].label
    return measure(contenders, cases, Settings(gpu=machine.has_gpu()), say)


def _is_unsteady(table: Sequence[Row]) -> bool:
    return any(row.spread > STEADY for row in table)


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = read_json(file, "")
    except OctConvError:
        return {}
    return kept if isinstance(kept, dict) else {}
