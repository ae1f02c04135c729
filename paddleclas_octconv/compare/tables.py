"""The tables of a report, as text."""

from __future__ import annotations

import textwrap
from typing import Any, Callable, NamedTuple, Sequence

from ..common import machine
from ..common.numbers import significant
from ..run.display import short
from .accuracy import TOP1, noted

_ANY = " (top-1; with several labels an image, of labels)"


class Table(NamedTuple):
    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def accuracy_table(results: dict[str, Any]) -> Table:
    """The published table's columns, with what was published and the difference."""
    header = ["model", "epochs", "train acc", "eval acc", "eval loss", "total params"]
    models = results["models"]
    published = any(model["published"] for model in models)
    if published:
        header += ["published train", "published eval", "eval difference", "published params"]
    rows = []
    for model in models:
        row = [model["model"], str(model["epochs"])]
        row += [_accuracy(model["train_accuracy"]), _accuracy(model["eval_accuracy"])]
        row += [_accuracy(model["eval_loss"]), _maybe(model["total_parameters"], "{:,}".format)]
        if published and model["published"]:
            figures, measured = model["published"], model["eval_accuracy"]
            difference = measured and measured["mean"] - figures["eval_accuracy"]
            row += [f"{figures['train_accuracy']:.4f}", f"{figures['eval_accuracy']:.4f}"]
            row += [_maybe(difference, "{:+.4f}".format), f"{figures['total_parameters']:,}"]
        elif published:
            row += ["", "", "", ""]
        rows.append(row)
    note = (
        f"Accuracy{_counted(models) or _ANY} in the last epoch: over the "
        "epoch while training, and after it on the "
        "evaluation images. Total parameters count the running statistics of batch norms, as "
        "paddle.summary does."
    )
    if any(_seeds(model) > 1 for model in models):
        note += " Mean ± standard deviation over the seeds."
    if published:
        note += " Published: by the same recipe, 12 epochs on all 50,000 images at 224x224."
    return Table("Accuracy", note, header, rows)


def cost_table(results: dict[str, Any]) -> Table:
    """What the networks cost, to train and to run."""
    header = [
        "model",
        "input",
        "batch",
        "steps/epoch",
        "multiply-adds",
        "latency",
        "training speed",
        "peak memory",
        "training time",
        "exported acc",
    ]
    rows = []
    for model in results["models"]:
        latency = model["latency"]
        rows.append(
            [
                model["model"],
                f"{model['image_size']}x{model['image_size']}",
                str(model["batch_size"]),
                str(model["steps_per_epoch"]),
                _maybe(model["multiply_adds"], lambda n: f"{significant(n / 1e6, 4)} M"),
                _maybe(latency, _latency),
                _maybe(model["images_per_second"], lambda s: f"{significant(s['mean'])} images/s"),
                f"{model['peak_memory'] / 2**20:,.0f} MB",
                _maybe(model["train_seconds"], lambda s: f"{s['mean'] / 60:.1f} min"),
                _accuracy(model["exported_accuracy"]),
            ]
        )
    note = (
        "Multiply-adds and latency are of one image; the latency is the median of the exported "
        f"network in {_engine(results)}, measured in turns (one thread on a CPU), ± half the "
        "distance of the quartiles. Training speed leaves evaluation out, training time does not; "
        "peak memory is that of the training's processes on the host. Exported acc is the exported "
        "network's on the same images."
    )
    if any((model["latency"] or {}).get("busy") for model in results["models"]):
        note += " Other programs kept the machine busy meanwhile: the latencies are a guide alone."
    return Table("Cost", note, header, rows)


def formats_table(results: dict[str, Any]) -> Table | None:
    """Accuracy and latency in each precision; None where nothing was evaluated in any."""
    models = results["models"]
    precisions = [form["precision"] for form in models[0].get("formats", ())] if models else []
    if not precisions:
        return None
    header, accuracy = ["model"], models[0].get("accuracy", TOP1)
    for precision in precisions:
        header += [f"{precision} {accuracy}", f"{precision} latency"]
    best = {(name, front["precision"]) for front in results["fronts"] for name, _ in front["front"]}
    rows = []
    for model in models:
        row = [model["model"]]
        for form in model["formats"]:
            star = " *" if (model["model"], form["precision"]) in best else ""
            refused = "refused" if form["refused"] else ""
            row.append((_percent(form["top1"]) + star) if form["top1"] else refused)
            row.append(_maybe(form["latency"], _latency))
        rows.append(row)
    note = (
        f"On the {results['eval_images']:,} evaluation images, with the exported network in "
        f"{_engine(results)}. * On the front of its precision: no other network there is as "
        "accurate and as fast, and better in one of the two."
    )
    refusals = {f["refused"]: None for model in models for f in model["formats"] if f["refused"]}
    return Table("Formats", " ".join([note, *refusals]), header, rows)


def tables_of(results: dict[str, Any]) -> list[Table]:
    """All tables of a report."""
    found = (accuracy_table(results), formats_table(results), cost_table(results))
    return [table for table in found if table is not None]


def in_terminal(results: dict[str, Any]) -> str:
    """The verdicts and the main figures, in 80 columns."""
    header = ["model", "train acc", "eval acc", "mul-adds", "latency", "training"]
    lines = []
    for model in results["models"]:
        lines.append(
            [
                model["model"],
                _accuracy(model["train_accuracy"]).partition(" (")[0],
                _accuracy(model["eval_accuracy"]).partition(" (")[0],
                _maybe(model["multiply_adds"], lambda n: f"{significant(n / 1e6)} M"),
                _maybe(model["latency"], lambda t: f"{significant(t['median_ms'])} ms"),
                _maybe(model["train_seconds"], lambda s: f"{s['mean'] / 60:.1f} min"),
            ]
        )
    widths = [max(map(len, column)) for column in zip(header, *lines)]
    widths[0] = min(widths[0], max(12, 79 - sum(widths[1:]) - 2 * len(widths[1:])))
    lines = [[short(name, widths[0]), *others] for name, *others in lines]
    text = []
    for line in [header, *lines]:
        first, *others = (cell[:width].rjust(width) for cell, width in zip(line, widths))
        text.append("  ".join([first.strip().ljust(widths[0]), *others]))
    for verdict in results["verdicts"]:
        said = [verdict["advice"], verdict["text"]]
        text += ["", *(textwrap.fill(line, 79) for line in said)]
    fronts = [textwrap.fill(front["text"], 79) for front in results["fronts"]]
    return "\n".join([*text, *(["", *fronts] if fronts else [])])


def facts(results: dict[str, Any]) -> list[tuple[str, str]]:
    """What the figures depend on: (name, value)."""
    here = machine.in_words(results["machine"])
    trained_on = results.get("trained_on", [])
    elsewhere = [("Trained on", "; ".join(trained_on))] if {*trained_on} - {here} else []
    return [
        ("Data", results["image_root"]),
        ("Training images", f"{results['train_images']:,}"),
        ("Evaluation images", f"{results['eval_images']:,}"),
        ("Preset", results["preset"] or "none"),
        ("Machine", here),
        *elsewhere,
        ("Date", results["date"]),
        ("Command", results["command"]),
    ]


def _counted(models: Sequence[dict]) -> str:
    """What accuracy is, where it is not top-1."""
    return noted(models[0]) if models else ""


def _engine(results: dict[str, Any]) -> str:
    known = [model["latency"]["engine"] for model in results["models"] if model["latency"]]
    return {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}.get(
        next(iter(known), "paddle"), "Paddle Inference"
    )


def _latency(latency: dict[str, Any]) -> str:
    spread = latency["spread"] * latency["median_ms"]
    return f"{significant(latency['median_ms'])} ± {significant(spread, 1)} ms"


def _seeds(model: dict) -> int:
    return len(model["runs"])


def _accuracy(value: dict | None) -> str:
    if value is None:
        return ""
    if value["spread"] is None:
        return f"{value['mean']:.4f}"
    return f"{value['mean']:.4f} ± {value['spread']:.4f} ({value['count']})"


def _percent(value: dict) -> str:
    spread = "" if value["spread"] is None else f" ± {100 * value['spread']:.2f} ({value['count']})"
    return f"{100 * value['mean']:.2f}%{spread}"


def _maybe(value: Any, show: Callable[[Any], str]) -> str:
    return "" if value is None else show(value)
