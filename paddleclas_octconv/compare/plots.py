"""The plots of a report, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ..common import fonts
from ..run import plots
from ..run.picture import MOST_CLASSES
from ..run.plots import COLORS, FONT
from .accuracy import TOP1
from .front import front, points_of

# Of octave and of other networks, the first for so many networks as there are colours.
_MARKERS = (("o", "s"), ("^", "D"), ("v", "P"), ("<", "X"))
DPI = 160
_DECADE = 8  # an axis of costs that spans less has no tick of 1, 2, 5, 10, … to either end
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
        figure.savefig(folder / name, dpi=DPI, metadata={"Software": None})
        captions[name] = caption

    models = results["models"]
    epochs = max(model["epochs"] for model in models)  # all plots by epochs have one x axis
    drawn = dict(zip((model["model"] for model in models), _drawable(models)))
    for group in dict.fromkeys(model["group"] for model in models):
        members = [model["model"] for model in models if model["group"] == group]
        names = " and ".join(members)
        shown = [drawn[name] for name in members]
        for file, caption, plot in (
            ("accuracy", "Accuracy", plots.accuracy),
            ("loss", "Losses", plots.loss),
            ("learning-rate", "Learning rate", plots.learning_rate),
        ):
            draw(f"{file}-{group}.png", f"{caption} of {names}", by_epoch, plot, shown, epochs)
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
        if len(model["classes"]) <= MOST_CLASSES:
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


def least_width(file: Path) -> int:
    """The pixels of a page on which the letters of a plot can be read, 80 for an inch of it."""
    from PIL import Image

    with Image.open(file) as image:
        return round(80 * image.width / DPI)


def by_epoch(plot: Callable[..., None], models: Sequence[dict], epochs: int) -> Figure:
    """One of the plots by epochs, in a figure of its own."""
    figure, axes = _panel(2 * len(models))
    plot(axes, models, epochs)
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
    figure, axes = _panel(len(models))
    points = {
        model["model"]: (of(model), model["eval_accuracy"]["mean"])
        for model in models
        if of(model) is not None and model["eval_accuracy"]
    }
    known = [model for model in models if model["model"] in points]
    for number, (model, color) in enumerate(zip(known, plots.colors())):
        octave, other = _MARKERS[number // len(COLORS) % len(_MARKERS)]
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
    costs = [cost for cost, _ in points.values() if cost is not None] or [1]
    is_narrow = max(costs) < _DECADE * min(costs)
    axes.xaxis.set_major_locator(MaxNLocator(4) if is_narrow else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.margins(x=0.15, y=0.15)
    plots.finish(axes, label, "evaluation accuracy")
    return figure


def all_formats(models: Sequence[dict], label: str) -> Figure:
    """Top-1 against latency of all exported networks, and the front, drawn as steps.

    Args:
        models: of the results.
        label: what the latency is.
    """
    points = points_of(models)
    precisions = list(dict.fromkeys(point.precision for point in points))
    figure, axes = _panel(len(models) + len(precisions) + 1)
    filled = dict(zip(precisions, ("o", "s", "^", "D")))
    for model, color in zip(models, plots.colors()):
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
    plots.finish(axes, label, f"{models[0].get('accuracy', TOP1)}, %")
    return figure


def _mega_adds(model: dict) -> float | None:
    return model["multiply_adds"] / 1e6 if model["multiply_adds"] else None


def _milliseconds(model: dict) -> float | None:
    return model["latency"]["median_ms"] if model["latency"] else None


def _milliseconds_spread(model: dict) -> float:
    return model["latency"]["spread"] * model["latency"]["median_ms"]


def confusion(model: dict) -> Figure:
    """What a network takes for what; the more classes, the larger."""
    side = max(4.2, 1.8 + 0.2 * len(model["confusion"]))
    figure = Figure(figsize=(side, side * 0.9), layout="constrained")
    axes = figure.subplots()
    plots.confusion(axes, model)
    axes.set_title(model["model"], fontsize=10)
    return figure


def mistakes(model: dict, image_root: Path) -> Figure:
    """The images that were taken for something else with the most confidence."""
    import cv2

    shown = model["mistakes"]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.1 * columns, 2.4 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{model['model']}:\nmost confident mistakes", fontsize=10)
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
        axes.set_title(title, fontsize=FONT)
    return figure


def _panel(lines: int) -> tuple[Figure, Any]:
    """A figure of one plot with so many lines of legend above it, whose letters can still be read
    on a telephone."""
    figure = Figure(figsize=(4.2, 2.6 + 0.17 * lines), layout="constrained")
    return figure, figure.subplots()
