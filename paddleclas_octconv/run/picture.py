"""``results.png``: a training in one picture, beside its weights."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any, Sequence

from ..common import fonts
from ..common.errors import OctConvError
from ..common.files import write_atomically
from ..config import Config
from ..deploy import metadata
from .training_log import Curves

NAME = "results.png"
MOST_CLASSES = 100  # of a matrix that can be looked at
_DPI = 160


def draw(folder: Path, config: Config, curves: Curves, results: Sequence[dict], epoch: int) -> Path:
    """Draw the curves of a training, and what its network takes for what.

    Args:
        folder: of its weights.
        config: of it.
        curves: what has been logged.
        results: what its processes have told of their evaluations.
        epoch: that of the weights.

    Returns:
        The picture.
    """
    from matplotlib.figure import Figure

    from . import plots

    with fonts.for_any_script():
        model: dict[str, Any] = {"model": config.network, "runs": [{"curves": curves.as_dict()}]}
        evaluated = _confusion(results, epoch)
        panels = [plots.accuracy, plots.loss, plots.learning_rate]
        figure = Figure(figsize=(8.4, 6.8) if evaluated else (12.6, 3.6), layout="constrained")
        places = figure.subplots(2, 2).ravel() if evaluated else figure.subplots(1, 3)
        for plot, axes in zip(panels, places):
            plot(axes, [model], config.epochs)
        if evaluated:
            names = _class_names(config, len(evaluated["confusion"]))
            plots.confusion(places[-1], {**model, **evaluated, "classes": names})
            places[-1].set_title(f"evaluation after epoch {evaluated['epoch']}", fontsize=10)
        title = fonts.drawable([config.network], "network")[config.network]
        figure.suptitle(title)
        content = io.BytesIO()
        figure.savefig(content, dpi=_DPI, format="png", metadata={"Software": None})
    write_atomically(folder / NAME, content.getvalue())
    return folder / NAME


def _confusion(results: Sequence[dict], epoch: int) -> dict | None:
    """The evaluation of an epoch, or the last one where that was before these processes."""
    known = [each for each in results if each.get("confusion")]
    return next((each for each in reversed(known) if each["epoch"] == epoch), None) or (
        known[-1] if known else None
    )


def _class_names(config: Config, count: int) -> list[str]:
    names: Sequence[str] = ()
    with contextlib.suppress(OctConvError):  # the trainer does without a label map
        names = metadata.label_list(metadata.describe(config.sections)) or ()
    numbers = [str(index) for index in range(count)]
    named = [*names, *numbers[len(names) :]][:count]
    return list(fonts.drawable(named, "class").values()) if len(set(named)) == count else numbers
