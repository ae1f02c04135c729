"""Prepares one's own images: lists and a label map, for images that stay where they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable, Sequence

from ..common.errors import OctConvError
from .found import MARK
from .list_files import LABEL_MAP, TRAIN_LIST, VAL_LIST, write_label_map, write_list
from .own_images import OwnImages, collect
from .staging import publish

DELIMITER = "\t"  # names of files and folders hold spaces
TEST_LIST = "test_list.txt"
IMAGES = "images"  # the folder of copies


def prepare(
    target: Path,
    sources: Sequence[Path],
    val: float,
    seed: int,
    threads: int,
    copy: bool = False,
    progress: Callable = lambda images, total: images,
    images: Path | None = None,
    columns: Sequence[str] = (),
) -> OwnImages:
    """Write the lists and the label map of own images into a folder; anew where they were there.

    Args:
        target: the folder.
        sources: where the images are; see ``own_images.collect``, for the rest too.
        copy: whether the images are copied into the folder.

    Raises:
        OctConvError: the source holds no images to train on, or the target is something else.
    """
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise OctConvError(f"{target} holds something else: choose another folder with --name")
    source = sources[0]
    _check_outside(source, source, target)
    own = collect(
        sources, val, seed, threads, progress, target.parent, images=images, columns=columns
    )
    for split in own.splits.values():
        for path, _ in split:
            _check_outside(source, own.root / path, target)
            if copy and (Path(path).is_absolute() or ".." in Path(path).parts):
                raise OctConvError(  # its copy would lie outside the folder of copies
                    f"--copy: {source}: {path} should be a path below {own.root}, without '..' "
                    "(without --copy, any path works)"
                )

    def build(folder: Path) -> None:
        if copy:
            _copy(own, folder / IMAGES)
        (folder / MARK).write_text(f"{source.resolve()}\n", encoding="utf-8", errors="replace")
        write_label_map(folder / LABEL_MAP, enumerate(own.classes))
        for split, name in (("train", TRAIN_LIST), ("val", VAL_LIST), ("test", TEST_LIST)):
            if split in own.splits:
                write_list(folder / name, own.splits[split], DELIMITER)

    publish(target, build, stamp="own images", anew=True)
    if copy:
        own.root = target / IMAGES
    return own


def _check_outside(source: Path, path: Path, target: Path) -> None:
    """Refuse to take what lies in the target, which is replaced with all that it holds."""
    whole = os.path.realpath(target)
    if os.path.join(os.path.realpath(path), "").startswith(os.path.join(whole, "")):
        raise OctConvError(f"--source {source}: {path} lies in {target}, which is written anew")


def _copy(images: OwnImages, folder: Path) -> None:
    for split in images.splits.values():
        for path, _ in split:
            copied = folder / path
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images.root / path, copied)
