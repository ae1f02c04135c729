"""The plots of a report, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Of the networks of a group, the octave ones first; legible to the colour-blind.
_COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DPI = 120


def draw_all(results: dict[str, Any], folder: Path) -> dict[str, str]:
    """Draw every plot into a folder; returns their captions by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    captions: dict[str, str] = {}

    def draw(name: str, caption: str, plot: Callable[..., Figure], *arguments: Any) -> None:
        figure = plot(*arguments)
        figure.savefig(folder / name, dpi=_DPI, metadata={"Software": None})
        captions[name] = caption

    models = results["models"]
    for group in dict.fromkeys(model["group"] for model in models):
        members = [model for model in models if model["group"] == group]
        names = " and ".join(model["model"] for model in members)
        draw(f"accuracy-{group}.png", f"Accuracy of {names}", accuracy, members)
        draw(f"training-{group}.png", f"Loss and learning rate of {names}", training, members)
    if any(model["multiply_adds"] for model in models):
        draw("accuracy-cost.png", "Accuracy against multiply-adds", cost, models)
    for model in models:
        name = model["model"]
        if len(model["classes"]) <= 30:
            draw(f"confusion-{name}.png", f"Confusion matrix of {name}", confusion, model)
        if model["mistakes"]:
            image_root = Path(results["image_root"])
            caption = f"What {name} mistakes most confidently"
            draw(f"mistakes-{name}.png", caption, mistakes, model, image_root)
    return captions


def accuracy(models: Sequence[dict]) -> Figure:
    """Training and evaluation accuracy against the epoch, of several networks in one plot."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for model, color in zip(models, _cycle()):
        for key, style, what in (
            ("eval_accuracy", "o-", "evaluation"),
            ("train_accuracy", ":", "training"),
        ):
            _line(axes, model, key, style, color, f"{model['model']}, {what}")
    _finish(axes, "epoch", "top-1 accuracy")
    axes.legend(fontsize=9)
    return figure


def training(models: Sequence[dict]) -> Figure:
    """Training loss and learning rate against the epoch."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, rate = figure.subplots(1, 2)
    for number, (model, color) in enumerate(zip(models, _cycle())):
        _line(loss, model, "train_loss", "-", color, model["model"])
        points = np.array(model["runs"][0]["curves"]["learning_rate"])
        if len(points):
            # The same schedule lies on the other one: dashes let both be seen.
            style = "-" if number == 0 else "--"
            rate.plot(points[:, 0], points[:, 1], style, color=color, label=model["model"])
    _finish(loss, "epoch", "training loss")
    _finish(rate, "epoch", "learning rate")
    rate.set_ylim(bottom=0)
    loss.legend(fontsize=9)
    rate.legend(fontsize=9)
    return figure


def cost(models: Sequence[dict]) -> Figure:
    """Accuracy against multiply-adds; an arrow leads from a network to its octave form."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    known = [model for model in models if model["multiply_adds"] and model["eval_accuracy"]]
    points = {}
    for model in known:
        measured = model["eval_accuracy"]
        point = model["multiply_adds"] / 1e6, measured["mean"]
        points[model["model"]] = point
        color = _COLORS[0] if "alpha" in model["arch"] else _COLORS[1]
        axes.errorbar(*point, yerr=measured["spread"], fmt="o", color=color, capsize=4, zorder=3)
    for model in known:
        group = [other for other in known if other["group"] == model["group"]]
        if model is group[0] and len(group) == 2:
            start, end = (points[member["model"]] for member in reversed(group))
            arrow = {"arrowstyle": "->", "color": "0.6", "shrinkA": 6, "shrinkB": 6}
            axes.annotate("", end, start, arrowprops=arrow)
    axes.set_xscale("log")
    for set_formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        set_formatter(lambda value, position: f"{value:g}")
    axes.margins(x=0.25, y=0.25)
    for name, point in points.items():
        axes.annotate(name, point, (0, 9), textcoords="offset points", ha="center", fontsize=9)
    _finish(axes, "multiply-adds of one image, in millions", "evaluation accuracy", epochs=False)
    return figure


def confusion(model: dict) -> Figure:
    """Shares of each true class (rows) by predicted class (columns), in percent."""
    matrix = np.array(model["confusion"], float)
    matrix = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    count = len(matrix)
    side = max(4.5, 1.6 + 0.48 * count)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*matrix.shape):
        value = matrix[row, column]
        if value >= 0.5:
            color = "white" if value > 55 else "black"
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=8
            )
    names = model["classes"][:count]
    axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
    axes.set(xlabel="predicted", ylabel="true class", title=model["model"])
    figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)
    return figure


def mistakes(model: dict, image_root: Path) -> Figure:
    """The images that were taken for something else with the most confidence."""
    import cv2

    shown = model["mistakes"]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2 * columns, 2.35 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{model['model']}: most confident mistakes")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, mistake in zip(panels, shown):
        image = cv2.imread(str(image_root / mistake["image"]))
        if image is not None:
            axes.imshow(image[:, :, ::-1])
        title = (
            f"{mistake['label']}, taken for\n{mistake['predicted']} ({mistake['confidence']:.2f})"
        )
        axes.set_title(title, fontsize=9)
    return figure


def _line(axes, model: dict, key: str, style: str, color: str, label: str) -> None:
    """The mean over the seeds, and a band from the lowest to the highest."""
    curves = [dict(map(tuple, run["curves"][key])) for run in model["runs"]]
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    if not epochs:
        return
    values = np.array([[curve[epoch] for epoch in epochs] for curve in curves])
    axes.plot(epochs, values.mean(0), style, color=color, label=label, markersize=4)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)


def _finish(axes, x: str, y: str, epochs: bool = True) -> None:
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if epochs:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _cycle():
    while True:
        yield from _COLORS
