"""Own images in folders: a folder a class, in splits or with splits in it, or a class in the names
of the files."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Iterable, NamedTuple

from ..common.errors import OctConvError
from ..common.images import is_image
from .found import EXPECTED, MARK, Finding, Found, as_label, is_split, split_of

# Folders that hold the classes of a split, and are none.
_WRAPPERS = ("images", "image", "img", "imgs", "data", "jpegimages")
# What cameras and programs begin names with.
_NO_CLASS = ("img", "image", "images", "dsc", "dscn", "dscf", "pxl", "frame", "photo", "pic", "p")
_NUMBERED = re.compile(r"(.*?[^\W\d_].*?)[\s._-]*\(?[0-9]+\)?")


class _File(NamedTuple):
    """An image file: the names of the folders it lies in, from the source down, and its own."""

    folders: tuple[str, ...]
    name: str

    @property
    def path(self) -> str:
        return "/".join((*self.folders, self.name))


def find(source: Path, prepared: Path | None) -> Finding:
    """The images of a folder.

    Args:
        source: the folder.
        prepared: the folder of prepared data sets, whose images are no class.

    Raises:
        OctConvError: there are none, or their splits or classes cannot be told.
    """
    finding = Finding(source, [])
    walk = _Walk(source, prepared, finding.left_out)
    if not walk.files:
        others = sorted({path.suffix for path in source.iterdir() if path.is_file()} - {""})
        what = f"no images in it{f', but {others[0]} files' if others else ''}"
        raise OctConvError(f"--source {source}: {what}; expected {EXPECTED}")
    depth = _wrapping(walk.files)
    named = _with_class_and_split_in_one(walk.files, depth) or _with_splits_in_classes(
        walk.files, depth
    )
    if named:
        finding.images = named
        return finding
    for split, inner, files in _splits(source, walk.files, depth, finding.left_out):
        finding.images += _of_one_split(split, inner, files, finding)
    if not finding.images:
        what = f"{len(walk.files)} images lie in it without a class"
        raise OctConvError(f"--source {source}: {what}; expected {EXPECTED}")
    return finding


class _Walk:
    """The image files below a folder, links to folders followed; what is passed over is told."""

    def __init__(self, source: Path, prepared: Path | None, left_out: list[str]) -> None:
        self.files: list[_File] = []
        self._prepared = os.path.realpath(prepared) if prepared else None
        self._left_out = left_out
        self._others: Counter = Counter()
        real = os.path.realpath(source)
        self._look(source, (), (real, *map(str, Path(real).parents)))
        if self._others:
            common = ", ".join(f"{suffix} ({n})" for suffix, n in self._others.most_common(5))
            left_out.append(f"files that are not called as images are: {common}")

    def _look(self, folder: Path, names: tuple[str, ...], above: tuple[str, ...]) -> None:
        children = sorted(folder.iterdir())
        images = folders = 0
        for path in children:
            shown = "/".join((*names, path.name))
            if path.name.startswith(".") or path.name == "__MACOSX":
                continue
            if path.is_dir() and not is_image(path):
                folders += 1
                real = os.path.realpath(path)
                if (path / MARK).is_file() or real == self._prepared:
                    self._left_out.append(f"{shown}: holds prepared data sets")
                elif path.is_symlink() and real in above:
                    self._left_out.append(f"{shown}: a link to a folder that holds it")
                else:
                    self._look(path, (*names, path.name), (*above, real))
            elif is_image(path):
                images += 1
                self.files.append(_File(names, path.name))
            elif names:  # beside the classes there may be anything
                self._others[path.suffix.lower() or "no suffix"] += 1
        if names and not images and not folders:
            self._left_out.append(f"{'/'.join(names)}: a folder without images")


def _wrapping(files: Iterable[_File]) -> int:
    """How many folders lie around all that tells images apart."""
    depth = 0
    while True:
        inside = [file.folders for file in files if len(file.folders) > depth]
        names = {folders[depth] for folders in inside}
        if len(names) != 1 or is_split(*names):
            return depth
        if any(len(each) <= depth + 1 for each in inside):  # the images themselves lie in it
            is_flat = all(len(each) == depth + 1 for each in inside)
            return depth + (is_flat and bool(_classes_in_names(files)))
        depth += 1


# Splits


def _with_class_and_split_in_one(files: list[_File], depth: int) -> list[Found]:
    """Images in folders such as train_cat, train_dog and test_cat."""
    parts = {name: split_of(name) for name in _tops(files, depth)}
    classes = {rest for split, rest in parts.values() if split == "train"}
    others = {rest for split, rest in parts.values() if split != "train"}
    is_so = len(classes) > 1 and "" not in classes and others and others <= classes
    if not is_so or not all(split for split, _ in parts.values()):
        return []
    inside = [(parts[file.folders[depth]], file) for file in files if len(file.folders) > depth]
    return [Found(file.path, (as_label(name),), split) for (split, name), file in inside]


def _with_splits_in_classes(files: list[_File], depth: int) -> list[Found]:
    """Images in folders such as cat/train, cat/test and dog/train."""
    inside = [file for file in files if len(file.folders) > depth]
    splits = {file: is_split("".join(file.folders[depth + 1 : depth + 2])) for file in inside}
    tops = _tops(files, depth)
    if not all(splits.values()) or "train" not in splits.values() or any(map(is_split, tops)):
        return []
    return [Found(file.path, (as_label(file.folders[depth]),), splits[file]) for file in inside]


def _splits(
    source: Path, files: list[_File], depth: int, left_out: list[str]
) -> list[tuple[str, int, list[_File]]]:
    """Of each split its name ("": there are none), how many folders lie around its classes, and
    its images.

    Raises:
        OctConvError: one is there twice, or none to train on.
    """
    tops = _tops(files, depth)
    splits = {name: is_split(name) for name in tops if is_split(name)}
    if splits and "train" not in splits.values() and len(splits) == len(tops):
        raise OctConvError(f"--source {source}: has {', '.join(splits)}, but no train")
    if "train" in splits.values():  # test1 beside it is no class
        others = {name: split_of(name)[0] for name in tops}
        splits.update({name: s for name, s in others.items() if s not in ("", *splits.values())})
    else:
        # Such as seg_train and seg_test; bullet_train beside car is a class.
        splits = {name: split_of(name)[0] for name in tops if split_of(name)[0]}
        if "train" not in splits.values() or len(set(splits.values())) < 2:
            splits = {}
    of_split = {
        name: [file for file in files if file.folders[depth : depth + 1] == (name,)]
        for name in splits
    }
    train = [file for name in splits for file in of_split[name] if splits[name] == "train"]
    has_classes = any(len(file.folders) > depth + 1 for file in train) or _classes_in_names(train)
    if not splits or (not has_classes and len(splits) == 1 < len(tops)):  # train beside car, plane
        return [("", depth, files)]
    if len(set(splits.values())) < len(splits):
        raise OctConvError(
            f"--source {source}: {', '.join(splits)}: two of them name the same split"
        )
    left_out += [f"{name}: no split" for name in tops if name not in splits]
    return [
        (split, _inner(of_split[name], depth + 1, split), of_split[name])
        for name, split in splits.items()
    ]


def _tops(files: Iterable[_File], depth: int) -> list[str]:
    return list(dict.fromkeys(f.folders[depth] for f in files if len(f.folders) > depth))


def _inner(files: list[_File], depth: int, split: str) -> int:
    """How many folders lie around the classes of a split, as in train/images/cat."""
    names = {file.folders[depth : depth + 1] for file in files}
    if len(names) == 1 and names != {()}:
        ((name,),) = names
        if name.lower() in _WRAPPERS or split_of(name)[0] == split:
            return _inner(files, depth + 1, split)
    return depth


# Classes


def _of_one_split(split: str, depth: int, files: list[_File], finding: Finding) -> list[Found]:
    loose = [file for file in files if len(file.folders) <= depth]
    if len(loose) < len(files):
        finding.left_out += [f"{file.path}: in no class folder" for file in loose]
        return [
            Found(file.path, (as_label(file.folders[depth]),), split)
            for file in files
            if len(file.folders) > depth
        ]
    classes = _classes_in_names(files, least=2 if split in ("", "train") else 1)
    if not classes and split not in ("", "train"):
        where = "/".join(files[0].folders) or split
        finding.left_out.append(f"{where}: {len(files)} images without a class")
    elif classes:
        finding.left_out += [f"{f.path}: no class in its name" for f in files if f not in classes]
        note = "the classes are those in the names of the files"
        finding.notes += [] if note in finding.notes else [note]
    return [Found(file.path, (name,), split) for file, name in classes.items()]


def _classes_in_names(files: Iterable[_File], least: int = 2) -> dict[_File, str]:
    """The classes in names such as cat.0.png; empty where they are not two, of some images each."""
    classes: dict[_File, str] = {}
    for file in files:
        numbered = _NUMBERED.fullmatch(os.path.splitext(file.name)[0])
        if numbered and numbered[1].lower() not in _NO_CLASS:
            classes[file] = as_label(numbered[1])
    counts = Counter(classes.values())
    is_so = len(counts) > 1 and min(counts.values()) >= least
    return classes if is_so else {}
