"""How large images may be that come from anybody: a file of 130 KB can ask for 6 GB."""

from __future__ import annotations

import io
import os
import warnings

MOST_IMAGE = 1 << 30  # bytes
MOST_PIXELS = 1 << 27  # 384 MiB, decoded


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
