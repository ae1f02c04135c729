"""The plots of a report, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from . import fonts
from .front import front, points_of

# Of the networks of a group, the octave ones first; legible to the colour-blind.
_COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b")
# Of octave and of other networks, the first for so many networks as there are colours.
_MARKERS = (("o", "s"), ("^", "D"), ("v", "P"), ("<", "X"))
_DPI = 160
_NAMES = ("label", "predicted")  # of classes, in a mistake


def draw_all(results: dict[str, Any], folder: Path) -> dict[str, str]:
    """Draw every plot into a folder, in place of those there; returns captions by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.png"):
        stale.unlink()
    with fonts.for_any_script():
        return _draw_all(results, folder)


def _draw_all(results: dict[str, Any], folder: Path) -> dict[str, str]:
    captions: dict[str, str] = {}

    def draw(name: str, caption: str, plot: Callable[..., Figure], *arguments: Any) -> None:
        figure = plot(*arguments)
        figure.savefig(folder / name, dpi=_DPI, metadata={"Software": None})
        captions[name] = caption

    models = results["models"]
    drawn = dict(zip((model["model"] for model in models), _drawable(models)))
    for group in dict.fromkeys(model["group"] for model in models):
        members = [model["model"] for model in models if model["group"] == group]
        names = " and ".join(members)
        shown = [drawn[name] for name in members]
        draw(f"accuracy-{group}.png", f"Accuracy of {names}", accuracy, shown)
        draw(f"loss-{group}.png", f"Losses of {names}", loss, shown)
        draw(f"learning-rate-{group}.png", f"Learning rate of {names}", learning_rate, shown)
    points = list(drawn.values())
    if len(points) > 1 and any(model["multiply_adds"] for model in models):
        label = "multiply-adds of one image, in millions"
        caption = "Accuracy against multiply-adds"
        draw("accuracy-multiply-adds.png", caption, cost, points, label, _mega_adds)
    engines = [model["latency"].get("engine", "paddle") for model in models if model["latency"]]
    if len(points) > 1 and engines:
        label = f"latency of one image, in ms ({engines[0]})"
        caption = "Accuracy against latency; the bars are half the distance of the quartiles"
        ways = (_milliseconds, _milliseconds_spread)
        draw("accuracy-latency.png", caption, cost, points, label, *ways)
        formats = {point.precision for point in points_of(points)}
        if formats:
            caption = f"Top-1 against latency in {', '.join(sorted(formats))}, and the front"
            draw("accuracy-formats.png", caption, all_formats, points, label)
    for (name, model), original in zip(drawn.items(), models):
        if len(model["classes"]) <= 30:
            caption = f"Confusion matrix of {name}{_numbered(original['classes'])}"
            draw(f"confusion-{name}.png", caption, confusion, model)
        if model["mistakes"]:
            image_root = Path(results["image_root"])
            caption = f"What {name} mistakes most confidently"
            draw(f"mistakes-{name}.png", caption, mistakes, model, image_root)
    return captions


def _numbered(classes: Sequence[str]) -> str:
    """Which classes stand in a plot with a number for a name, in words."""
    drawn = fonts.drawable(classes, "class")
    said = [f"{shown} is {name}" for name, shown in drawn.items() if shown != name]
    return f" ({', '.join(said)})" if said else ""


def _drawable(models: Sequence[dict]) -> list[dict]:
    """The models with names of networks and classes that the fonts can write."""
    networks = fonts.drawable([model["model"] for model in models], "network")
    found = []
    for model in models:
        classes = fonts.drawable(model["classes"], "class")
        shown = [
            {**mistake, **{key: classes.get(mistake[key], mistake[key]) for key in _NAMES}}
            for mistake in model["mistakes"]
        ]
        twin = str(model.get("twin_model"))
        found.append(
            {
                **model,
                "model": networks[model["model"]],
                "twin_model": networks.get(twin, model.get("twin_model")),
                "classes": [classes[name] for name in model["classes"]],
                "mistakes": shown,
            }
        )
    return found


def accuracy(models: Sequence[dict]) -> Figure:
    """Training and evaluation accuracy against the epoch, of several networks in one plot."""
    figure, axes = _panel()
    for model, color in zip(models, _cycle()):
        for key, style, what in (
            ("eval_accuracy", "o-", "evaluation"),
            ("train_accuracy", ":", "training"),
        ):
            _line(axes, model, key, style, color, f"{model['model']}, {what}")
    _finish(axes, "epoch", "accuracy")
    axes.legend(fontsize=9)
    return figure


def loss(models: Sequence[dict]) -> Figure:
    """Training and evaluation loss against the epoch."""
    figure, axes = _panel()
    for model, color in zip(models, _cycle()):
        _line(axes, model, "eval_loss", "o-", color, f"{model['model']}, evaluation")
        _line(axes, model, "train_loss", ":", color, f"{model['model']}, training")
    _finish(axes, "epoch", "loss")
    axes.legend(fontsize=9)
    return figure


def learning_rate(models: Sequence[dict]) -> Figure:
    """The learning rate against the epoch."""
    figure, axes = _panel()
    for number, (model, color) in enumerate(zip(models, _cycle())):
        points = np.array(model["runs"][0]["curves"]["learning_rate"])
        if len(points):
            # The same schedule lies on the other one: dashes let both be seen.
            style = "-" if number == 0 else "--"
            axes.plot(points[:, 0], points[:, 1], style, color=color, label=model["model"])
    _finish(axes, "epoch", "learning rate")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9)
    return figure


def cost(
    models: Sequence[dict],
    label: str,
    of: Callable[[dict], float | None],
    spread: Callable[[dict], float] | None = None,
) -> Figure:
    """Accuracy against what one image costs, in multiply-adds or in milliseconds.

    A point a network, octave ones round and others square, until the colours are used up; a line
    leads from each through its octave forms.

    Args:
        models: of the results.
        label: what the cost is.
        of: the cost of a network; None where it is not known.
        spread: what it is uncertain by.
    """
    figure, axes = _panel()
    points = {
        model["model"]: (of(model), model["eval_accuracy"]["mean"])
        for model in models
        if of(model) is not None and model["eval_accuracy"]
    }
    known = [model for model in models if model["model"] in points]
    for number, (model, color) in enumerate(zip(known, _cycle())):
        octave, other = _MARKERS[number // len(_COLORS) % len(_MARKERS)]
        axes.errorbar(
            *points[model["model"]],
            xerr=spread and spread(model),
            yerr=model["eval_accuracy"]["spread"],
            fmt=octave if model.get("twin_model") else other,
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
    return figure


def all_formats(models: Sequence[dict], label: str) -> Figure:
    """Top-1 against latency of all exported networks, and the front, drawn as steps.

    Args:
        models: of the results.
        label: what the latency is.
    """
    figure, axes = _panel()
    points = points_of(models)
    precisions = list(dict.fromkeys(point.precision for point in points))
    filled = dict(zip(precisions, ("o", "s", "^", "D")))
    for model, color in zip(models, _cycle()):
        own = [point for point in points if point.model == model["model"]]
        label_of = dict(label=model["model"])
        axes.plot([p.ms for p in own], [100 * p.top1 for p in own], color=color, lw=0.6, alpha=0.6)
        for point in own:
            marker = filled[point.precision]
            axes.plot(point.ms, 100 * point.top1, marker, color=color, **label_of)
            label_of = {}
    for precision, marker in filled.items():
        axes.plot([], [], marker, color="0.5", label=precision)
    best = front(points)
    ends = [(point.ms, 100 * point.top1) for point in best]
    axes.step(*zip(*ends), where="post", color="0.3", lw=1.2, ls="--", zorder=1, label="front")
    axes.margins(x=0.1, y=0.1)
    axes.legend(fontsize=7)
    _finish(axes, label, "top-1, %", epochs=False)
    return figure


def _mega_adds(model: dict) -> float | None:
    return model["multiply_adds"] / 1e6 if model["multiply_adds"] else None


def _milliseconds(model: dict) -> float | None:
    return model["latency"]["median_ms"] if model["latency"] else None


def _milliseconds_spread(model: dict) -> float:
    return model["latency"]["spread"] * model["latency"]["median_ms"]


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


def _panel() -> tuple[Figure, Any]:
    """A figure of one plot, whose letters can still be read on a telephone."""
    figure = Figure(figsize=(5.2, 3.5), layout="constrained")
    return figure, figure.subplots()


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
