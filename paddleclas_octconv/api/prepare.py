"""``prepare``: one's own images, ready to train on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from .. import data
from ..backbones.catalogue import CATALOGUE
from ..common import machine
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.files import why_no_file, write_atomically, writing
from ..common.numbers import NOT_NEGATIVE, PIXELS, SHARE
from ..common.progress import bar
from ..common.suggest import suggest
from ..config import find_config
from ..config.template import OwnData, own_config
from ..data import DATASETS, DEFAULT_ROOT, list_files, survey
from ..data import folder as own_folder
from ..octavizer.options import OCTAVE
from ..weights import VANILLA
from ..weights.address import is_address

ARCH, IMAGE_SIZE, VAL = "OctResNet50", 224, 0.2
_CONFIGS = {"digits": "Digits", "cifar10": "CIFAR10"}  # the folders of the shipped ones


@dataclass(frozen=True)
class Prepared:
    """Images that are ready to train on.

    Attributes:
        config: the file that trains on them.
        folder: of the lists and the names of the classes.
        images: how many there are to "train", to "val" and, where the source has some, to "test".
        classes: their names, by number.
        multi_label: whether an image may be of several classes.
        left_out: what is not trained on, each with the reason.
        notes: what else is to be said of the images.
        is_new: whether the config was written now.
        is_edited: whether one was there that differs: it is kept.
    """

    config: Path
    folder: Path
    images: dict[str, int]
    classes: list[str]
    multi_label: bool = False
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_new: bool = False
    is_edited: bool = False


def prepare(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    images: str | os.PathLike[str] | None = None,
    columns: Sequence[str] = (),
    name: str | None = None,
    root: str | os.PathLike[str] = DEFAULT_ROOT,
    arch: str = ARCH,
    alpha: float | Sequence[float] | None = None,
    pretrained: bool | str | os.PathLike[str] | None = None,
    image_size: int = IMAGE_SIZE,
    val: float = VAL,
    seed: int = 0,
    copy: bool = False,
    config: str | os.PathLike[str] | None = None,
) -> Prepared:
    """Write lists of one's own images, and a config, as ``paddleclas prepare folder`` does.

    Args:
        source: a folder with a folder a class, a CSV, a list, or one for each split. "digits" and
            "cifar10", where there is no such folder, are the data sets of the shipped configs; they
            take no option.
        images: the folder that the images of a CSV or list are relative to; by default its own.
        columns: those of a CSV that have the image and its label; by default they are found.
        name: of the data set; by default that of the source.
        root: the folder to write ``<name>/`` into.
        arch: the network of the config, or ``"Octave:NETWORK"``.
        alpha: its share of low-frequency channels; by default its own.
        pretrained: what it starts from: True, "vanilla" or a ``.pdparams`` file.
        image_size: side of its input, in pixels.
        val: share of each class to evaluate on, unless the source has a val.
        seed: another draw of that share.
        copy: copy the images, not only list them.
        config: the config to write; by default ``<name>.yaml``.

    Raises:
        OctConvError: the source or an option does not fit.
    """
    given = dict(locals())
    if source in DATASETS and not os.path.exists(source):
        for option, default in (prepare.__kwdefaults__ or {}).items():
            if given[option] != default:
                raise OctConvError(f"{option}: goes with images of your own, not with {source}")
        return _shipped(source)
    sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    paths = [Path(path) for path in sources]
    if not paths:
        raise OctConvError("--source: names nothing")
    start = None
    if pretrained is not None:
        start = str(pretrained) if isinstance(pretrained, bool) else os.fspath(pretrained)
    PIXELS.demand("image_size", image_size)
    SHARE.demand("val", val)
    NOT_NEGATIVE.demand("seed", seed)
    network, _, backbone = arch.partition(":")
    _check_arch(network, backbone)
    _check_pretrained(network, start)
    if alpha is not None:
        if network not in CATALOGUE and network != OCTAVE:
            raise OctConvError(f"--alpha: {network} is not an octave network")
        try:
            check_alpha(alpha, stages=None)
        except OctConvError as error:
            raise OctConvError(f"--alpha: {error}") from None
    name = name or _name_of(paths[0])
    if not re.fullmatch(r"[^/\\\s.][^/\\]*", name) or not name.isprintable():
        raise OctConvError(f"--name {name!r}: should be a name that a folder can have")
    file = Path(config or f"{name}.yaml")
    if file.is_dir():
        raise OctConvError(f"--config {file}: is a folder, not a file")
    target = Path(root) / name
    for option, path in (("--source", paths[0]), ("--root", target), ("--config", file)):
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise OctConvError(f"{option} {os.fsencode(path)!r}: a name in it is not UTF-8")

    def progress(images, total):
        return bar(total, name, items=images)

    own = own_folder.prepare(
        target,
        paths,
        val,
        seed,
        survey.default_threads(),
        copy,
        progress,
        Path(images) if images else None,
        [each.strip() for each in columns.split(",")] if isinstance(columns, str) else columns,
    )
    counts = {split: len(entries) for split, entries in own.splits.items()}
    text = own_config(
        OwnData(
            name=name,
            image_root=_posix(own.root),
            train_list=_posix(target / list_files.TRAIN_LIST),
            val_list=_posix(target / list_files.VAL_LIST),
            label_map=_posix(target / list_files.LABEL_MAP),
            infer_images=_posix(own.root / own.splits["val"][0][0]),
            class_num=len(own.classes),
            train_images=counts["train"],
            delimiter=own_folder.DELIMITER,
            multi_label=own.multi_label,
        ),
        network,
        image_size,
        "gpu" if machine.has_gpu() else "cpu",
        _options(network, backbone, alpha, start, image_size),
    )
    before = _write_config(file, text)
    return Prepared(
        config=file,
        folder=target,
        images=counts,
        classes=list(own.classes),
        multi_label=own.multi_label,
        left_out=list(own.left_out),
        notes=list(own.notes),
        is_new=before is None,
        is_edited=before not in (None, text),
    )


def _shipped(name: str) -> Prepared:
    """Prepare a data set that there are configs for."""
    data.prepare(name)
    folder = DEFAULT_ROOT / name
    lists = {"train": list_files.TRAIN_LIST, "val": list_files.VAL_LIST}
    return Prepared(
        config=find_config(f"{_CONFIGS[name]}/OctMobileNetV1"),
        folder=folder,
        images={split: len(list_files.read_list(folder / path)) for split, path in lists.items()},
        classes=list(list_files.read_label_map(folder / list_files.LABEL_MAP).values()),
    )


def _write_config(path: Path, text: str) -> str | None:
    """Write the config, unless there is one, which somebody may have edited; returns that."""
    with writing("--config", path):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode("utf-8"))
    return None


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
    alpha: float | Sequence[float] | None,
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
