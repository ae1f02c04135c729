"""``paddleclas prepare``: write a data set, or make one's own images ready to train on."""

from __future__ import annotations

import argparse
import shlex

from .. import data
from ..api.prepare import ARCH, IMAGE_SIZE, VAL, prepare
from ..common.errors import OctConvError
from ..common.numbers import NOT_NEGATIVE
from ..common.say import escaped
from ..common.suggest import suggest
from ..data import list_files
from ..data.find_tables import COLUMNS
from ..data.folder import TEST_LIST
from ..data.found import EXPECTED
from ..data.subsets import write_subset
from .options import alpha, file_or_folder, pixels, positive, share, typed

HELP = "make your own images ready to train on (folder), or write digits or cifar10"
OWN = "folder"
SHOWN = 10  # images that are left out and named, unless --all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("dataset", help=f"one of: {', '.join((OWN, *data.DATASETS))}")
    parser.add_argument(
        "--source",
        type=file_or_folder,
        nargs="+",
        metavar="PATH",
        help=f"{OWN}: your images, {EXPECTED}, or a list for each split; cifar10: "
        "cifar-10-python.tar.gz, its unpacked folder, or a folder, tar or zip of "
        "train|test/<class>/*.jpg|png (default: download the official archive)",
    )
    parser.add_argument(
        "--root",
        type=file_or_folder,
        metavar="DIR",
        default=data.DEFAULT_ROOT,
        help="folder to write <dataset>/ into (default: ./%(default)s)",
    )
    parser.add_argument(
        "--partial", action="store_true", help="cifar10: accept a source that lacks images"
    )
    parser.add_argument(
        "--subset",
        type=positive,
        metavar="N",
        help="also write train_list_N.txt (and val_list_N.txt where there are as many images): "
        "N images with the classes in equal shares",
    )
    own = parser.add_argument_group("own images", f"options of 'prepare {OWN}'")
    own.add_argument(
        "--images",
        type=file_or_folder,
        metavar="DIR",
        help="the folder that the images of a CSV or list are relative to (default: its own)",
    )
    own.add_argument(
        COLUMNS,
        type=_names,
        metavar="IMAGE,LABEL",
        help="the columns of a CSV with the image and its label; where images have several labels, "
        "one column per class (default: found by their names and content)",
    )
    own.add_argument("--name", help="name of the data set (default: that of the source)")
    own.add_argument(
        "--arch",
        metavar="NAME",
        help=f"the network of the config, or Octave:NETWORK (default: {ARCH})",
    )
    own.add_argument(
        "--alpha",
        type=alpha,
        help="the network's share of low-frequency channels (default: its usual one)",
    )
    own.add_argument(
        "--pretrained",
        metavar="WHAT",
        help="what it starts from: True (the authors' ImageNet weights), vanilla (those of its "
        "vanilla twin) or a .pdparams file (default: nothing)",
    )
    own.add_argument(
        "--image-size",
        type=pixels,
        metavar="PIXELS",
        help=f"side of its input (default: {IMAGE_SIZE})",
    )
    own.add_argument(
        "--val",
        type=share,
        metavar="SHARE",
        help=f"share of each class to evaluate on, unless the source has a val (default: {VAL})",
    )
    own.add_argument(
        "--seed",
        type=typed(NOT_NEGATIVE),
        metavar="N",
        help="seed of that random draw (default: 0)",
    )
    own.add_argument(
        "--copy",
        action="store_true",
        default=None,
        help="copy the images, not only list them",
    )
    own.add_argument(
        "--config",
        type=file_or_folder,
        metavar="FILE",
        help="the config to write (default: <name>.yaml)",
    )
    own.add_argument(
        "--all",
        action="store_true",
        default=None,
        help=f"list everything that is left out, not only {SHOWN}",
    )
    parser.set_defaults(of_own=[action.dest for action in own._group_actions])


def run(args: argparse.Namespace) -> int:
    """Write it, and say what was written.

    Raises:
        OctConvError: the source or an option does not fit.
    """
    if args.dataset == OWN:
        return _prepare_own(args)
    known = (OWN, *data.DATASETS)
    if args.dataset not in known:
        raise OctConvError(
            f"unknown data set {args.dataset!r}{suggest(args.dataset, known)} "
            f"(data sets: {', '.join(known)}; your own images: prepare {OWN} --source DIR)"
        )
    for option in args.of_own:
        if getattr(args, option) is not None:
            raise OctConvError(f"--{option.replace('_', '-')}: goes with 'prepare {OWN}'")
    if args.source is not None and len(args.source) > 1:
        raise OctConvError(f"--source {args.source[1]}: {args.dataset} takes one source")
    source = args.source[0] if args.source else None
    made = data.prepare(args.dataset, source, args.root, args.partial)
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


def _prepare_own(args: argparse.Namespace) -> int:
    if args.source is None:
        raise OctConvError(f"prepare {OWN}: --source is missing: {EXPECTED}")
    if args.partial or args.subset:
        option = "--partial" if args.partial else "--subset"
        raise OctConvError(f"{option}: does not go with 'prepare {OWN}'")
    given = {name: getattr(args, name) for name in args.of_own if name != "all"}
    given = {name: value for name, value in given.items() if value is not None}
    prepared = prepare(args.source, root=args.root, **given)
    counts = prepared.images
    print(
        f"{prepared.folder}: {counts['train']:,} training and {counts['val']:,} validation images "
        f"of {len(prepared.classes)} classes"
        f"{', of which each may have several' * prepared.multi_label}"
    )
    for note in prepared.notes:
        print(escaped(note))
    if "test" in counts:
        print(f"{prepared.folder / TEST_LIST}: {counts['test']:,} more, to test with")
    _print_left_out(prepared.left_out, None if args.all else SHOWN)
    if prepared.is_new:
        print(f"{prepared.config}: the config; edit it as you like")
    elif prepared.is_edited:
        print(
            f"{prepared.config}: kept: it differs from the one that would be written "
            "(choose another file with --config)"
        )
    print(f"next: paddleclas train -c {shlex.quote(str(prepared.config))}")
    return 0


def _print_left_out(left_out: list[str], shown: int | None) -> None:
    if left_out:
        print(f"left out: {len(left_out)}")
        print("\n".join(f"  {escaped(what)}" for what in left_out[:shown]))
        if shown is not None and len(left_out) > shown:
            print(f"  … and {len(left_out) - shown} more (--all lists them)")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(
            f"{text!r} should be two or more names, such as image,label"
        )
    return names
