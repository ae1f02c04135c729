"""One's own images: found, looked through, and split, wherever they lie.

A folder (``find_folders``) or a table of images and labels (``find_tables``), which a folder may
hold.
"""

from __future__ import annotations

import contextlib
import functools
import random
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Sequence

from ..common.errors import OctConvError
from ..common.files import why_no_file, why_no_folder
from . import find_folders, find_tables
from .find_tables import COLUMNS
from .found import EXPECTED, Finding, Found
from .list_files import Label
from .survey import FEW, content_of


@dataclass
class OwnImages:
    """Images that can be trained on.

    Attributes:
        root: the folder their paths are relative to.
        classes: their names; the index is the label.
        splits: "train", "val", and maybe "test", each with (path, label).
        left_out: what was not taken, with the reason.
        multi_label: whether an image may be of several classes; labels are then a 0 or 1 a class.
        notes: what was understood, and what is doubtful.
    """

    root: Path
    classes: list[str]
    splits: dict[str, list[tuple[str, Label]]]
    left_out: list[str] = field(default_factory=list)
    multi_label: bool = False
    notes: list[str] = field(default_factory=list)


def collect(
    sources: Sequence[Path],
    val: float,
    seed: int,
    threads: int,
    progress: Callable = lambda images, total: images,
    prepared: Path | None = None,
    images: Path | None = None,
    columns: Sequence[str] = (),
) -> OwnImages:
    """Find, look through and split the images of a folder, or of CSV files or lists.

    Args:
        sources: the folder, or a file, or a file a split.
        val: the share of each class that evaluates, where the source has no such part.
        seed: of that draw.
        threads: how many images are read at once.
        progress: wraps the images as they are read, such as ``tqdm``.
        prepared: the folder of prepared data sets, whose images are no class.
        images: the folder that the images of a file are relative to; None: its own.
        columns: the names of a file's columns, see ``find_tables.find``.

    Raises:
        OctConvError: naming what is wrong with the source, and what is expected.
    """
    finding = _find(sources, prepared, images, columns)
    contents: dict[Found, bytes] = {}
    with ThreadPoolExecutor(threads) as pool:
        looked_at = pool.map(lambda image: content_of(finding.root / image.path), finding.images)
        shown = progress(looked_at, total=len(finding.images))
        for image, (problem, digest) in zip(finding.images, shown):
            wrong = _unwritable(image.path) or (problem and problem.what)
            if wrong:
                finding.left_out.append(f"{image.path}: {wrong}")
            else:
                contents[image] = digest
    contents = _without_contradictions(contents, finding.left_out)
    if not contents:
        first = f": {finding.left_out[0]}" if finding.left_out else ""
        raise OctConvError(f"--source {sources[0]}: no image that can be read{first}")
    return _split(sources[0], finding, contents, val, seed)


# Finding


def _find(
    sources: Sequence[Path], prepared: Path | None, images: Path | None, columns: Sequence[str]
) -> Finding:
    if images is not None:
        wrong = why_no_folder(images)
        if wrong:
            raise OctConvError(f"--images {images}: {wrong}")
    for source in sources:
        is_folder = source.is_dir() and len(sources) == 1
        wrong = why_no_folder(source) if is_folder else why_no_file(source)
        if wrong:
            wrong = "no such file or folder" if wrong == "no such file" else wrong
            raise OctConvError(f"--source {source}: {wrong}")
    if not sources[0].is_dir():
        return find_tables.find(sources, images, columns)
    return _in_folder(sources[0], prepared, images, columns)


def _in_folder(
    source: Path, prepared: Path | None, images: Path | None, columns: Sequence[str]
) -> Finding:
    """The images of a folder by the tables in it, where these are lists of splits or its folders
    are no classes; else by its folders."""
    tables = find_tables.tables_in(source)
    if columns or images is not None:
        if not tables:
            option = COLUMNS if columns else "--images"
            raise OctConvError(f"{option}: needs a CSV or list as --source, or in that folder")
        return find_tables.find(tables, images, columns)
    by_folders = functools.partial(find_folders.find, source, prepared)
    if not tables:
        return by_folders()
    by_tables = functools.partial(_by_tables, source, tables)
    for way in (by_tables, by_folders) if len(tables) > 1 else (by_folders, by_tables):
        with contextlib.suppress(OctConvError):  # whatever these files are
            finding = way()
            if len({image.labels for image in finding.images}) > 1:
                return finding
    return by_tables()


def _by_tables(source: Path, tables: list[Path]) -> Finding:
    finding = find_tables.find(tables)
    names = ", ".join(path.relative_to(source).as_posix() for path in tables)
    finding.notes.append(f"labels are those of {names}")
    return finding


def _unwritable(path: str) -> str | None:
    """Why a path cannot stand in a list file."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if path != path.strip() or re.search(r"[\t\n\r]", path):
        return "its name has a tab, a line end, or a space at its edge"
    return None


def _without_contradictions(
    contents: dict[Found, bytes], left_out: list[str]
) -> dict[Found, bytes]:
    """Without images that are there under two labels: which is right, nobody knows."""
    groups: dict[bytes, list[Found]] = defaultdict(list)
    for image, content in contents.items():
        groups[content].append(image)
    kept = {}
    for image, content in contents.items():
        other = next((o for o in groups[content] if set(o.labels) != set(image.labels)), None)
        if other is None:
            kept[image] = content
        else:
            label = ", ".join(other.labels) or "no class"
            left_out.append(f"{image.path}: the same image as {other.path}, which is {label}")
    return kept


# Splitting


def _split(
    source: Path, finding: Finding, contents: dict[Found, bytes], val: float, seed: int
) -> OwnImages:
    left_out = finding.left_out
    names = {label for image in contents for label in image.labels}
    classes = finding.classes or sorted(names, key=_natural)
    if len(classes) < 2:
        raise OctConvError(
            f"--source {source}: only one class, {classes[0]}; expected {EXPECTED}, of two classes "
            "or more"
        )
    has_splits = any(image.split for image in contents)
    given: dict[str, list[Found]] = defaultdict(list)
    for image in contents:
        given[image.split or "train"].append(image)
    if has_splits and "val" in given:
        train, evaluate = given["train"], given["val"]
    else:
        train, evaluate = _draw(given["train"], contents, val, seed, finding.multi_label)
    if not evaluate:
        raise OctConvError(
            f"--source {source}: no class has two different images: none is left to evaluate on"
        )
    held_out = {contents[image]: image for image in (*given.get("test", ()), *evaluate)}
    kept = []
    for image in train:
        if contents[image] in held_out:
            other = held_out[contents[image]].path
            left_out.append(f"{image.path}: the same image as {other}, which evaluates")
        else:
            kept.append(image)
    if not kept:
        raise OctConvError(
            f"--source {source}: every image to train on is one to evaluate on, too: {left_out[-1]}"
        )
    trained = Counter(label for image in kept for label in image.labels)
    missing = {label for image in evaluate for label in image.labels} - set(trained)
    if missing and not finding.multi_label:
        raise OctConvError(
            f"--source {source}: class {sorted(missing)[0]} has images to evaluate on, but none to "
            "train on"
        )
    splits = {
        "train": kept,
        "val": evaluate,
        **({"test": given["test"]} if "test" in given else {}),
    }
    few = [f"{name} ({trained[name]})" for name in classes if trained[name] < FEW]
    if few:
        finding.notes.append(f"warning: fewer than {FEW} images to train on: {', '.join(few)}")
    index = {name: number for number, name in enumerate(classes)}

    def label_of(image: Found) -> Label:
        if finding.multi_label:
            return tuple(int(name in image.labels) for name in classes)
        return index[image.labels[0]]

    return OwnImages(
        finding.root,
        classes,
        {name: [(image.path, label_of(image)) for image in part] for name, part in splits.items()},
        left_out,
        finding.multi_label,
        finding.notes,
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Numbers in names in their order: class2 before class10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _draw(
    images: Iterable[Found],
    contents: dict[Found, bytes],
    share: float,
    seed: int,
    multi_label: bool,
) -> tuple[list[Found], list[Found]]:
    """Draw a share of each class for evaluation; images that are the same stay together.

    With several labels an image, of all images.
    """

    def stratum(image: Found) -> str:
        return "" if multi_label else image.labels[0]

    groups: dict[bytes, list[Found]] = defaultdict(list)
    for image in images:
        groups[contents[image]].append(image)
    sizes = Counter(map(stratum, images))
    by_class: dict[str, list[list[Found]]] = defaultdict(list)
    for group in groups.values():
        by_class[stratum(group[0])].append(group)
    drawn: set[Found] = set()
    for name, members in sorted(by_class.items()):
        random.Random(f"{seed}/{name}").shuffle(members)
        # A class of two has one on each side; a class of one is trained on.
        wanted = max(1, round(sizes[name] * share)) if len(members) > 1 else 0
        taken = 0
        for group in members[:-1]:
            if taken >= wanted:
                break
            drawn.update(group)
            taken += len(group)
    return [i for i in images if i not in drawn], [i for i in images if i in drawn]
