"""``paddleclas prepare``: write a data set, or make one's own images ready to train on."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from pathlib import Path
from typing import Any

from .. import data
from ..backbones.catalogue import CATALOGUE
from ..common import machine
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.files import why_no_file, write_atomically, writing
from ..common.progress import bar
from ..common.say import escaped
from ..common.suggest import suggest
from ..config.template import OwnData, own_config
from ..data import list_files, survey
from ..data.find_tables import COLUMNS
from ..data.found import EXPECTED
from ..data.subsets import write_subset
from ..octavizer.options import OCTAVE
from ..weights import VANILLA
from ..weights.address import is_address
from .options import alpha, file_or_folder, pixels, positive, share, whole_number

HELP = "make your own images ready to train on (folder), or write digits or cifar10"
OWN = "folder"
SHOWN = 10  # images that are left out and named, unless --all
_ARCH, _IMAGE_SIZE, _VAL = "OctResNet50", 224, 0.2


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
        help=f"the network of the config, or Octave:NETWORK (default: {_ARCH})",
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
        help=f"side of its input (default: {_IMAGE_SIZE})",
    )
    own.add_argument(
        "--val",
        type=share,
        metavar="SHARE",
        help=f"share of each class to evaluate on, unless the source has a val (default: {_VAL})",
    )
    own.add_argument(
        "--seed", type=whole_number(0), metavar="N", help="seed of that random draw (default: 0)"
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
    from ..data import folder as own

    if args.source is None:
        raise OctConvError(f"prepare {OWN}: --source is missing: {EXPECTED}")
    if args.partial or args.subset:
        option = "--partial" if args.partial else "--subset"
        raise OctConvError(f"{option}: does not go with 'prepare {OWN}'")
    arch, _, backbone = (args.arch or _ARCH).partition(":")
    _check_arch(arch, backbone)
    _check_pretrained(arch, args.pretrained)
    if args.alpha is not None:
        if arch not in CATALOGUE and arch != OCTAVE:
            raise OctConvError(f"--alpha: {arch} is not an octave network")
        try:
            check_alpha(args.alpha, stages=None)
        except OctConvError as error:
            raise OctConvError(f"--alpha: {error}") from None
    name = args.name or _name_of(args.source[0])
    if not re.fullmatch(r"[^/\\\s.][^/\\]*", name) or not name.isprintable():
        raise OctConvError(f"--name {name!r}: should be a name that a folder can have")
    config = args.config or Path(f"{name}.yaml")
    if config.is_dir():
        raise OctConvError(f"--config {config}: is a folder, not a file")
    target = args.root / name
    for option, path in (("--source", args.source[0]), ("--root", target), ("--config", config)):
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise OctConvError(f"{option} {os.fsencode(path)!r}: a name in it is not UTF-8")

    def progress(images, total):
        return bar(total, name, items=images)

    images = own.prepare(
        target,
        args.source,
        _VAL if args.val is None else args.val,
        args.seed or 0,
        survey.default_threads(),
        bool(args.copy),
        progress,
        args.images,
        args.columns or (),
    )
    counts = {split: len(entries) for split, entries in images.splits.items()}
    print(
        f"{target}: {counts['train']:,} training and {counts['val']:,} validation images of "
        f"{len(images.classes)} classes{', of which each may have several' * images.multi_label}"
    )
    for note in images.notes:
        print(escaped(note))
    if "test" in counts:
        print(f"{target / own.TEST_LIST}: {counts['test']:,} more, to test with")
    _print_left_out(images.left_out, None if args.all else SHOWN)
    image_size = args.image_size or _IMAGE_SIZE
    text = own_config(
        OwnData(
            name=name,
            image_root=_posix(images.root),
            train_list=_posix(target / list_files.TRAIN_LIST),
            val_list=_posix(target / list_files.VAL_LIST),
            label_map=_posix(target / list_files.LABEL_MAP),
            infer_images=_posix(images.root / images.splits["val"][0][0]),
            class_num=len(images.classes),
            train_images=counts["train"],
            delimiter=own.DELIMITER,
            multi_label=images.multi_label,
        ),
        arch,
        image_size,
        "gpu" if machine.has_gpu() else "cpu",
        _options(arch, backbone, args.alpha, args.pretrained, image_size),
    )
    _write_config(config, text, given=args.config is not None)
    return 0


def _write_config(path: Path, text: str, given: bool) -> None:
    """Write the config, unless there is one that somebody has edited."""
    if path.is_file():
        with writing("--config", path):
            before = path.read_text(encoding="utf-8", errors="replace")
        if before != text:
            print(
                f"{path}: kept: it differs from the one that would be written "
                "(choose another file with --config)"
            )
    else:
        with writing("--config", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode("utf-8"))
        print(f"{path}: the config; edit it as you like")
    print(f"next: paddleclas train -c {shlex.quote(str(path))}")


def _print_left_out(left_out: list[str], shown: int | None) -> None:
    if left_out:
        print(f"left out: {len(left_out)}")
        print("\n".join(f"  {escaped(what)}" for what in left_out[:shown]))
        if shown is not None and len(left_out) > shown:
            print(f"  … and {len(left_out) - shown} more (--all lists them)")


def _check_arch(arch: str, backbone: str) -> None:
    if arch in CATALOGUE and not backbone:
        return
    from ..trainer.locate import locate
    from ..trainer.source import source_of

    given = f"{arch}:{backbone}" if backbone else arch
    if arch == OCTAVE and not backbone:
        raise OctConvError(f"--arch {arch}: of which network? Such as {OCTAVE}:ResNet50_vd")
    if backbone and arch != OCTAVE:
        raise OctConvError(f"--arch {given}: should be a network, or {OCTAVE}:NETWORK")
    names = source_of(locate().root).spelled("ppcls.arch.backbone")
    if (backbone or arch) not in names:
        near = suggest(backbone or arch, names if backbone else [*CATALOGUE, *names])
        raise OctConvError(f"--arch {given}: PaddleClas has no such network{near}")


def _check_pretrained(arch: str, pretrained: str | None) -> None:
    named = arch in CATALOGUE and pretrained == CATALOGUE[arch].twin
    if pretrained in (None, "True", "False", VANILLA) or named:
        return
    if is_address(pretrained):
        return
    weights = pretrained if pretrained.endswith(".pdparams") else f"{pretrained}.pdparams"
    wrong = why_no_file(weights)
    if wrong:
        raise OctConvError(
            f"--pretrained {pretrained!r}: {wrong}: {weights} (or True, False, {VANILLA})"
        )


def _options(
    arch: str,
    backbone: str,
    alpha: float | list[float] | None,
    pretrained: str | None,
    image_size: int,
) -> dict[str, Any]:
    """What stands under ``Arch`` besides the name and the number of classes."""
    start: Any = {"True": True, "False": False, None: False}.get(pretrained, pretrained)
    if backbone:  # whose own weights are the vanilla ones
        start = True if start == VANILLA else start
        return {
            "backbone": {"name": backbone, "pretrained": start},
            "alpha": 0.5 if alpha is None else alpha,
            "input_size": image_size,
        }
    options: dict[str, Any] = {}
    if arch in CATALOGUE:
        given = alpha if alpha is not None else CATALOGUE[arch].options.get("alpha", 0.5)
        options["alpha"] = given
    options["pretrained"] = start
    return options


def _name_of(source: Path) -> str:
    path = Path(os.path.abspath(source))
    name = path.stem if path.is_file() else path.name
    name = re.sub(r"[\s\\]+", "_", name).lstrip(".")
    return "".join(letter if letter.isprintable() else "_" for letter in name) or "own"


def _posix(path: Path) -> str:
    text = path.as_posix()
    return text if path.is_absolute() or text.startswith(".") else f"./{text}"


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(
            f"{text!r} should be two or more names, such as image,label"
        )
    return names
