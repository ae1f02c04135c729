"""PaddleClas's list files ("image label" a line) and label maps ("0 airplane" a line).

One reader for all that read lists, by the trainer's own rule: a line, without the space around it,
is split at each ``delimiter``; the first field is the image, the second its label, and more are
left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence, Tuple

from ..common.errors import OctConvError
from ..common.files import read_text
from ..common.numbers import whole

#: One image: its path relative to ``image_root``, and its class index.
Entry = Tuple[str, int]

TRAIN_LIST = "train_list.txt"
VAL_LIST = "val_list.txt"
LABEL_MAP = "label_list.txt"
DELIMITER = " "  # PaddleClas's, where a data set names no other


class Line(NamedTuple):
    """A line of a list file.

    Attributes:
        number: from 1.
        text: the line.
        image: its first field.
        label: its second; None where that is missing or no whole number.
    """

    number: int
    text: str
    image: str
    label: int | None

    def wrong(self, delimiter: str) -> str:
        """What a line without a label should be."""
        what = f"should be '<image>{delimiter}<label>'"
        fields = self.text.split(delimiter)
        if whole(fields[-1].strip()) is not None and len(fields) > 2:
            what += (
                f"; an image whose name holds {delimiter!r} needs a list with another delimiter, "
                'such as a tab, named in dataset.delimiter: "\\t"'
            )
        return what


def read_lines(path: Path, name: str, delimiter: str = DELIMITER) -> list[Line]:
    """The lines of a list file, right or not.

    Args:
        path: the list file.
        name: the option or key that names it, for messages.
        delimiter: what stands between image and label.

    Raises:
        OctConvError: it cannot be read, or is no UTF-8 text.
    """
    text = read_text(path, name, most=1 << 30)
    if text.startswith("\ufeff"):
        raise OctConvError(f"{name} {path}: begins with a byte order mark: save it without one")
    lines = []
    texts = text.split("\n")  # str.splitlines would split at more, as the trainer does not
    for number, line in enumerate(texts if texts[-1] else texts[:-1], 1):
        image, *fields = line.strip().split(delimiter)
        lines.append(Line(number, line, image, whole(fields[0].strip()) if fields else None))
    return lines


def read_list(path: Path, name: str = "list", delimiter: str = DELIMITER) -> list[Entry]:
    """The images and labels of a list file; see `read_lines`.

    Raises:
        OctConvError: as `read_lines`, or a line has no image or no label of 0 or more.
    """
    entries = []
    for line in read_lines(path, name, delimiter):
        if not line.image or line.label is None or line.label < 0:
            raise OctConvError(
                f"{name} {path}:{line.number}: {line.text!r} {line.wrong(delimiter)}"
            )
        entries.append((line.image, line.label))
    return entries


def read_dataset(dataset: Mapping[str, Any], key: str) -> list[Entry]:
    """The images and labels of a config's ``dataset`` section.

    Args:
        dataset: with ``cls_label_path``, and maybe a ``delimiter``.
        key: the dotted key of that section, for messages.
    """
    path = Path(dataset["cls_label_path"])
    return read_list(path, f"{key}.cls_label_path:", dataset.get("delimiter") or DELIMITER)


def list_text(path: Path, entries: Iterable[Entry], delimiter: str = DELIMITER) -> str:
    """Entries in the format ``ImageNetDataset`` reads.

    Args:
        path: of the list, to be named in an error.
        entries: of each image, its name and its label.
        delimiter: what stands between them.

    Raises:
        OctConvError: the name of an image could not be read back.
    """
    lines = []
    for name, label in entries:
        line = f"{name}{delimiter}{label}"
        if line.split(delimiter) != [name, str(label)] or name != name.strip() or "\n" in name:
            raise OctConvError(f"{path}: {name!r} cannot stand in a list with {delimiter!r}")
        lines.append(f"{line}\n")
    return "".join(lines)


def write_list(path: Path, entries: Iterable[Entry], delimiter: str = DELIMITER) -> None:
    """Write entries in the format ``ImageNetDataset`` reads.

    Raises:
        OctConvError: the name of an image could not be read back.
    """
    path.write_text(list_text(path, entries, delimiter), encoding="utf-8")


def write_label_map(path: Path, names: Sequence[str]) -> None:
    """Write class names in the format of PaddleClas's ``class_id_map_file``."""
    text = "".join(f"{index} {name}\n" for index, name in enumerate(names))
    path.write_text(text, encoding="utf-8")
