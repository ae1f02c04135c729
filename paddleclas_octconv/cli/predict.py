"""``paddleclas predict``: classify images with an exported folder, in the fastest engine."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Sequence

from ..common.errors import OctConvError
from ..common.files import demand_place, write_atomically
from ..common.progress import bar
from ..common.say import say
from ..deploy import engines
from .options import file_or_folder, positive, threads
from .tables import classes_table

HELP = "classify images with an exported network"
COLUMNS = ("file_name", "rank", "class_id", "label_name", "score", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "folder", type=file_or_folder, metavar="DIR", help="what 'paddleclas export' wrote"
    )
    parser.add_argument(
        "images",
        type=file_or_folder,
        metavar="IMAGE_OR_FOLDER",
        help="an image, or a folder of them",
    )
    parser.add_argument(
        "--engine",
        choices=engines.CHOICES,
        default=engines.AUTO,
        help="engine to run (default: the fastest one installed that has its file in DIR)",
    )
    parser.add_argument(
        "--precision",
        default="fp32",
        metavar="{" + ",".join(engines.PRECISIONS) + "}",
        help="precision to compute in (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=threads, help="CPU threads (default: as many as there are CPUs)"
    )
    parser.add_argument("--topk", type=positive, help="classes per image (default: as DIR says)")
    parser.add_argument(
        "--batch-size", type=positive, default=1, help="images per batch (default: %(default)s)"
    )
    parser.add_argument(
        "--json", type=file_or_folder, metavar="FILE", help="write the predictions here as JSON"
    )
    parser.add_argument(
        "--csv", type=file_or_folder, metavar="FILE", help="write them here, one row per class"
    )


def run(args: argparse.Namespace) -> int:
    """Print the likeliest classes of each image, or write them to files.

    Raises:
        OctConvError: some image cannot be read; the others are predicted all the same.
    """
    from ..deploy import classify

    for option, path in (("--json", args.json), ("--csv", args.csv)):
        if path:
            demand_place(option, path)
    classify.read_description(args.folder)
    paths = classify.find_images(args.images)
    classifier = classify.Classifier(
        args.folder, engine=args.engine, precision=args.precision, threads=args.threads
    )
    predictions = []
    to_files = args.json or args.csv
    with bar(len(paths), disable=len(paths) == 1) as shown:
        for prediction in classifier(paths, args.topk, args.batch_size):
            shown.update()
            predictions.append(prediction)
    if not to_files and any(not prediction.error for prediction in predictions):
        print(classes_table([each._asdict() for each in predictions if not each.error]))
    if args.json:
        rows = [prediction._asdict() for prediction in predictions]
        for row in rows:
            if row["error"] is None:
                del row["error"]
        text = json.dumps(rows, indent=1, ensure_ascii=False)
        _write("--json", args.json, text + "\n")
    if args.csv:
        _write("--csv", args.csv, _as_csv(predictions))
    unread = [prediction.error for prediction in predictions if prediction.error]
    if to_files:
        say(f"{len(predictions) - len(unread)} images predicted")
    if len(paths) > 1:
        for error in unread:
            say(f"warning: {error}")
    if unread:
        raise OctConvError(
            unread[0]
            if len(paths) == 1
            else f"{len(unread)} of {len(paths)} images could not be read, see above"
        )
    return 0


def _as_csv(predictions: Sequence) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in predictions:
        if not found.class_ids:  # one that cannot be read, or of none of several classes
            writer.writerow([found.file_name, "", "", "", "", found.error or ""])
        for rank, row in enumerate(zip(found.class_ids, found.label_names, found.scores), 1):
            writer.writerow([found.file_name, rank, *row, ""])
    return text.getvalue()


def _write(option: str, path: Path, text: str) -> None:
    try:
        # A file name that is no UTF-8 is written with escapes, which JSON reads back.
        write_atomically(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OctConvError(f"{option} {path}: cannot be written: {error.strerror}") from None
