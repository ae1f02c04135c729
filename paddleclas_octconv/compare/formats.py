"""The formats of an exported network beside Paddle's own: made where they are missing.

A format is an engine and a precision. What each network predicts in it lies in a file of its own.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import write_atomically
from ..deploy import conversion
from ..deploy.engines import CONVERTED
from .planned import Run

_OWN = ("paddle", "fp32")  # the format that every run is evaluated in
_REFUSED = "refused"


def predictions_file(folder: Path, engine: str = _OWN[0], precision: str = _OWN[1]) -> Path:
    """Where a run's folder keeps what its network predicts in a format."""
    form = "" if (engine, precision) == _OWN else f"-{engine}-{precision}"
    return folder / f"predictions{form}.json"


def prepare(run: Run, engine: str, precision: str) -> str | None:
    """Write the model of a format into a run's export, where it is not there.

    Returns:
        Why the network cannot be had in INT8, where the engine or the checks of ``deploy.int8``
        refuse it; None where all is well.

    Raises:
        OctConvError: it cannot be converted.
    """
    folder, converted = run.folder / "inference", CONVERTED.get(engine)
    if converted is None:
        return None
    if converted.find(folder, "fp32") is None:
        conversion.add(converted, folder, run.config.image_shape)
    if precision != "int8" or converted.find(folder, "int8") is not None:
        return None
    from ..deploy.int8 import add

    data = add.data_of(run.config)
    # The whole evaluation list is counted afterwards, whatever INT8 loses.
    data = data._replace(evaluation=data.training)
    _, refused = add.add(folder, [converted], data, lambda items, about, count: items, 100.0)
    if not refused:
        return None
    content = json.dumps({_REFUSED: str(refused[0])})
    write_atomically(predictions_file(run.folder, engine, precision), content.encode())
    return str(refused[0])


def refusal(run: Run, engine: str, precision: str) -> str | None:
    """Why ``prepare`` found that a network cannot be had in a format; None where it can."""
    try:
        return read_json(predictions_file(run.folder, engine, precision), "").get(_REFUSED)
    except OctConvError:
        return None
