"""Plots of trainings, drawn into axes: curves by epoch, and what is taken for what.

A model is what ``compare`` knows of a network: ``model``, its name; ``runs``, each with its
``curves`` as ``training_log.Curves`` has them; ``confusion`` and ``classes``.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

# Of the networks of a group, the octave ones first; legible to the colour-blind.
COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b")
FONT = 9  # points of the smallest letters; a plot of 4.2 inches fills a telephone
MOST_NUMBERED, MOST_NAMED = 12, 30  # classes, with a number in each cell, and with their names

Model = Mapping[str, Any]


def accuracy(axes: Any, models: Sequence[Model], epochs: int) -> None:
    """Training and evaluation accuracy against the epoch, of several networks in one plot."""
    _both(axes, models, "accuracy", epochs)


def loss(axes: Any, models: Sequence[Model], epochs: int) -> None:
    """Training and evaluation loss against the epoch."""
    _both(axes, models, "loss", epochs)


def learning_rate(axes: Any, models: Sequence[Model], epochs: int) -> None:
    """The learning rate against the epoch."""
    for number, (model, color) in enumerate(zip(models, colors())):
        points = np.array(model["runs"][0]["curves"]["learning_rate"])
        if len(points):
            # The same schedule lies on the other one: dashes let both be seen.
            style = "-" if number == 0 else "--"
            axes.plot(points[:, 0], points[:, 1], style, color=color, label=model["model"])
    finish(axes, "epoch", "learning rate", epochs)
    axes.set_ylim(bottom=0)


def confusion(axes: Any, model: Model) -> None:
    """Shares of each true class (rows) by predicted class (columns), in percent."""
    matrix = np.array(model["confusion"], float)
    matrix = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    count = len(matrix)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*matrix.shape) if count <= MOST_NUMBERED else ():
        value = matrix[row, column]
        if value >= 0.5:
            color = "white" if value > 55 else "black"
            position = {"ha": "center", "va": "center"}
            axes.text(column, row, f"{value:.0f}", color=color, fontsize=FONT - 1, **position)
    if count <= MOST_NAMED:
        names = [name if len(name) <= 14 else f"{name[:13]}…" for name in model["classes"][:count]]
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(count), names, fontsize=FONT, **slanted)
        axes.set_yticks(range(count), names, fontsize=FONT)
    else:
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="predicted", ylabel="true class")
    axes.figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)


def finish(axes: Any, x: str, y: str, epochs: int | None = None) -> None:
    """Name the axes; those of epochs begin at 0 and end with the training in each plot."""
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if epochs is not None:
        axes.set_xlim(0, epochs * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    count = len(axes.get_legend_handles_labels()[0])
    if count > 2:  # which would lie on the curves
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "frameon": False}
        axes.legend(fontsize=FONT, **above)
    elif count:
        axes.legend(fontsize=FONT)


def colors() -> Iterator[str]:
    """The colours over and over."""
    while True:
        yield from COLORS


def _both(axes: Any, models: Sequence[Model], what: str, epochs: int) -> None:
    for model, color in zip(models, colors()):
        name = f"{model['model']}, " if len(models) > 1 else ""
        _line(axes, model, f"eval_{what}", "o-", color, f"{name}evaluation")
        _line(axes, model, f"train_{what}", ":", color, f"{name}training")
    finish(axes, "epoch", what, epochs)


def _line(axes: Any, model: Model, key: str, style: str, color: str, label: str) -> None:
    """The mean over the seeds, and a band from the lowest to the highest."""
    curves = [dict(map(tuple, run["curves"].get(key, []))) for run in model["runs"]]
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    if not epochs:
        return
    values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    axes.plot(epochs, values.mean(0), style, color=color, label=label, markersize=4)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)
