"""All figures of a comparison, as one value for ``results.json``."""

from __future__ import annotations

import datetime
import json
import re
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

import numpy as np

from ..common import machine
from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.worker import Worker
from ..deploy.metadata import label_list
from ..deploy.metadata import read as read_export
from ..measure.operations import Operations
from ..post_training.distilling import student_arch
from ..run.watched import TRAIN, time_left
from . import curves, latency, reference
from .accuracy import accuracy_of, chance_of, share_right
from .differences import of_recipes
from .folder import load_runs, read_manifest
from .formats import predictions_file, refusal
from .front import fronts
from .planned import OCTAVIZE, Run
from .runs import LOG, is_done, read_state
from .variants import is_octave
from .verdict import verdicts

# What is told of work after the trainings: its name, and how far it is.
Stage = Callable[..., None]

_IPS = re.compile(r"\[Train\]\[Epoch.*\bips: ([0-9.]+)")
MISTAKES = 8  # the most confident ones that are kept


def collect(
    folder: Path,
    engine: str = "paddle",
    precisions: Sequence[str] = (),
    stage: Stage = lambda name, detail="": None,
) -> dict[str, Any]:
    """Read, count and measure everything about the runs of a comparison's folder.

    Args:
        folder: of the comparison.
        engine: what latency is measured in.
        precisions: of it, in which accuracy and latency stand side by side; none: in none.
        stage: is told what is going on.
    """
    manifest = read_manifest(folder) or {}
    runs = load_runs(folder)
    done = [run for run in runs if is_done(run)]
    models = list(dict.fromkeys(run.model for run in done))
    first = {model: next(run for run in done if run.model == model) for model in models}
    counted: dict[str, dict[str, Any]] = {}
    began = time.monotonic()
    for model, run in first.items():
        left = time_left(began, len(counted), len(first))
        stage("operations", f"{len(counted) + 1} of {len(first)}{left}")
        counted[model] = _count(run)
    stage("latency")
    measured = list(dict.fromkeys(["fp32", *precisions]))
    latencies = latency.of_exports(
        folder,
        list(first.values()),
        engine,
        measured,
        lambda message: stage("latency", message),
    )
    entries = []
    for model in models:
        members = [run for run in done if run.model == model]
        forms = latencies.get(model, {})
        entry = _model(model, members, counted[model], forms.get("fp32"))
        entry["formats"] = [
            _format(members, engine, precision, forms.get(precision)) for precision in precisions
        ]
        entries.append(entry)
    _pair(entries)
    return {
        "preset": manifest.get("preset"),
        "verdicts": verdicts(entries),
        "fronts": fronts(entries),
        "machine": machine.describe(),
        "trained_on": _trained_on(done),
        "date": datetime.date.today().isoformat(),
        "command": "; ".join(manifest.get("commands", [])),
        "image_root": runs[0].config.dataset("Eval")["image_root"],
        "train_images": runs[0].train_images,
        "eval_images": runs[0].eval_images,
        "models": entries,
        "unfinished": [run.name for run in runs if run not in done],
    }


def _trained_on(runs: Sequence[Run]) -> list[str]:
    """The machines and software that the trainings ran on, each once, in words."""
    segments = [segment for run in runs for segment in read_state(run)["segments"]]
    return list(dict.fromkeys(s["machine"] for s in segments if "machine" in s))


def spread(values: Iterable[float | None]) -> dict[str, float | int | None] | None:
    """Mean and sample standard deviation (None for a single value) of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return {"mean": statistics.mean(known), "spread": deviation, "count": len(known)}


def _model(name: str, runs: Sequence[Run], counted: dict, latency: dict | None) -> dict[str, Any]:
    config = runs[0].config
    figures = reference.figures_for(config, runs[0].train_images)
    results = [_run(run) for run in runs]
    means = (
        *("train_accuracy", "eval_accuracy", "best_eval_accuracy", "exported_accuracy"),
        *("eval_loss", "images_per_second", "train_seconds"),
    )
    return {
        "model": name,
        "accuracy": accuracy_of(config),
        "arch": student_arch(config["Arch"]),
        "config": config,
        "source": runs[0].trained.model if runs[0].source else None,
        "epochs": runs[0].epochs,
        "image_size": config.image_shape[-1],
        "batch_size": config.batch_size,
        "steps_per_epoch": runs[0].steps,
        **{key: spread(result[key] for result in results) for key in means},
        "peak_memory": max(result["peak_memory"] for result in results),
        **counted,
        "latency": latency,
        "published": figures and figures._asdict(),
        "runs": results,
        **_predictions(runs[0]),
    }


def _run(run: Run) -> dict[str, Any]:
    state, read = read_state(run), curves.read(run)
    evaluated = dict(read.eval_accuracy)
    exported = _accuracy(run, predictions_file(run.folder))
    return {
        "name": run.name,
        "seed": run.seed,
        "train_accuracy": dict(read.train_accuracy).get(run.epochs),
        # What is solved is evaluated as it is exported.
        "eval_accuracy": exported if run.making == OCTAVIZE else evaluated.get(run.epochs),
        "eval_loss": dict(read.eval_loss).get(run.epochs),
        "best_eval_accuracy": max(evaluated.values(), default=None),
        "exported_accuracy": exported,
        "images_per_second": _throughput(run),
        "train_seconds": state["seconds"].get("train"),
        "peak_memory": state["peak_memory"],
        "curves": read.as_dict(),
    }


def _format(
    runs: Sequence[Run], engine: str, precision: str, latency: dict | None
) -> dict[str, Any]:
    """A network in a format: accuracy of all seeds, latency of the first."""
    refused = next(filter(None, (refusal(run, engine, precision) for run in runs)), None)
    files = [(run, predictions_file(run.folder, engine, precision)) for run in runs]
    known = [] if refused else [(run, file) for run, file in files if file.is_file()]
    return {
        "engine": engine,
        "precision": precision,
        "top1": spread(_accuracy(run, file) for run, file in known),
        "latency": latency,
        "refused": refused,
    }


def _accuracy(run: Run, file: Path) -> float:
    found = _read_predictions(file)
    return share_right(found["labels"], found["predicted"], accuracy_of(run.config))


def _throughput(run: Run) -> float | None:
    """Images a second while training, without evaluation: the median of what PaddleClas logs.

    It logs those of one process; each of the others trains as many.
    """
    if run.making != TRAIN:
        return None
    text = (run.folder / LOG).read_text(encoding="utf-8", errors="replace")
    rates = [float(rate) for rate in _IPS.findall(text)]
    return run.world * statistics.median(rates) if rates else None


def _count(run: Run) -> dict[str, Any]:
    """Parameters and multiply-adds; empty where the network cannot be built by its name alone."""
    arch = student_arch(run.config["Arch"])
    options = {k: v for k, v in arch.items() if k not in ("name", "pretrained")}
    network: dict[str, Any] = dict(name=arch["name"], options=options)
    try:
        with Worker(Operations) as worker:
            size = run.config.image_shape[-1]
            return worker.call("describe", image_size=size, **network)
    except OctConvError:
        return {"parameters": None, "total_parameters": None, "multiply_adds": None, "twin": None}


def _read_predictions(file: Path) -> dict[str, np.ndarray]:
    return {key: np.array(values) for key, values in read_json(file, "").items()}


def _predictions(run: Run) -> dict[str, Any]:
    """The confusion matrix (rows: true classes), the most confident mistakes, and the accuracy of
    guessing. With several labels an image, each set of them is as a class."""
    found = _read_predictions(predictions_file(run.folder))
    chance = chance_of(found["labels"], accuracy_of(run.config))
    if found["labels"].ndim == 2:
        count = len(found["labels"])
        rows = np.concatenate([found["labels"], found["predicted"]])
        found["sets"], index = np.unique(rows, axis=0, return_inverse=True)
        found["labels"], found["predicted"] = index.reshape(-1)[:count], index.reshape(-1)[count:]
    described = read_export(run.folder / "inference") or {}
    last = max(int(found[key].max()) for key in ("labels", "predicted"))
    classes = run.config.at("Arch.class_num") or 0
    names = list(label_list(described) or ())
    names += [str(index) for index in range(len(names), max(classes, last + 1))]
    if "sets" in found:
        names = [
            ", ".join(name for name, flag in zip(names, flags) if flag > 0) or "none"
            for flags in found["sets"]
        ]
    count = len(names)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (found["labels"], found["predicted"]), 1)
    wrong = np.flatnonzero(found["labels"] != found["predicted"])
    wrong = wrong[np.argsort(-found["confidence"][wrong], kind="stable")][:MISTAKES]
    return {
        "classes": names,
        "chance": chance,
        "confusion": matrix.tolist(),
        "mistakes": [
            {
                "image": str(found["images"][index]),
                "label": names[found["labels"][index]],
                "predicted": names[found["predicted"][index]],
                "confidence": float(found["confidence"][index]),
            }
            for index in wrong
        ],
    }


def _pair(entries: list[dict]) -> None:
    """Name each octave network's twin, and the group that each model is plotted in: a twin's.

    The twin is the vanilla network or, where it is not compared, the octave one at alpha 0, which
    has no low frequencies. Of several, it is the one that was trained most alike; what tells the
    two recipes apart is named.
    """
    configs = {entry["model"]: entry.pop("config") for entry in entries}
    names = {entry["model"]: entry.pop("twin") for entry in entries}
    for entry in entries:
        others = [other for other in entries if other is not entry]
        vanilla = [
            other
            for other in others
            if not is_octave(other["arch"]) and other["arch"]["name"] == names[entry["model"]]
        ]
        bare = [
            other
            for other in others
            if other["arch"].get("alpha") == 0 != entry["arch"].get("alpha")
            and _without_alpha(other["arch"]) == _without_alpha(entry["arch"])
        ]
        config = configs[entry["model"]]
        apart = [(of_recipes(config, configs[e["model"]]), e) for e in (vanilla or bare)]
        differs, twin = min(apart, key=lambda found: len(found[0]), default=([], None))
        source = entry.pop("source")
        if source:  # it begins where that one ended
            differs, twin = [], next((e for e in others if e["model"] == source), None)
        entry["twin_model"] = twin and twin["model"]
        entry["twin_differs"] = differs
        if twin is not None:
            entry["group"] = twin["group"] = twin["model"]
    alone = [entry for entry in entries if "group" not in entry]
    for entry in alone:
        entry["group"] = alone[0]["model"] if len(alone) > 1 else entry["model"]
    order = [entry["group"] for entry in entries]
    entries.sort(key=lambda entry: order.index(entry["group"]))


def _without_alpha(arch: dict) -> str:
    return json.dumps({key: arch[key] for key in sorted(arch) if key != "alpha"}, sort_keys=True)
