"""What an evaluation or an inference finds, told to the process that has started this one.

PaddleClas only logs it.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Iterator

from ..patches.paddleclas_engine import MAKE, within
from ..patches.paddleclas_logger import INFO, hear
from ..run.training_log import EVALUATED, VALUE
from . import telling
from .confusion import Confusion


def tell_evaluations(in_training: bool = False) -> None:
    """Tell the averages of each evaluation, once for all ranks.

    Args:
        in_training: whether what is taken for what is told, too, for the picture of a training.
    """
    if (os.environ.get("PADDLE_TRAINER_ID") or "0") != "0":
        return
    confusion = Confusion()
    if in_training:
        confusion.watch()

    def evaluated(message: str) -> None:
        found = EVALUATED.search(message)
        if found:
            values = {name: float(value) for name, value in VALUE.findall(found[2])}
            result = {"epoch": int(found[1]), "values": values}
            telling.found({**result, "confusion": confusion.taken()} if in_training else result)

    hear(INFO, evaluated)


def tell_predictions() -> None:
    """Tell what is predicted for each image."""
    within(MAKE, _with_predictions)


@contextlib.contextmanager
def _with_predictions(engine: Any) -> Iterator[None]:
    yield
    postprocess = getattr(engine, "postprocess_func", None)
    if postprocess is None:
        return

    def postprocess_and_tell(output: Any, file_names: Any = None) -> Any:
        predictions = postprocess(output, file_names)
        for prediction in predictions if isinstance(predictions, list) else ():
            if isinstance(prediction, dict):
                telling.found({"prediction": _plain(prediction)})
        return predictions

    engine.postprocess_func = postprocess_and_tell


def _plain(value: Any) -> Any:
    """A value without what JSON does not know, such as numbers of numpy."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
