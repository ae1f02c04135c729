"""Which files are images, by their names: one list for every command that goes through folders."""

from __future__ import annotations

import os
from pathlib import Path

#: Suffixes, without case, of images that OpenCV reads, with which PaddleClas trains and predicts.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".jp2", ".ppm", ".pgm", ".pbm", ".pnm"),
)
#: Of images that no OpenCV reads, or only some builds of it: each is tried, and named if it fails.
OTHER_SUFFIXES = (
    *(".gif", ".avif", ".heic", ".heif", ".jxl", ".ico", ".tga", ".psd", ".svg", ".eps"),
    *(".dng", ".cr2", ".nef", ".arw", ".hdr", ".dcm"),
)


def is_image(name: str | os.PathLike) -> bool:
    """Whether a file's name is that of an image, whatever is in it."""
    return os.path.splitext(os.fspath(name))[1].lower() in (*SUFFIXES, *OTHER_SUFFIXES)


def images_in(folder: Path) -> list[Path]:
    """All images in a folder and its folders, by their names, sorted; hidden ones are none."""
    return sorted(
        path
        for path in folder.rglob("*")
        if is_image(path) and not path.name.startswith(".") and path.is_file()
    )
