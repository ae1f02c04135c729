"""PaddleClas's list files ("image label" a line) and label maps ("0 airplane" a line).

With several labels an image, a 0 or 1 a class stands for the label: "image<tab>1,0,1".

One reader for all that read lists, by the trainer's own rule: a line, without the space around it,
is split at each ``delimiter``; the first field is the image, the second its label, and more are
left alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence, Tuple, Union

from ..common.errors import OctConvError
from ..common.files import read_bytes, read_text
from ..common.numbers import whole

#: One image: its path relative to ``image_root``, and its class index.
Entry = Tuple[str, int]
#: What an image is: a class index, or a 0 or 1 a class.
Label = Union[int, Tuple[int, ...]]

TRAIN_LIST = "train_list.txt"
VAL_LIST = "val_list.txt"
LABEL_MAP = "label_list.txt"
LABEL_MAP_KEY = "Infer.PostProcess.class_id_map_file"
DELIMITER = " "  # PaddleClas's, where a data set names no other
MULTI_LABEL = ("MultiLabelDataset", "MLClsDataset")  # the second is PaddleX's name for it
_OF_MULTI_LABEL = "\t"  # it takes no other
# Of a class that an image is not, is, or (in PaddleClas's attributes) may be.
_FLAGS = range(-1, 3)


class Line(NamedTuple):
    """A line of a list file.

    Attributes:
        number: from 1.
        text: the line.
        image: its first field.
        label: its second; None where that is missing or no whole number, or in a list of several
            labels no row of flags.
        several: whether the list is one of several labels.
    """

    number: int
    text: str
    image: str
    label: Label | None
    several: bool = False

    def wrong_label(self, delimiter: str, class_num: int | None) -> str | None:
        """What is wrong with its label, if anything; None as the number of classes: any."""
        if self.label is None:
            return self.wrong(delimiter)
        if isinstance(self.label, tuple):
            count = len(self.label)
            if class_num in (None, count):
                return None
            return f"{count} labels, but class_num is {class_num}: a 0 or 1 for each class"
        if class_num is not None and not 0 <= self.label < class_num:
            return f"label {self.label} is outside class_num {class_num} (0 to {class_num - 1})"
        return None

    def wrong(self, delimiter: str) -> str:
        """What a line without a label should be."""
        if self.several:
            return "should be '<image><tab><0 or 1 for each class, such as 1,0,1>'"
        what = f"should be '<image>{delimiter}<label>'"
        fields = self.text.split(delimiter)
        if whole(fields[-1].strip()) is not None and len(fields) > 2:
            what += (
                f"; an image whose name holds {delimiter!r} needs a list with another delimiter, "
                'such as a tab, named in dataset.delimiter: "\\t"'
            )
        return what


def read_lines(
    path: Path, name: str, delimiter: str = DELIMITER, several: bool = False
) -> list[Line]:
    """The lines of a list file, right or not.

    Args:
        path: the list file.
        name: the option or key that names it, for messages.
        delimiter: what stands between image and label.
        several: whether an image has several labels.

    Raises:
        OctConvError: it cannot be read, or is no UTF-8 text.
    """
    read_label = _flags if several else whole
    text = read_text(path, name, most=1 << 30)
    if text.startswith("\ufeff"):
        raise OctConvError(f"{name} {path}: begins with a byte order mark: save it without one")
    lines = []
    texts = text.split("\n")  # str.splitlines would split at more, as the trainer does not
    for number, line in enumerate(texts if texts[-1] else texts[:-1], 1):
        image, *fields = line.strip().split(delimiter)
        label = read_label(fields[0].strip()) if fields else None
        lines.append(Line(number, line, image, label, several))
    return lines


def _flags(text: str) -> tuple[int, ...] | None:
    flags = [whole(flag.strip()) for flag in text.split(",")]
    return tuple(flags) if all(flag in _FLAGS for flag in flags) else None  # type: ignore[arg-type]


def read_list(path: Path, name: str = "list", delimiter: str = DELIMITER) -> list[Entry]:
    """The images and labels of a list file with one label an image; see `read_lines`.

    Raises:
        OctConvError: as `read_lines`, or a line has no image or no label of 0 or more.
    """
    entries = []
    for line in read_lines(path, name, delimiter):
        if not line.image or not isinstance(line.label, int) or line.label < 0:
            raise _error(line, path, name, delimiter)
        entries.append((line.image, line.label))
    return entries


def read_labels(dataset: Mapping[str, Any], key: str) -> list[tuple[str, Label]]:
    """The images and labels of a config's ``dataset`` section, with one or several labels an image.

    Args:
        dataset: with ``cls_label_path``, and maybe a ``delimiter``.
        key: the dotted key of that section, for messages.
    """
    if not has_several(dataset):
        return list(read_dataset(dataset, key))
    path, name = Path(dataset["cls_label_path"]), f"{key}.cls_label_path:"
    entries: list[tuple[str, Label]] = []
    for line in read_lines(path, name, _OF_MULTI_LABEL, several=True):
        if not line.image or line.label is None:
            raise _error(line, path, name, _OF_MULTI_LABEL)
        entries.append((line.image, line.label))
    return entries


def read_dataset(dataset: Mapping[str, Any], key: str) -> list[Entry]:
    """As `read_labels`, of a data set with one label an image."""
    path = Path(dataset["cls_label_path"])
    return read_list(path, f"{key}.cls_label_path:", delimiter_of(dataset))


def has_several(dataset: Mapping[str, Any]) -> bool:
    """Whether the images of a ``dataset`` section have several labels each."""
    return dataset.get("name") in MULTI_LABEL


def delimiter_of(dataset: Mapping[str, Any]) -> str:
    """What stands between image and label in the list of a ``dataset`` section."""
    if has_several(dataset):
        return _OF_MULTI_LABEL
    return dataset.get("delimiter") or DELIMITER


def _error(line: Line, path: Path, name: str, delimiter: str) -> OctConvError:
    return OctConvError(f"{name} {path}:{line.number}: {line.text!r} {line.wrong(delimiter)}")


def list_text(path: Path, entries: Iterable[tuple[str, Any]], delimiter: str = DELIMITER) -> str:
    """Entries in the format ``ImageNetDataset`` reads.

    Args:
        path: of the list, to be named in an error.
        entries: of each image, its name and its label, a ``Label``.
        delimiter: what stands between them.

    Raises:
        OctConvError: the name of an image could not be read back.
    """
    lines = []
    for name, label in entries:
        text = ",".join(map(str, label)) if isinstance(label, tuple) else str(label)
        line = f"{name}{delimiter}{text}"
        if line.split(delimiter) != [name, text] or name != name.strip() or "\n" in name:
            raise OctConvError(f"{path}: {name!r} cannot stand in a list with {delimiter!r}")
        lines.append(f"{line}\n")
    return "".join(lines)


def write_list(path: Path, entries: Iterable[tuple[str, Any]], delimiter: str = DELIMITER) -> None:
    """Write entries in the format ``ImageNetDataset`` reads.

    Raises:
        OctConvError: the name of an image could not be read back.
    """
    path.write_text(list_text(path, entries, delimiter), encoding="utf-8")


def read_label_map(path: Path, delimiter: str = DELIMITER) -> dict[int, str]:
    """A label map in PaddleClas's format, one ``<class id><delimiter><name>`` a line, or of names
    alone, in the order of the classes.

    Args:
        path: the file.
        delimiter: what stands between the two; a name may hold it.

    Raises:
        OctConvError: it cannot be read, or a line is something else.
    """
    data = read_bytes(path, LABEL_MAP_KEY)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gbk", errors="replace")  # as PaddleClas's trainer does
    labels = {}
    lines = text.splitlines()
    if not any(line.partition(delimiter)[0].strip(" +-").isnumeric() for line in lines):
        names = [name.strip() for name in lines if name.strip()]
        if _are_numbered_otherwise(names):
            raise OctConvError(
                f"{LABEL_MAP_KEY}: {path}: {names[0]!r} should be '<class id>{delimiter}<name>' "
                "(Infer.PostProcess.delimiter), or a name alone"
            )
        return dict(enumerate(names))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        before, _, name = line.partition(delimiter)
        class_id = whole(before.strip())
        if class_id is None or class_id < 0:
            shown = line if len(line) <= 100 else f"{line[:100]}…"
            raise OctConvError(
                f"{LABEL_MAP_KEY}: {path}, line {number}: {shown!r} should be "
                f"'<class id>{delimiter}<name>'"
            )
        labels[class_id] = name
    return labels


def _are_numbered_otherwise(names: Sequence[str]) -> bool:
    """Whether these are numbers and names with something else between them, or names first: taken
    for names, they would be those of other classes."""
    before = [re.match(r"\d+\s*[,:;|\t]\s*\S", name) for name in names]
    after = [re.search(r"\S[\s,:;|]+(\d+)$", name) for name in names]
    numbers = [int(found[1]) for found in after if found]
    in_order = list(range(len(names)))
    return bool(names) and (all(before) or (numbers != in_order and sorted(numbers) == in_order))


def write_label_map(path: Path, labels: Iterable[tuple[int, str]]) -> None:
    """Write class ids and names in the format of PaddleClas's ``class_id_map_file``."""
    text = "".join(f"{class_id}{DELIMITER}{name}\n" for class_id, name in labels)
    path.write_text(text, encoding="utf-8")
