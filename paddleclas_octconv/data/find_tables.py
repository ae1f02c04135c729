"""Own images in lists and CSV files: which column is what, in which split, of which classes."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

from ..common.errors import OctConvError
from ..common.files import read_text
from ..common.images import SUFFIXES, is_image
from ..common.numbers import whole
from .found import Finding, Found, as_label, split_of

TABLES = (".csv", ".tsv", ".txt", ".lst")
COLUMNS = "--columns"
# Names of columns, in small letters without what stands between words.
_IMAGE = (
    *("image", "imagepath", "imagefile", "imagename", "imageid", "file", "filename", "filenames"),
    *("filepath", "filepaths", "path", "img", "imgpath", "imgname", "photo", "picture", "id"),
)
_LABEL = (
    *("label", "class", "labelname", "classname", "category", "categoryname", "target", "tag"),
    *("labels", "tags", "classes", "categories", "attributes", "species", "breed"),
    *("labelid", "classid", "categoryid", "y"),
)
_SEVERAL = ("labels", "tags", "classes", "categories", "attributes")  # of one image
_SPLIT = ("split", "set", "subset", "dataset", "partition", "usage", "phase", "fold")
_NAMES = re.compile(r"(label|class|name)s?([ _-]?(name|list|map)s?)?\.txt", re.IGNORECASE)
_ONE = ("1", "1.0", "true", "yes")
_ZERO = ("0", "0.0", "-1", "-1.0", "false", "no")
_HOT = re.compile(r"[01]([,;| \t][01])+")
_LOOKED_AT = 50  # rows in which images are looked for, to know their column

_Row = Tuple[int, List[str]]  # the number of its line, its fields


class _Columns(NamedTuple):
    image: int
    labels: list[int]  # one, or one a class
    split: int | None


@dataclass
class _Table:
    """A CSV or list.

    Attributes:
        path: the file.
        folder: what its images are relative to.
        header: the names of its columns; None where it has none.
        rows: those of images.
    """

    path: Path
    folder: Path
    header: list[str] | None
    rows: list[_Row]


def tables_in(folder: Path) -> list[Path]:
    """The tables of a folder that list its images: those of splits, or the only one; else none."""
    tables = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in TABLES and path.is_file() and not _NAMES.fullmatch(path.name)
    ]
    of_splits = [path for path in tables if split_of(path.stem)[0]]
    if any(split_of(path.stem)[0] == "train" for path in of_splits):
        return of_splits
    texts = (".txt",) if any(path.suffix.lower() != ".txt" for path in tables) else ()
    tables = [path for path in tables if path.suffix.lower() not in texts]  # such as a readme
    return tables if len(tables) == 1 else []


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
    root = images or paths[0].parent
    splits = [split_of(path.stem)[0] for path in paths] if len(paths) > 1 else [""]
    if len(paths) > 1 and (not all(splits) or "train" not in splits or len({*splits}) < len(paths)):
        named = " ".join(str(path) for path in paths)
        raise OctConvError(
            f"--source {named}: which one is to train on? Name them as train.csv and val.csv"
        )
    finding = Finding(root, [])
    for path, split in zip(paths, splits):
        table = _read(path, images or path.parent)
        found = _columns(table, columns)
        reader = _reader(table, found)
        if reader.classes and finding.classes not in (None, reader.classes):
            raise OctConvError(f"--source {path}: has other classes than {paths[0]}")
        finding.classes = reader.classes or finding.classes
        finding.multi_label = finding.multi_label or reader.several
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


# Reading


def _read(path: Path, folder: Path) -> _Table:
    rows = list(_csv_rows(path) if path.suffix.lower() in (".csv", ".tsv") else _rows(path, folder))
    if not rows:
        raise OctConvError(f"--source {path}: is empty; expected 'image,label' a line")
    number, first = rows[0]
    cells = [cell.strip() for cell in first]
    is_header = not any(
        _existing(folder, cell)
        or is_image(cell)
        or whole(cell) is not None
        or re.search(r"[/\\]", cell)
        for cell in cells
    )
    known = {_plain(cell) for cell in cells}
    is_header = is_header or bool(known & {*_IMAGE} and known & {*_LABEL})
    if is_header and len(rows) == 1:
        raise OctConvError(
            f"--source {path}: its only line is {first}: expected 'image,label' a line"
        )
    if is_header and (len(cells) > 1 or known & {*_IMAGE}):
        return _Table(path, folder, cells, rows[1:])
    if max(len(row) for _, row in rows) < 2:
        raise OctConvError(
            f"--source {path}:{number}: {first} should be an image and a label, or a header with "
            "these names"
        )
    return _Table(path, folder, None, rows)


def _csv_rows(path: Path) -> Iterator[_Row]:
    text = read_text(path, "--source", most=1 << 30).lstrip("\ufeff")
    sample = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=sample.count))
    try:
        yield from ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    except csv.Error as error:
        raise OctConvError(f"--source {path}:{reader.line_num}: {error}") from None


def _rows(path: Path, folder: Path) -> Iterator[_Row]:
    """The lines of a list: an image, what separates, and a label, which follows the last space."""
    text = read_text(path, "--source", most=1 << 30).lstrip("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        hot = re.search(rf"[\t, ]({_HOT.pattern})$", line)
        if hot and _existing(folder, _unquoted(line[: hot.start()])):
            yield number, [_unquoted(line[: hot.start()]), hot[1]]
        elif "\t" in line:
            yield number, [_unquoted(field) for field in line.split("\t")]
        elif line:
            image, _, label = line.rpartition("," if "," in line else " ")
            yield number, [_unquoted(image), _unquoted(label)]


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _existing(folder: Path, image: str) -> str | None:
    """An image as it is called below a folder: as it is given, with the slashes of this system, or
    with a suffix that is left out. Of one with the path of another machine, the end of it."""
    image = image.strip()
    if not image or "\0" in image:
        return None
    slashed = image.replace("\\", "/")
    ends = [image, slashed]
    if re.match(r"/|[A-Za-z]:/", slashed):
        parts = PurePath(slashed).parts[1:]
        ends += ["/".join(parts[index:]) for index in range(len(parts))]
    for end in dict.fromkeys(ends):
        for suffix in ("", *SUFFIXES, *(suffix.upper() for suffix in SUFFIXES[:5])):
            # False for a name that is too long
            if os.path.isfile(folder / f"{end}{suffix}"):
                return f"{end}{suffix}"
    return None


# Columns


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _columns(table: _Table, wanted: Sequence[str]) -> _Columns:
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
        return _Columns(image, labels, _split_column(table, (image, *labels)))
    width = max(len(row) for _, row in table.rows)
    image = _image_column(table, width)
    split = _split_column(table, (image,))
    rest = [at for at in range(width) if at not in (image, split)]
    named = {_plain(name): at for at, name in reversed([*enumerate(header)])}
    label = next((named[name] for name in _LABEL if named.get(name) in rest), None)
    if label is not None:
        return _Columns(image, [label], split)
    values = {at: {_cell(row, at).lower() for _, row in table.rows} for at in rest}
    hot = [at for at in rest if values[at] <= {*_ONE, *_ZERO} and values[at] & {*_ONE, *_ZERO}]
    if len(hot) > 1:
        return _Columns(image, hot, split)
    if len(rest) == 1 or (rest and not header):
        return _Columns(image, rest[:1], split)
    if not rest:
        raise OctConvError(f"--source {table.path}: has no column of labels: {', '.join(header)}")
    raise OctConvError(
        f"--source {table.path}: which of the columns {', '.join(header)} has the labels? "
        f"{COLUMNS} {header[image]},NAME tells"
    )


def _image_column(table: _Table, width: int) -> int:
    """The column that names most images; where several do, the one that is called so."""
    some = [row for _, row in table.rows[:_LOOKED_AT]]
    names = [_plain(name) for name in table.header or ()]

    def order(at: int) -> tuple[int, int]:
        there = {_existing(table.folder, _cell(row, at)) for row in some} - {None}
        name = names[at] if at < len(names) else ""
        return len(there), -_IMAGE.index(name) if name in _IMAGE else -len(_IMAGE)

    return max(range(width), key=order)


def _split_column(table: _Table, taken: Sequence[int]) -> int | None:
    for at, name in enumerate(table.header or ()):
        if _plain(name) in _SPLIT and at not in taken:
            values = {_cell(row, at) for _, row in table.rows}
            if "train" in {split_of(value)[0] for value in values}:
                return at
    return None


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


def _reader(table: _Table, columns: _Columns) -> _Reader:
    names = [as_label(name) for name in table.header or ()]
    if len(columns.labels) > 1:
        classes = [names[at] if names else str(n) for n, at in enumerate(columns.labels)]
        return _Reader(
            lambda row: _of_flags([_cell(row, at) for at in columns.labels], classes), classes, True
        )
    (at,) = columns.labels
    texts = [_cell(row, at) for _, row in table.rows]
    hot = Counter(len(_flags(text)) for text in texts if _HOT.fullmatch(text))
    if sum(hot.values()) > len(texts) / 2:
        classes = [str(number) for number in range(hot.most_common(1)[0][0])]
        return _Reader(lambda row: _of_flags(_flags(_cell(row, at)), classes), classes, True)
    several = bool(names) and _plain(names[at]) in _SEVERAL
    mark = next((mark for mark in "|;" if any(mark in text for text in texts)), "")
    if not mark and several and any(re.search(r"[, ]", text) for text in texts):
        mark = "," if any("," in text for text in texts) else " "
    if mark:
        return _Reader(
            lambda row: tuple(dict.fromkeys(as_label(t) for t in _cell(row, at).split(mark) if t)),
            None,
            True,
        )
    return _Reader(
        lambda row: (as_label(_cell(row, at)),) if _cell(row, at) else "no label", None, False
    )


def _flags(text: str) -> list[str]:
    return re.split(r"[,;| \t]", text)


def _of_flags(flags: list[str], classes: list[str]) -> tuple[str, ...] | str:
    wrong = next((flag for flag in flags if flag.lower() not in (*_ONE, *_ZERO)), None)
    if wrong is not None or len(flags) != len(classes):
        return f"{','.join(flags)!r} should be 0 or 1 for each of {len(classes)} classes"
    return tuple(name for name, flag in zip(classes, flags) if flag.lower() in _ONE)


def _add(finding: Finding, table: _Table, columns: _Columns, reader: _Reader, split: str) -> None:
    """Add the images of a table to what is found."""
    seen = {image.path for image in finding.images}
    for number, row in table.rows:
        where = f"{table.path.name}:{number}"
        image = _cell(row, columns.image)
        path = _existing(table.folder, image)
        labels = reader.labels(row)
        of_row = split if columns.split is None else split_of(_cell(row, columns.split))[0]
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
    lines = [line for line in read_text(files[0], "--source").lstrip("\ufeff").split("\n")]
    names = [as_label(line) for line in lines if line.strip()]
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
