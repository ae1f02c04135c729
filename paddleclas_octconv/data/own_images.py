"""One's own images: found, looked through, and split, wherever they lie.

Three forms are understood: a folder a class; ``train``, ``val`` and ``test`` with a folder a class
in each; and a CSV or list of images and labels.
"""

from __future__ import annotations

import csv
import io
import os
import random
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Iterator, NamedTuple

from ..common.errors import OctConvError
from ..common.files import read_text, why_no_file, why_no_folder
from ..common.images import SUFFIXES, is_image
from .survey import content_of

MARK = ".own-images"  # the file that a folder has which was prepared from own images
EXPECTED = "<class>/<image>, train|val(|test)/<class>/<image>, or a CSV or list of 'image,label'"
_SPLITS = {
    **{name: "train" for name in ("train", "training")},
    **{name: "val" for name in ("val", "valid", "validation", "dev", "eval")},
    **{name: "test" for name in ("test", "testing")},
}
_IMAGE_COLUMNS = ("image", "file", "filename", "file_name", "path", "filepath", "img", "image_id")
_LABEL_COLUMNS = ("label", "class", "category", "target", "class_name", "y")


class Found(NamedTuple):
    """An image: its path relative to the root, the name of its class, and the split it came in
    ("" where there are none)."""

    path: str
    label: str
    split: str = ""


@dataclass
class OwnImages:
    """Images that can be trained on.

    Attributes:
        root: the folder their paths are relative to.
        classes: their names; the index is the label.
        splits: "train", "val", and maybe "test", each with (path, label).
        left_out: what was not taken, with the reason.
    """

    root: Path
    classes: list[str]
    splits: dict[str, list[tuple[str, int]]]
    left_out: list[str] = field(default_factory=list)


def collect(
    source: Path,
    val: float,
    seed: int,
    threads: int,
    progress: Callable = lambda images, total: images,
    prepared: Path | None = None,
) -> OwnImages:
    """Find, look through and split the images of a folder, CSV or list.

    Args:
        source: the folder, or the file.
        val: the share of each class that evaluates, where the source has no such part.
        seed: of that draw.
        threads: how many images are read at once.
        progress: wraps the images as they are read, such as ``tqdm``.
        prepared: the folder of prepared data sets, whose images are no class.

    Raises:
        OctConvError: naming what is wrong with the source, and what is expected.
    """
    root, found, left_out = _find(source, prepared)
    contents: dict[Found, bytes] = {}
    with ThreadPoolExecutor(threads) as pool:
        looked_at = pool.map(lambda image: content_of(root / image.path), found)
        for image, (problem, digest) in zip(found, progress(looked_at, total=len(found))):
            wrong = _unwritable(image.path) or problem
            if wrong:
                left_out.append(f"{image.path}: {wrong}")
            else:
                contents[image] = digest
    if not contents:
        first = f": {left_out[0]}" if left_out else ""
        raise OctConvError(f"--source {source}: no image that can be read{first}")
    return _split(source, root, contents, left_out, val, seed)


# Finding


def _find(source: Path, prepared: Path | None) -> tuple[Path, list[Found], list[str]]:
    """(root, images, what is left out)."""
    if not source.is_dir():
        wrong = why_no_file(source)
        if wrong:
            wrong = "no such file or folder" if wrong == "no such file" else wrong
            raise OctConvError(f"--source {source}: {wrong}")
        return (source.parent, *_listed(source))
    wrong = why_no_folder(source)
    if wrong:
        raise OctConvError(f"--source {source}: {wrong}")
    folders = {path.name: path for path in sorted(source.iterdir()) if _is_open_folder(path)}
    splits = {name: _SPLITS[name.lower()] for name in folders if name.lower() in _SPLITS}
    left_out: list[str] = []
    if splits and "train" not in splits.values() and len(splits) == len(folders):
        raise OctConvError(f"--source {source}: has {', '.join(splits)}, but no train")
    if "train" in splits.values():
        if len(set(splits.values())) < len(splits):
            raise OctConvError(f"--source {source}: {', '.join(splits)}: two of them are one split")
        found = [
            image
            for name, split in splits.items()
            for image in _classes(source, folders[name], split, left_out, prepared)
        ]
        left_out += [f"{name}: no split" for name in folders if name not in splits]
    else:
        found = list(_classes(source, source, "", left_out, prepared))
    if not found:
        loose = sum(1 for path in source.iterdir() if _is_image(path))
        what = f"{loose} images lie in it without a class" if loose else "no images in it"
        raise OctConvError(f"--source {source}: {what}; expected {EXPECTED}")
    return source, found, left_out


def _classes(
    root: Path, folder: Path, split: str, left_out: list[str], prepared: Path | None
) -> Iterator[Found]:
    """The images of the class folders in a folder."""
    for path in sorted(folder.iterdir()):
        if not _is_open_folder(path):
            if _is_image(path):
                left_out.append(f"{path.relative_to(root)}: in no class folder")
            continue
        if path.is_symlink() and path.resolve() in (root.resolve(), *root.resolve().parents):
            left_out.append(f"{path.relative_to(root)}: a link to a folder that holds it")
            continue
        if _is_prepared(path, prepared):
            left_out.append(f"{path.relative_to(root)}: holds prepared data sets")
            continue
        count = 0
        for parent, folders, names in os.walk(path):
            folders[:] = sorted(
                name
                for name in folders
                if not _is_hidden(name) and not _is_prepared(Path(parent, name), prepared)
            )
            for name in sorted(names):
                image = Path(parent, name)
                if _is_image(image):
                    count += 1
                    yield Found(image.relative_to(root).as_posix(), path.name, split)
        if not count:
            left_out.append(f"{path.relative_to(root)}: a folder without images")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_prepared(folder: Path, prepared: Path | None) -> bool:
    """Whether a folder holds what an earlier run wrote, such as copies of the images."""
    return (folder / MARK).is_file() or (
        prepared is not None and os.path.realpath(folder) == os.path.realpath(prepared)
    )


def _is_open_folder(path: Path) -> bool:
    return not _is_hidden(path.name) and path.is_dir()


def _is_image(path: Path) -> bool:
    return is_image(path) and not _is_hidden(path.name) and not path.is_dir()


def _listed(source: Path) -> tuple[list[Found], list[str]]:
    """The images of a CSV or list file, and the lines that name none."""
    rows = list(_rows(source))
    if not rows:
        raise OctConvError(f"--source {source}: is empty; expected 'image,label' a line")
    image_at, label_at, first = _columns(source, rows)
    found, left_out, seen = [], [], set()
    for number, row in rows[first:]:
        if len(row) <= max(image_at, label_at):
            left_out.append(f"{source.name}:{number}: should be an image and a label")
            continue
        image, label = row[image_at].strip(), " ".join(row[label_at].split())
        path = _existing(source.parent, image)
        if not label or path is None:
            what = f"no such image: {image}" if path is None else "no label"
            left_out.append(f"{source.name}:{number}: {what}")
        elif path in seen:
            left_out.append(f"{source.name}:{number}: {image} for the second time")
        else:
            seen.add(path)
            found.append(Found(path, label))
    if not found:
        raise OctConvError(
            f"--source {source}: names no image that exists beside it (the first: {left_out[0]}); "
            f"expected lines of 'image,label', images relative to {source.parent}"
        )
    return found, left_out


def _rows(source: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each line that holds something."""
    text = read_text(source, "--source", most=1 << 30).lstrip("\ufeff")
    if source.suffix.lower() == ".csv":
        sample = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=sample.count)
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        try:
            yield from ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
        except csv.Error as error:
            raise OctConvError(f"--source {source}:{reader.line_num}: {error}") from None
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            # A name may hold spaces, a label that follows a tab or comma too.
            separator = next((mark for mark in "\t," if mark in line), " ")
            image, _, label = line.strip().rpartition(separator)
            yield number, [image, label]


def _columns(source: Path, rows: list[tuple[int, list[str]]]) -> tuple[int, int, int]:
    """(column of the images, column of the labels, first row of data)."""
    header = [name.strip().lower() for name in rows[0][1]]
    image = next((header.index(name) for name in _IMAGE_COLUMNS if name in header), None)
    label = next((header.index(name) for name in _LABEL_COLUMNS if name in header), None)
    if image is not None and label is not None:
        return image, label, 1
    if len(header) < 2:
        raise OctConvError(
            f"--source {source}:{rows[0][0]}: {rows[0][1]} should be an image and a label, or a "
            "header with these names"
        )
    has_header = _existing(source.parent, rows[0][1][0].strip()) is None and len(rows) > 1
    return 0, 1, int(has_header and _existing(source.parent, rows[1][1][0].strip()) is not None)


def _existing(folder: Path, image: str) -> str | None:
    """The image as it is called, or with a suffix that the list leaves out."""
    if not image or "\0" in image:
        return None
    for suffix in ("", *SUFFIXES):
        if os.path.isfile(folder / f"{image}{suffix}"):  # False for a name that is too long
            return f"{image}{suffix}"
    return None


def _unwritable(path: str) -> str | None:
    """Why a path cannot stand in a list file."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if path != path.strip() or re.search(r"[\t\n\r]", path):
        return "its name has a tab, a line end, or a space at its edge"
    return None


# Splitting


def _split(
    source: Path,
    root: Path,
    contents: dict[Found, bytes],
    left_out: list[str],
    val: float,
    seed: int,
) -> OwnImages:
    names = {image.label for image in contents}
    classes = sorted(names, key=_natural)
    if all(name.isascii() and name.isdecimal() and len(name) < 9 for name in names):
        classes = sorted(names, key=int)
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
        train, evaluate = _draw(given["train"], contents, val, seed)
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
    missing = {image.label for image in evaluate} - {image.label for image in kept}
    if missing:
        raise OctConvError(
            f"--source {source}: class {sorted(missing)[0]} has images to evaluate on, but none to "
            "train on"
        )
    splits = {
        "train": kept,
        "val": evaluate,
        **({"test": given["test"]} if "test" in given else {}),
    }
    index = {name: number for number, name in enumerate(classes)}
    return OwnImages(
        root,
        classes,
        {
            name: [(image.path, index[image.label]) for image in images]
            for name, images in splits.items()
        },
        left_out,
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Numbers in names in their order: class2 before class10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _draw(
    images: Iterable[Found], contents: dict[Found, bytes], share: float, seed: int
) -> tuple[list[Found], list[Found]]:
    """Draw a share of each class for evaluation; images that are the same stay together."""
    groups: dict[bytes, list[Found]] = defaultdict(list)
    for image in images:
        groups[contents[image]].append(image)
    sizes = Counter(image.label for image in images)
    by_class: dict[str, list[list[Found]]] = defaultdict(list)
    for group in groups.values():
        by_class[group[0].label].append(group)
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
