"""Images that cannot be read are told of and counted, in the process of PaddleClas's trainer.

PaddleClas logs such an image, on the first rank alone, and takes another one by chance.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from types import FrameType

from ..common.errors import OctConvError
from ..common.images import SUFFIXES, images_in
from ..common.say import one_line, say
from ..patches.paddleclas_engine import list_images_by
from ..patches.paddleclas_logger import ERROR, hear
from . import telling
from .setup import part_of_config

IN_A_ROW = 20  # images that cannot be read before it is not the images' fault

# What every data set of every version says.
_MESSAGE = re.compile(r"Exception occured when parse line: (.*) with msg: (.*)", re.DOTALL)


def count_unreadable_images() -> None:
    """Listen to the logger of the PaddleClas that is on ``sys.path``.

    Raises (then, when an image is read):
        OctConvError: ``IN_A_ROW`` images one after the other could not be read.
    """
    hear(ERROR, _count)


def predict_all_images() -> None:
    """Have the ``Engine`` on ``sys.path`` predict all images of a folder that OpenCV reads."""
    list_images_by(_readable)


def _readable(given: str) -> list[str]:
    import cv2

    if not os.path.isdir(given):
        return [given]
    found = []
    for path in map(str, images_in(Path(given))):
        # An image that is damaged is told of where it is read.
        if path.lower().endswith(SUFFIXES) or cv2.haveImageReader(path):
            found.append(path)
        elif (os.environ.get("PADDLE_TRAINER_ID") or "0") == "0":
            say(f"warning: {path}: left out: no image that OpenCV reads")
    return found


def _count(message: str) -> None:
    found = _MESSAGE.match(message)
    if not found:
        return
    image, reason = found[1], one_line(found[2])
    telling.image_failed(image, reason)
    if _tries() >= IN_A_ROW:
        part = part_of_config(sys.exc_info()[2])
        if part not in ("", "transform DecodeImage"):
            raise OctConvError(
                f"transform_ops: {part} fails on {IN_A_ROW} images in a row, at last {image}: "
                f"{reason}"
            )
        raise OctConvError(
            f"{IN_A_ROW} images in a row cannot be read, at last {image}: {reason}: "
            f"'paddleclas check-data' checks all of them; if they are fine, look at transform_ops"
        )


def _tries() -> int:
    """How often the data set that has called has tried another image: it calls itself to do so."""
    frame: FrameType | None = sys._getframe(2)
    tries = 0
    while frame is not None:
        tries += frame.f_code.co_name == "__getitem__"
        frame = frame.f_back
    return tries
