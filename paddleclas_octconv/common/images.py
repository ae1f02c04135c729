"""Images as anybody brings them: which files are some, and how large they may be."""

from __future__ import annotations

import io
import os
import warnings
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
# A file of 130 KB can ask for 6 GB.
MOST_IMAGE = 1 << 30  # bytes
MOST_PIXELS = 1 << 27  # 384 MiB, decoded


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


def bound_images() -> None:
    """Have OpenCV refuse larger images, in this process, where it is not imported yet, and in
    those that it starts, unless the user has set another bound."""
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))


def why_too_large(content: bytes) -> str | None:
    """Why an image shall not be decoded, by what its header says of its size; None if it may."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                width, height = image.size
    except Image.DecompressionBombError:
        return f"has more than {MOST_PIXELS:,} pixels"
    except Exception:  # OpenCV may read it all the same, within its own bound
        return None
    if width * height > MOST_PIXELS:
        return f"has {width} x {height} pixels, more than {MOST_PIXELS:,}"
    return None
