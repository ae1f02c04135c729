"""``paddleclas prepare``: write a data set where the shipped configs look for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import data
from ..data import list_files
from ..data.subsets import write_subset
from .options import positive

HELP = "prepare a data set: digits, cifar10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help=f"one of: {', '.join(data.DATASETS)}")
    parser.add_argument(
        "--source",
        type=Path,
        help="cifar10: cifar-10-python.tar.gz, its unpacked folder, or a folder, tar or zip of "
        "train|test/<class>/*.jpg|png (default: download the official archive)",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=data.DEFAULT_ROOT,
        help="folder to write <dataset>/ into (default: ./%(default)s)",
    )
    parser.add_argument(
        "--partial", action="store_true", help="cifar10: take a source that lacks images"
    )
    parser.add_argument(
        "--subset",
        type=positive,
        metavar="N",
        help="also write train_list_N.txt (and val_list_N.txt where there are as many images): "
        "N images with the classes in equal shares",
    )


def run(args: argparse.Namespace) -> int:
    made = data.prepare(args.dataset, args.source, args.root, args.partial)
    folder = args.root / args.dataset
    train, val = folder / list_files.TRAIN_LIST, folder / list_files.VAL_LIST
    counts = [len(list_files.read_list(path)) for path in (train, val)]
    print(
        f"{folder}: {counts[0]:,} training and {counts[1]:,} validation images"
        f"{'' if made else ' (prepared before)'}"
    )
    if args.subset is not None:
        for path, count in zip((train, val), counts):
            if path == train or args.subset <= count:
                print(f"wrote {write_subset(path, args.subset)}")
    return 0
