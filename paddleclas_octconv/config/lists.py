"""Checks PaddleClas list files: one image and its label a line."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import OctConvError


def check_list_file(
    path: Path, key: str, image_root: str, class_num: int | None, delimiter: str = " "
) -> None:
    """Check every line of a list file: ``<image><delimiter><label>``.

    Args:
        path: the list file.
        key: the config key that names it, for messages.
        image_root: the folder the images are relative to.
        class_num: labels go from 0 to class_num - 1; None: any.
        delimiter: what stands between image and label.

    Raises:
        OctConvError: naming file and line, if a line has no label, its label is no class, or its
            image does not exist; or if the file is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise OctConvError(f"{key}: {path}: should be UTF-8 text") from None
    if not lines:
        raise OctConvError(f"{key}: {path}: is empty")
    for number, line in enumerate(lines, 1):
        image, *fields = line.strip().split(delimiter)
        if not fields or not fields[0].lstrip("-").isdigit():
            raise OctConvError(
                f"{key}: {path}:{number}: {line!r} should be '<image>{delimiter}<label>'"
            )
        if class_num is not None and not 0 <= int(fields[0]) < class_num:
            raise OctConvError(
                f"{key}: {path}:{number}: label {fields[0]} is outside class_num {class_num} "
                f"(0 to {class_num - 1})"
            )
        if not os.path.isfile(os.path.join(image_root, image)):
            raise OctConvError(
                f"{key}: {path}:{number}: no such image: {os.path.join(image_root, image)}"
            )
