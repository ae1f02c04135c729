"""``paddleclas infer``: PaddleClas's tools/infer.py on a config."""

from __future__ import annotations

import argparse
import csv
import json
import sys

from . import job
from .options import add_json, add_recipe
from .tables import classes_of, classes_table

HELP = "predict images (--images <image or folder>)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "images", "weights", "topk", "batch_size", "image_size", "device")
    add_json(parser).add_argument(
        "--csv", action="store_true", help="print CSV: a line for each image and class"
    )


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code, and print what it has found; returns its exit code."""
    task = job.job_from("infer", args)
    if args.json or args.csv:
        task.output = sys.stderr
    code = task.run()
    if code == 0:
        found = [found["prediction"] for found in task.results if "prediction" in found]
        if args.json:
            print(json.dumps([_as_json(image) for image in found], indent=2, ensure_ascii=False))
        elif args.csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(["image", "class_id", "class", "score"])
            for image in found:
                writer.writerows([image.get("file_name", ""), *row] for row in classes_of(image))
        elif found:
            print(classes_table(found))
    return code


def _as_json(image: dict) -> dict:
    classes = [
        {"class_id": class_id, "class": name, "score": score}
        for class_id, name, score in classes_of(image)
        if image.get("class_ids") != []
    ]
    return {"image": image.get("file_name", ""), "classes": classes}
