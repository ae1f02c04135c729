"""Own images in lists and CSV files: which column is what, in which split, of which classes."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

from ..common.errors import OctConvError
from ..common.numbers import whole
from .found import Finding, Found, as_label, is_split, split_of
from .read_tables import (
    BETWEEN,
    IMAGE,
    LABEL,
    LOOKED_AT,
    Table,
    existing,
    images_by_column,
    plain,
    read,
    text_of,
)

TABLES = (".csv", ".tsv", ".txt", ".lst")
COLUMNS = "--columns"
_SEVERAL = ("labels", "tags", "classes", "categories", "attributes")  # of one image
_SPLIT = ("split", "set", "subset", "dataset", "partition", "usage", "phase", "fold")
_IS_SPLIT = {"isvalid": "val", "isval": "val", "istest": "test"}
_LISTS = ("", "list", "label", "labels")  # what else a list of a split is usually called
_NAMES = re.compile(
    r"((label|class|name)s?|.+[ _-](label|class))([ _-]?(name|list|map)s?)?\.txt", re.IGNORECASE
)
_ONE = ("1", "1.0", "true", "yes")
_ZERO = ("0", "0.0", "-1", "-1.0", "false", "no")
_HOT = re.compile(rf"(0|-?1)({BETWEEN}(0|-?1))+")
_NUMBERS = re.compile(rf"\d+({BETWEEN}\d+)*")
_LISTED = re.compile(r"[\[{](.*)[\]}]")  # as Python writes it
_ANNOTATION = re.compile(r"\.(xml|json|txt|png|jpe?g)", re.IGNORECASE)


class _Columns(NamedTuple):
    image: int
    labels: list[int]  # one, or one a class
    split: int | None
    splits: dict[str, str]  # by what stands in that column


def tables_in(folder: Path) -> list[Path]:
    """The tables of a folder that list its images: those of splits, in it or one in the folder of
    each split, or the only one; else none."""
    tables = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in TABLES and path.is_file() and not _NAMES.fullmatch(path.name)
    ]
    of_splits = [path for path in tables if _split_of(path)]
    counts = Counter(map(_split_of, of_splits))
    of_splits = [p for p in of_splits if counts[_split_of(p)] == 1 or split_of(p.stem)[1] in _LISTS]
    inside = [
        path
        for split in sorted(folder.iterdir())
        if split.is_dir() and is_split(split.name)
        for path in tables_in(split)
    ]
    for found in (of_splits, inside):
        if "train" in map(_split_of, found):
            return found
    texts = (".txt",) if any(path.suffix.lower() != ".txt" for path in tables) else ()
    tables = [path for path in tables if path.suffix.lower() not in texts]  # such as a readme
    return tables if len(tables) == 1 else []


def _split_of(table: Path) -> str:
    """The split that a table lists, by its name or by that of its folder; "" for none."""
    return split_of(table.stem)[0] or is_split(table.parent.name)


def find(paths: Sequence[Path], images: Path | None = None, columns: Sequence[str] = ()) -> Finding:
    """The images that tables list.

    Args:
        paths: CSV files or lists; of several, each is a split, which its name says.
        images: the folder their images are relative to, by default that of each table.
        columns: the names of the columns of the images and of the labels; of several, each is a
            class, in which an image is or is not. By default they are found.

    Raises:
        OctConvError: a table cannot be read, or names no image that exists.
    """
    is_absolute = any(path.is_absolute() for path in paths)
    folders = [os.path.abspath(p.parent) if is_absolute else str(p.parent) for p in paths]
    root = images or Path(os.path.commonpath(folders))
    splits = list(map(_split_of, paths)) if len(paths) > 1 else [""]
    if len(paths) > 1 and (not all(splits) or "train" not in splits or len({*splits}) < len(paths)):
        named = " ".join(str(path) for path in paths)
        raise OctConvError(
            f"--source {named}: which one is to train on? Name them as train.csv and val.csv"
        )
    finding = Finding(root, [])
    for path, split in zip(paths, splits):
        table = read(path, images or path.parent)
        found = _columns(table, columns)
        reader = _reader(table, found)
        if reader.classes and finding.classes not in (None, reader.classes):
            raise OctConvError(f"--source {path}: has other classes than {paths[0]}")
        finding.classes = reader.classes or finding.classes
        finding.multi_label = finding.multi_label or reader.several
        unread = _unread(table, found)
        if unread:
            finding.notes.append(f"{path.name}: not read: column {', '.join(unread)}")
        _add(finding, table, found, reader, split)
    if not finding.images:
        raise OctConvError(
            f"--source {paths[0]}: names no image that exists beside it (the first: "
            f"{finding.left_out[0]}); expected lines of 'image,label', images relative to {root} "
            "(--images names another folder)"
        )
    if finding.classes and all(len(image.labels) == 1 for image in finding.images):
        finding.multi_label = False
        finding.notes.append("each image has one column that is 1: its class")
    _call_by_names(finding, paths[0].parent)
    return finding


# Columns


def _columns(table: Table, wanted: Sequence[str]) -> _Columns:
    """Which column is what.

    Raises:
        OctConvError: that cannot be told, or a column that was asked for is not there.
    """
    header = table.header or []
    if wanted:
        missing = next((name for name in wanted if name not in header), None)
        if missing is not None:
            has = f"has {', '.join(header)}" if header else "has no header"
            raise OctConvError(f"{COLUMNS} {missing}: {table.path} {has}")
        image, *labels = [header.index(name) for name in wanted]
        return _Columns(image, labels, *_split_column(table, (image, *labels)))
    image = _image_column(table)
    split = _split_column(table, (image,))
    rest = [at for at in range(_width(table)) if at not in (image, split[0])]
    named = {plain(name): at for at, name in reversed([*enumerate(header)])}
    label = next((named[name] for name in LABEL if named.get(name) in rest), None)
    if label is not None:
        return _Columns(image, [label], *split)
    values = {at: {_cell(row, at).lower() for _, row in table.rows} for at in rest}
    hot = [at for at in rest if values[at] <= {*_ONE, *_ZERO} and values[at] & {*_ONE, *_ZERO}]
    if len(hot) > 1:
        return _Columns(image, hot, *split)
    if len(rest) == 1 or (rest and not header):
        return _Columns(image, rest[:1], *split)
    if not rest:
        raise OctConvError(f"--source {table.path}: has no column of labels: {', '.join(header)}")
    raise OctConvError(
        f"--source {table.path}: which of the columns {', '.join(header)} has the labels? "
        f"{COLUMNS} {header[image]},NAME tells"
    )


def _image_column(table: Table) -> int:
    """The column that names most images; where several do, the one that is called so."""
    counts = images_by_column(table.rows, table.folder)
    names = [plain(name) for name in table.header or ()]

    def order(at: int) -> tuple[int, int]:
        name = names[at] if at < len(names) else ""
        return counts[at], -IMAGE.index(name) if name in IMAGE else -len(IMAGE)

    return max(range(len(counts)), key=order)


def _split_column(table: Table, taken: Sequence[int]) -> tuple[int | None, dict[str, str]]:
    """The column that says the split of each row, and what it says for which."""
    header = table.header or []
    for at in [at for at in range(_width(table)) if at not in taken]:
        name = plain(header[at]) if at < len(header) else ""
        cells = {_cell(row, at) for _, row in table.rows}
        splits = {cell: split_of(cell)[0] for cell in cells if name in _SPLIT}
        if name in _IS_SPLIT:
            splits = {c: _IS_SPLIT[name] if c.lower() in _ONE else "train" for c in cells}
        elif not header and all(map(is_split, cells)):
            splits = {cell: is_split(cell) for cell in cells}
        if "train" in splits.values():
            return at, splits
    return None, {}


def _unread(table: Table, columns: _Columns) -> list[str]:
    """Columns that seem to say a split, or that have no name, and are of no use here."""
    names = table.header or [str(number) for number in range(1, _width(table) + 1)]
    read = (columns.image, columns.split, *columns.labels)
    is_told = [table.header is None or plain(name) in _SPLIT for name in names]
    return [name for at, name in enumerate(names) if is_told[at] and at not in read]


def _width(table: Table) -> int:
    return max(len(row) for _, row in table.rows)


def _cell(row: list[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""


# Labels


class _Reader(NamedTuple):
    """How the labels of a table are read.

    Attributes:
        labels: gives the names of a row's classes, or in one text why it has none.
        classes: all names, in their order; None: what is found.
        several: whether an image may be of several classes.
    """

    labels: Callable[[list[str]], tuple[str, ...] | str]
    classes: list[str] | None
    several: bool


def _reader(table: Table, columns: _Columns) -> _Reader:
    names = [as_label(name) for name in table.header or ()]
    if len(columns.labels) > 1:
        classes = [names[at] if names else str(n) for n, at in enumerate(columns.labels)]
        return _Reader(
            lambda row: _of_flags([_cell(row, at) for at in columns.labels], classes), classes, True
        )
    (at,) = columns.labels

    def text_in(row: list[str]) -> str:
        listed = _LISTED.fullmatch(_cell(row, at))
        return re.sub("['\"]", "", listed[1]).strip() if listed else _cell(row, at)

    texts = [text_in(row) for _, row in table.rows]
    if all(_ANNOTATION.fullmatch(os.path.splitext(text)[1]) for text in texts[:LOOKED_AT]):
        raise OctConvError(
            f"--source {table.path}: its labels are files, such as {texts[0]}: those of detection "
            "or segmentation; expected the class of each image"
        )
    hot = Counter(len(_flags(text)) for text in texts if _HOT.fullmatch(text))
    if sum(hot.values()) > len(texts) / 2:
        classes = [str(number) for number in range(hot.most_common(1)[0][0])]
        return _Reader(lambda row: _of_flags(_flags(text_in(row)), classes), classes, True)
    several = bool(names) and plain(names[at]) in _SEVERAL
    several = several or any(_LISTED.fullmatch(_cell(row, at)) for _, row in table.rows)
    several = several or all(map(_NUMBERS.fullmatch, texts))
    mark = next((mark for mark in "|;" if any(mark in text for text in texts)), "")
    if not mark and several and any(re.search(r"[, ]", text) for text in texts):
        mark = "," if any("," in text for text in texts) else " "
    if mark:
        return _Reader(
            lambda row: tuple(dict.fromkeys(as_label(t) for t in text_in(row).split(mark) if t)),
            None,
            True,
        )
    return _Reader(
        lambda row: (as_label(text_in(row)),) if text_in(row) else "no label", None, False
    )


def _flags(text: str) -> list[str]:
    return re.split(BETWEEN, text)


def _of_flags(flags: list[str], classes: list[str]) -> tuple[str, ...] | str:
    wrong = next((flag for flag in flags if flag.lower() not in (*_ONE, *_ZERO)), None)
    if wrong is not None or len(flags) != len(classes):
        return f"{','.join(flags)!r} should be 0 or 1 for each of {len(classes)} classes"
    return tuple(name for name, flag in zip(classes, flags) if flag.lower() in _ONE)


def _add(finding: Finding, table: Table, columns: _Columns, reader: _Reader, split: str) -> None:
    """Add the images of a table to what is found."""
    seen = {image.path for image in finding.images}
    folder = Path(os.path.relpath(table.folder, finding.root))
    for number, row in table.rows:
        where = f"{table.path.name}:{number}"
        image = _cell(row, columns.image)
        found = existing(table.folder, image)
        path = found and (folder / found).as_posix()
        labels = reader.labels(row)
        of_row = split if columns.split is None else columns.splits[_cell(row, columns.split)]
        if len(row) <= max(columns.image, *columns.labels):
            wrong = "should be an image and a label"
        elif path is None:
            wrong = f"no such image: {image}"
        elif isinstance(labels, str):
            wrong = labels
        elif columns.split is not None and not of_row:
            wrong = f"no split: {_cell(row, columns.split)!r}"
        elif path in seen:
            wrong = f"{image} for the second time"
        else:
            seen.add(path)
            finding.images.append(Found(path, labels, of_row))
            continue
        finding.left_out.append(f"{where}: {wrong}")


def _call_by_names(finding: Finding, folder: Path) -> None:
    """Give classes that are numbers the names that a labels.txt beside the table has for them.

    Raises:
        OctConvError: it has none for one of them.
    """
    files = [path for path in sorted(folder.iterdir()) if _NAMES.fullmatch(path.name)]
    numbers = {label for image in finding.images for label in image.labels}
    if not files or any(whole(label) is None for label in (*numbers, *(finding.classes or ()))):
        return
    names = [as_label(line) for line in text_of(files[0]).split("\n") if line.strip()]
    parts = [name.partition(" ") for name in names]
    if [number for number, _, _ in parts] == [str(n) for n in range(len(names))]:
        names = [name for _, _, name in parts]  # PaddleClas's label map
    beyond = next((n for n in numbers if not 0 <= int(n) < len(names)), None)
    if beyond is not None or len(set(names)) < len(names):
        what = f"has no name for label {beyond}" if beyond else "has a name twice"
        raise OctConvError(f"--source {files[0]}: {what}: expected one name per line, from label 0")
    finding.classes = names
    finding.notes.append(f"the names of the classes are those in {files[0].name}")
    finding.images = [
        image._replace(labels=tuple(names[int(label)] for label in image.labels))
        for image in finding.images
    ]
