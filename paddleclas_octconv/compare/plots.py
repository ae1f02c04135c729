"""The plots of a report, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

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
        draw(f"training-{group}.png", f"Losses and learning rate of {names}", training, members)
    if any(model["multiply_adds"] for model in models):
        caption = "Accuracy against multiply-adds and against latency"
        draw("accuracy-cost.png", caption, cost, models)
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
    """Training and evaluation loss, and the learning rate, against the epoch."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, rate = figure.subplots(1, 2)
    for number, (model, color) in enumerate(zip(models, _cycle())):
        _line(loss, model, "eval_loss", "o-", color, f"{model['model']}, evaluation")
        _line(loss, model, "train_loss", ":", color, f"{model['model']}, training")
        points = np.array(model["runs"][0]["curves"]["learning_rate"])
        if len(points):
            # The same schedule lies on the other one: dashes let both be seen.
            style = "-" if number == 0 else "--"
            rate.plot(points[:, 0], points[:, 1], style, color=color, label=model["model"])
    _finish(loss, "epoch", "loss")
    _finish(rate, "epoch", "learning rate")
    rate.set_ylim(bottom=0)
    loss.legend(fontsize=9)
    rate.legend(fontsize=9)
    return figure


def cost(models: Sequence[dict]) -> Figure:
    """Accuracy against multiply-adds and, where it was measured, against latency."""
    latencies = [model["latency"] for model in models if model["latency"]]
    panels: list[tuple[str, Callable[[dict], float | None]]] = [
        ("multiply-adds of one image, in millions", _mega_adds)
    ]
    if latencies:
        engine = latencies[0].get("engine", "paddle")
        panels.append((f"latency of one image, in ms ({engine})", _milliseconds))
    figure = Figure(figsize=(6.2 * len(panels), 4.5), layout="constrained")
    for axes, (label, of) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels):
        _cost(axes, models, label, of)
    return figure


def _cost(
    axes: Any, models: Sequence[dict], label: str, of: Callable[[dict], float | None]
) -> None:
    """A point a network, octave ones round; a line leads from each through its octave forms."""
    points = {
        model["model"]: (of(model), model["eval_accuracy"]["mean"])
        for model in models
        if of(model) is not None and model["eval_accuracy"]
    }
    known = [model for model in models if model["model"] in points]
    for model, color in zip(known, _cycle()):
        axes.errorbar(
            *points[model["model"]],
            yerr=model["eval_accuracy"]["spread"],
            fmt="o" if model.get("twin_model") else "s",
            color=color,
            capsize=4,
            zorder=3,
            label=model["model"],
        )
    for twin in {model.get("twin_model") for model in known} - {None}:
        forms = [m for m in known if twin in (m["model"], m.get("twin_model"))]
        line = sorted((points[model["model"]] for model in forms), reverse=True)
        axes.plot(*zip(*line), color="0.7", zorder=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.margins(x=0.15, y=0.15)
    axes.legend(fontsize=9)
    _finish(axes, label, "evaluation accuracy", epochs=False)


def _mega_adds(model: dict) -> float | None:
    return model["multiply_adds"] / 1e6 if model["multiply_adds"] else None


def _milliseconds(model: dict) -> float | None:
    return model["latency"]["median_ms"] if model["latency"] else None


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
    curves = [dict(map(tuple, run["curves"].get(key, []))) for run in model["runs"]]
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
