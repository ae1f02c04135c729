"""``paddleclas infer``: PaddleClas's tools/infer.py on a config."""

from __future__ import annotations

import argparse
import csv
import json
import sys

from . import job
from .options import add_json, add_recipe
from .tables import fitted

HELP = "predict images (--images <image or folder>)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "images", "weights", "topk", "batch_size", "image_size", "device")
    add_json(parser).add_argument(
        "--csv", action="store_true", help="print a line an image and class, for a spreadsheet"
    )


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code, and print what it has found; returns its exit code."""
    task = job.prepare("infer", args)
    if args.json or args.csv:
        task.output = sys.stderr
    code = task.run()
    if code == 0:
        found = [found["prediction"] for found in task.results if "prediction" in found]
        if args.json:
            print(json.dumps([_as_json(image) for image in found], indent=2, ensure_ascii=False))
        elif args.csv:
            _print_csv(found)
        elif found:
            _print_table(found)
    return code


def _as_json(image: dict) -> dict:
    classes = [
        {"class_id": class_id, "class": name, "score": score}
        for class_id, name, score in _rows(image)
        if image.get("class_ids") != []
    ]
    return {"image": image.get("file_name", ""), "classes": classes}


def _print_csv(found: list[dict]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "class_id", "class", "score"])
    for image in found:
        writer.writerows([image.get("file_name", ""), *row] for row in _rows(image))


def _print_table(found: list[dict]) -> None:
    from prettytable import PrettyTable

    table = PrettyTable(["image", "class", "score"])
    table.align["image"] = table.align["class"] = "l"
    table.align["score"] = "r"
    for image in found:
        for index, (class_id, name, score) in enumerate(_rows(image)):
            shown = f"{score:.4f}" if isinstance(score, float) else score
            label = name if name == class_id or name == "" else f"{name} ({class_id})"
            table.add_row(["" if index else image.get("file_name", ""), label or class_id, shown])
    print(fitted(table))


def _rows(image: dict) -> list[tuple]:
    """(class, name, score) of what an image was found to be; of attributes, all they say."""
    ids, scores = image.get("class_ids"), image.get("scores")
    if not isinstance(ids, list):
        rest = {name: value for name, value in image.items() if name != "file_name"}
        return [("", f"{name}: {value}", "") for name, value in rest.items()]
    if not ids:  # of none of several classes
        return [("", "no class", "")]
    names = image.get("label_names") or []
    scores = scores if isinstance(scores, list) else []
    return [
        (
            class_id,
            names[index] if index < len(names) else "",
            scores[index] if index < len(scores) else "",
        )
        for index, class_id in enumerate(ids)
    ]
