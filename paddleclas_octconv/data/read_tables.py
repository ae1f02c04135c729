"""Lists and CSV files of own images as rows: whatever stands between their fields, and whoever has
written them."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Iterator, List, Sequence, Tuple

from ..common.errors import OctConvError
from ..common.files import read_bytes
from ..common.images import SUFFIXES, is_image
from ..common.numbers import whole

# Names of columns, in small letters without what stands between words.
IMAGE = (
    *("image", "imagepath", "imagefile", "imagename", "imageid", "file", "filename", "filenames"),
    *("filepath", "filepaths", "path", "img", "imgpath", "imgname", "photo", "picture", "id"),
    *("图片", "图像", "文件名"),
)
LABEL = (
    *("label", "class", "labelname", "classname", "category", "categoryname", "target", "tag"),
    *("labels", "tags", "classes", "categories", "attributes", "species", "breed"),
    *("labelid", "classid", "categoryid", "y", "类别", "标签"),
)
BETWEEN = r"[\s,;|]+"  # what stands between the labels of an image
_MARKS = "\t;|,"  # what separates columns; of those that fit, the first
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LOOKED_AT = 50  # rows in which images are looked for

Row = Tuple[int, List[str]]  # the number of its line, its fields


@dataclass
class Table:
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
    rows: list[Row]


def read(path: Path, folder: Path) -> Table:
    """A table of images and labels.

    Args:
        path: the file.
        folder: what its images are relative to.

    Raises:
        OctConvError: it is no text, or no such table.
    """
    rows = _rows(path, text_of(path), folder)
    if not rows:
        raise OctConvError(f"--source {path}: is empty; expected 'image,label' a line")
    number, cells = rows[0]
    is_header = not any(
        existing(folder, cell)
        or is_image(cell)
        or whole(cell) is not None
        or re.search(r"[/\\]", cell)
        for cell in cells
    )
    known = {plain(cell) for cell in cells}
    is_header = is_header or bool(known & {*IMAGE} and known & {*LABEL})
    if is_header and len(rows) == 1:
        raise OctConvError(
            f"--source {path}: its only line is {cells}: expected 'image,label' a line"
        )
    if is_header and (len(cells) > 1 or known & {*IMAGE}):
        return Table(path, folder, cells, rows[1:])
    if max(len(row) for _, row in rows) < 2:
        raise OctConvError(
            f"--source {path}:{number}: {cells} should be an image and a label, or a header with "
            "these names"
        )
    return Table(path, folder, None, rows)


def text_of(path: Path) -> str:
    """A text in UTF-8, or as spreadsheets write it elsewhere: in UTF-16, or in GBK.

    Raises:
        OctConvError: it is none.
    """
    content = read_bytes(path, "--source", 1 << 30)
    encodings = ("utf-16",) if content.startswith(_UTF_16) else ("utf-8-sig", "gbk")
    for encoding in encodings if b"\0" not in content or len(encodings) == 1 else ():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise OctConvError(
        f"--source {path}: should be a folder, or UTF-8 text: a CSV or list of images and labels; "
        "unpack an archive, save a sheet as CSV"
    )


def plain(name: str) -> str:
    """The name of a column, in small letters without what stands between words."""
    return re.sub(r"[\W_]", "", name.lower())


def existing(folder: Path, image: str) -> str | None:
    """An image as it is called below a folder: as it is given, with the slashes of this system, or
    with a suffix that is left out. Of one with the path of another machine, the end of it."""
    image = image.strip()
    if not image or "\0" in image:
        return None
    slashed = image.replace("\\", "/")
    ends = [image, slashed]
    if re.match(r"/|[A-Za-z]:/|\w+://", slashed):
        parts = PurePath(slashed).parts[1:]
        ends += ["/".join(parts[index:]) for index in range(len(parts))]
    for end in dict.fromkeys(ends):
        for suffix in ("", *SUFFIXES, *(suffix.upper() for suffix in SUFFIXES[:5])):
            # False for a name that is too long
            if os.path.isfile(folder / f"{end}{suffix}"):
                return f"{end}{suffix}"
    return None


def images_by_column(rows: Sequence[Row], folder: Path, with_suffix: bool = False) -> list[int]:
    """How many images that exist each column of the first rows names.

    Args:
        rows: those of a table.
        folder: what its images are relative to.
        with_suffix: whether a name without a suffix is none: it may be a label.
    """
    columns = zip_longest(*(cells for _, cells in rows[:LOOKED_AT]), fillvalue="")
    return [
        len(
            {existing(folder, cell) for cell in cells if is_image(cell) or not with_suffix} - {None}
        )
        for cells in columns
    ]


def _rows(path: Path, text: str, folder: Path) -> list[Row]:
    """The rows of a table: by the mark that cuts all lines alike, and images out of most of them;
    else of a CSV by its usual mark, of a list by its images."""
    lines = text.split("\n")
    words = (word for line in lines[:LOOKED_AT] for word in re.split(r"[\t;|,\"' ]", line))
    with_suffix = any(map(is_image, words))
    for mark in _MARKS:
        with contextlib.suppress(csv.Error):
            rows = list(_cut(text, mark))
            named = max(images_by_column(rows, folder, with_suffix), default=0)
            alike = len({len(cells) for _, cells in rows}) == 1
            if alike and len(rows[0][1]) > 1 and 2 * named >= len(rows[:LOOKED_AT]):
                return rows
    cut = [(number, _at_image(line, folder)) for number, line in enumerate(lines, 1)]
    if path.suffix.lower() in (".csv", ".tsv") and not cut[0][1]:
        try:
            return list(_cut(text, max(",;\t|", key=lines[0].count)))
        except csv.Error as error:
            raise OctConvError(f"--source {path}: {error}") from None
    return [
        (number, [_unquoted(cell) for cell in cells or _at_end(line)])
        for (number, cells), line in zip(cut, lines)
        if line.strip()
    ]


def _cut(text: str, mark: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text), delimiter=mark, skipinitialspace=True)
    for cells in reader:
        if any(map(str.strip, cells)):
            yield reader.line_num, [_unquoted(cell) for cell in cells]


def _at_image(line: str, folder: Path) -> list[str]:
    """The longest beginning of a line that is an image, and its labels; empty where none is."""
    for cut in reversed(list(re.finditer(f":?{BETWEEN}", line))):
        if existing(folder, _unquoted(line[: cut.start()])):
            return [line[: cut.start()], line[cut.end() :]]
    return []


def _at_end(line: str) -> list[str]:
    """What stands before the last tab, comma or space of a line, and after it."""
    image, _, label = line.strip().rpartition(next((m for m in "\t," if m in line), " "))
    return [image, label]


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
