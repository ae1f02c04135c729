"""A picture of a network's stages: what share of them each branch has."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from matplotlib.figure import Figure

from .trace import Step

_BRANCHES = (("high or plain", "#d55e00"), ("low", "#0072b2"))


def per_stage(steps: Sequence[Step]) -> dict[str, np.ndarray]:
    """By the size of the high branch, such as "56x56": an array (3, 2).

    Its rows are the channels of its widest pair (or layer), the numbers in all convolutions'
    outputs, and the multiply-adds; its columns the high (or plain) and the low branch.
    """
    stages: dict[str, np.ndarray] = {}
    for step in steps:
        if not sum(step.multiply_adds):
            continue
        size = "x".join(map(str, step.high[1:])) or "classifier"
        stage = stages.setdefault(size, np.zeros((3, 2)))
        channels = step.high[0], 0 if step.low is None else step.low[0]
        stage[0] = max(tuple(stage[0]), channels, key=lambda pair: (pair[1] > 0, sum(pair)))
        stage[1] += step.elements
        stage[2] += step.multiply_adds
    return stages


def draw(steps: Sequence[Step], title: str) -> Figure:
    """Bars of the channels, the memory and the multiply-adds of each stage, by branch."""
    stages = per_stage(steps)
    figure = Figure(figsize=(11, 0.5 * len(stages) + 1.8), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, 3, sharey=True)
    values = np.array(list(stages.values()))
    places = np.arange(len(stages))
    labels = ("channels", "numbers in the outputs, in thousands", "multiply-adds, in millions")
    for axes, label, unit, column in zip(panels, labels, (1, 1e3, 1e6), range(3)):
        left = np.zeros(len(stages))
        for branch, (name, color) in enumerate(_BRANCHES):
            width = values[:, column, branch] / unit
            axes.barh(places, width, left=left, color=color, label=name, height=0.65)
            left += width
        totals = np.maximum(values[:, column].sum(1), 1)
        for place, end, share in zip(places, left, values[:, column, 1] / totals):
            if share:
                axes.text(end, place, f" {share:.0%} low", va="center", fontsize=8)
        axes.set_xlabel(label)
        axes.set_xlim(0, 1.25 * left.max())
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(places, list(stages))
    panels[0].set_ylabel("size of the maps")
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8, loc="lower right")
    return figure
