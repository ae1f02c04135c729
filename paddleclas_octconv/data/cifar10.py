"""CIFAR-10 as image files with PaddleClas list files, from any of the forms it is passed on in."""

from __future__ import annotations

import io
import re
import shutil
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, Iterator

from ..common import progress
from ..common.download import Checksum, download
from ..common.errors import OctConvError
from ..common.files import digest, why_no_file, write_atomically
from ..common.images import SUFFIXES
from .archive import Member, members
from .list_files import LABEL_MAP, TRAIN_LIST, VAL_LIST, Entry, write_label_map, write_list
from .staging import publish

#: In the official order: the index is the label.
NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
#: Images per class in each split.
OFFICIAL_COUNTS = {"train": 5_000, "test": 1_000}

ARCHIVE = "cifar-10-python.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
MD5 = "c58f30108f718f92721af3b95e74349a"

_BATCHES = {f"data_batch_{number}": ("train", number) for number in range(1, 6)}
_BATCHES["test_batch"] = ("test", 1)
_BATCH_IMAGES = 10_000
_SIDE = 32
_MAX_BATCH_BYTES = 64 << 20  # a batch has 30 MiB
_MAX_IMAGE_BYTES = 64 << 10  # an uncompressed image has 3 KiB
_FREE_BYTES = 400 << 20  # 60,000 files of one 4 KiB block, and room to move


def prepare(target: Path, source: Path | None = None, partial: bool = False) -> bool:
    """Write CIFAR-10 as image files: pickled batches become PNG, files are copied byte for byte.

    Args:
        target: the folder of the data set.
        source: the official archive or its unpacked folder, or a folder, tar or zip of
            ``train|test/<class>/<image>``; None: the official archive is downloaded beside
            ``target``.
        partial: take a source that lacks images as it is.

    Returns:
        Whether it was written; False where it was there already.

    Raises:
        OctConvError: the source is not CIFAR-10, is damaged or incomplete.
    """
    origin = "download" if source is None else _fingerprint(source)

    def build(folder: Path) -> None:
        _check_space(folder)
        archive = source or target.parent / ARCHIVE
        if source is None and not archive.exists():
            download(URL, archive, Checksum("md5", MD5), instead="name a local copy with --source")
        _build(folder, archive, partial)

    return publish(target, build, stamp=origin)


def _fingerprint(source: Path) -> str:
    """What tells whether an interrupted run was made from this very source."""
    wrong = None if source.is_dir() else why_no_file(source)
    if wrong:
        wrong = "no such file or folder" if wrong == "no such file" else wrong
        raise OctConvError(f"--source {source}: {wrong}")
    state = source.stat()
    return f"{source.resolve()} {state.st_size} {state.st_mtime_ns}"


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _FREE_BYTES:
        raise OctConvError(
            f"{folder.parent} has {free >> 20} MiB free, CIFAR-10 takes {_FREE_BYTES >> 20} MiB: "
            "make room or choose another folder with --root"
        )


def _build(folder: Path, source: Path, partial: bool) -> None:
    if source.name == ARCHIVE and source.is_file() and digest(source, "md5") != MD5:
        raise OctConvError(
            f"--source {source}: its MD5 is not that of the official archive ({MD5}): "
            "remove the file and fetch it again"
        )
    images: dict[str, list[Entry]] = {"train": [], "test": []}
    total = len(NAMES) * sum(OFFICIAL_COUNTS.values())
    with progress.bar(total, "CIFAR-10") as bar:
        for member in members(source):
            for name, label in _images_of(member, folder, source):
                images[name.split("/")[0]].append((name, label))
                bar.update()
    for split, found in images.items():
        _check_counts(source, split, found, partial)

    write_label_map(folder / LABEL_MAP, enumerate(NAMES))
    write_list(folder / TRAIN_LIST, sorted(images["train"], key=_official_order))
    write_list(folder / VAL_LIST, sorted(images["test"], key=_official_order))


def _images_of(member: Member, folder: Path, source: Path) -> Iterator[Entry]:
    """Write the images that one file of the source holds: none, one, or a batch of them."""
    if member.name.name in _BATCHES:
        yield from _write_batch(member, folder, source)
        return
    split_class = member.name.parts[-3:-1]
    if (
        len(split_class) == 2
        and split_class[0] in OFFICIAL_COUNTS
        and split_class[1] in NAMES
        and member.name.suffix.lower() in SUFFIXES
        and not member.name.name.startswith(".")
    ):
        yield _write_image(member, folder, source)


def _write_image(member: Member, folder: Path, source: Path) -> Entry:
    """Copy an image file byte for byte, once it is known to be a whole 32x32 image."""
    split, class_name, file_name = member.name.parts[-3:]
    if re.search(r"\s", file_name):
        raise OctConvError(
            f"--source {source}: {str(member.name)!r} has a space in its file name, "
            "which PaddleClas's list files cannot hold"
        )
    path = folder / split / class_name / file_name
    if not (path.is_file() and path.stat().st_size == member.size):
        if member.size > _MAX_IMAGE_BYTES:
            raise _bad_image(source, member.name, f"has {member.size:,} bytes")
        content = member.read()
        _check_image(content, member.name, source)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return f"{split}/{class_name}/{file_name}", NAMES.index(class_name)


def _check_image(content: bytes, name: PurePosixPath, source: Path) -> None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            if image.size != (_SIDE, _SIDE):  # before anything is decoded
                raise _bad_image(source, name, f"has {image.width}x{image.height} pixels")
            image.load()
    except OctConvError:
        raise
    except Exception as error:  # a damaged image can end in almost any exception
        raise _bad_image(source, name, f"cannot be decoded ({error})") from None


def _bad_image(source: Path, name: PurePosixPath, what: str) -> OctConvError:
    return OctConvError(f"--source {source}: {name} is not a CIFAR-10 image, it {what}")


def _write_batch(member: Member, folder: Path, source: Path) -> Iterator[Entry]:
    """Write a pickled batch of the official archive as PNG files, named by official index."""
    from PIL import Image

    split, number = _BATCHES[member.name.name]
    pixels, labels = _load_batch(member, source)
    for offset, (values, label) in enumerate(zip(pixels, labels)):
        index = (number - 1) * _BATCH_IMAGES + offset
        name = f"{split}/{NAMES[label]}/{index:05d}.png"
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            content = io.BytesIO()
            planes = values.reshape(3, _SIDE, _SIDE)
            Image.fromarray(planes.transpose(1, 2, 0)).save(content, "PNG")
            write_atomically(path, content.getvalue())
        yield name, label


def _load_batch(member: Member, source: Path) -> tuple[Any, list[int]]:
    """The pixels (uint8, N x 3072) and labels of a batch; OctConvError for anything else."""
    import numpy as np

    from ..common.safe_pickle import Array, ForbiddenError, load_pickle

    where = f"--source {source}: {member.name}"
    if member.size > _MAX_BATCH_BYTES:
        raise OctConvError(f"{where} has {member.size:,} bytes, too many for a CIFAR-10 batch")
    content = io.BytesIO(member.read())
    try:
        batch = load_pickle(content)
    except ForbiddenError as error:
        raise OctConvError(f"{where} is refused: it refers to {error}, not to arrays") from None
    except Exception as error:  # a damaged pickle can end in almost any exception
        raise OctConvError(f"{where} is damaged: {' '.join(str(error).split())}") from None
    pixels, labels = (
        batch.get(key) if isinstance(batch, dict) else None for key in ("data", "labels")
    )
    if isinstance(pixels, Array):
        pixels = pixels.value
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (3 * _SIDE * _SIDE,)
        or not isinstance(labels, list)
        or not len(labels) == len(pixels) <= _BATCH_IMAGES
        or not all(isinstance(label, int) and 0 <= label < len(NAMES) for label in labels)
    ):
        raise OctConvError(f"{where} does not hold up to 10,000 images of 32x32 with their labels")
    return pixels, labels


def _check_counts(source: Path, split: str, found: list[Entry], partial: bool) -> None:
    if len(set(found)) < len(found):
        raise OctConvError(f"--source {source}: holds the same {split} image more than once")
    counts = Counter(label for _, label in found)
    for label, name in enumerate(NAMES):
        have, wanted = counts[label], OFFICIAL_COUNTS[split]
        if have == wanted or (partial and 0 < have < wanted):
            continue
        if not found:
            raise OctConvError(
                f"--source {source}: no CIFAR-10 {split} images in it: expected "
                f"{ARCHIVE}, its unpacked folder, or {split}/<class>/*.jpg|png"
            )
        hint = "" if partial or have > wanted else "; --partial takes it as it is"
        raise OctConvError(
            f"--source {source}: {have:,} {split} images of class {name}, "
            f"CIFAR-10 has {wanted:,}{hint}"
        )


def _official_order(entry: Entry) -> tuple[list[Any], int]:
    """Sort by the number in the file name, then by class.

    Files named by official index come in the official order; files numbered class by class
    come with the classes in turn, so that the head of a list is a balanced subset either way.
    """
    name, label = entry
    parts = re.split(r"(\d+)", name.split("/")[-1])
    return [int(part) if part.isdecimal() else part for part in parts], label
