"""The data sets and images that a config names: are they there, and can they be trained on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator

from ..common.errors import OctConvError
from ..common.files import why_no_file, why_no_folder
from ..data.list_files import DELIMITER, Line, read_lines
from .dotted import get

IMAGE_SUFFIXES = ("jpg", "png", "jpeg", "JPEG", "JPG", "bmp")  # those that PaddleClas reads
# The names PaddleClas's versions have for a list of images with one label each.
ONE_LABEL = ("ImageNetDataset", "ClsDataset", "ShiTuRecDataset")


def check_data_sets(config: dict[str, Any], mode: str) -> None:
    """Check the folders and lists of the data sets that a mode ("train", "eval") reads.

    Raises:
        OctConvError: naming the key, or the list file and line, and what is wrong there.
    """
    for key, dataset in _data_sets(config, mode):
        _check_data_set(config, key, dataset)


def check_images(config: dict[str, Any], nested: bool) -> None:
    """Check that ``Infer.infer_imgs`` is an image, or a folder of images.

    Args:
        nested: whether the trainer looks into folders in that folder.

    Raises:
        OctConvError: it is neither.
    """
    images = config["Infer"]["infer_imgs"]
    if not isinstance(images, str):
        raise OctConvError(f"Infer.infer_imgs: {images!r} should be an image or a folder of them")
    is_folder = os.path.isdir(images)
    wrong = why_no_folder(images) if is_folder else why_no_file(images)
    if wrong == "no such file":
        raise OctConvError(f"Infer.infer_imgs: {images}: no such image or folder")
    if wrong:
        raise OctConvError(f"Infer.infer_imgs: {images}: {wrong}")
    candidates = [Path(images)]
    if is_folder:
        candidates = list(Path(images).rglob("*") if nested else Path(images).glob("*"))
    found = [path for path in candidates if path.suffix[1:] in IMAGE_SUFFIXES and path.is_file()]
    if not found:
        raise OctConvError(
            f"Infer.infer_imgs: {images}: no image ({', '.join(IMAGE_SUFFIXES)}) there"
        )
    unreadable = next((path for path in found if not os.access(path, os.R_OK)), None)
    if unreadable:
        raise OctConvError(f"Infer.infer_imgs: {unreadable}: cannot be read: Permission denied")


def _data_sets(config: dict, mode: str) -> Iterator[tuple[str, dict]]:
    """The data sets a mode reads: (dotted key, ``dataset`` mapping)."""
    sections = {"eval": ["Eval"], "train": ["Train"]}[mode]
    if mode == "train" and get(config, "Global.eval_during_train"):
        sections.append("Eval")
    for section in sections:
        key = f"DataLoader.{section}"
        if get(config, key) is None:
            raise OctConvError(f"{key}: missing from the config")
        # Retrieval evaluates two data sets, Query and Gallery.
        for name in (key, f"{key}.Query", f"{key}.Gallery"):
            dataset = get(config, f"{name}.dataset")
            if isinstance(dataset, dict):
                yield f"{name}.dataset", dataset


def _check_data_set(config: dict, key: str, dataset: dict) -> None:
    root, labels = dataset.get("image_root"), dataset.get("cls_label_path")
    if isinstance(root, str):
        wrong = why_no_folder(root)
        if wrong:
            raise OctConvError(f"{key}.image_root: {root}: {wrong}")
    if isinstance(labels, str):
        wrong = why_no_file(labels)
        if wrong:
            raise OctConvError(f"{key}.cls_label_path: {labels}: {wrong}")
    if dataset.get("name") in ONE_LABEL:
        if not isinstance(root, str) or not isinstance(labels, str):
            raise OctConvError(f"{key}: {dataset['name']} needs image_root and cls_label_path")
        delimiter = dataset.get("delimiter") or DELIMITER
        if not isinstance(delimiter, str):
            raise OctConvError(f"{key}.delimiter: {delimiter!r} should be text between quotes")
        class_num = get(config, "Arch.class_num") or get(config, "Global.class_num")
        lines = read_lines(Path(labels), f"{key}.cls_label_path:", delimiter)
        if not lines:
            raise OctConvError(f"{key}.cls_label_path: {labels}: is empty")
        for line in lines:
            wrong = _wrong(line, delimiter, root, None if dataset.get("relabel") else class_num)
            if wrong:
                raise OctConvError(f"{key}.cls_label_path: {labels}:{line.number}: {wrong}")


def _wrong(line: Line, delimiter: str, root: str, class_num: int | None) -> str | None:
    """What is wrong with a line of a list, if anything."""
    if line.label is None:
        return f"{line.text!r} {line.wrong(delimiter)}"
    if class_num is not None and not 0 <= line.label < class_num:
        return f"label {line.label} is outside class_num {class_num} (0 to {class_num - 1})"
    image = os.path.join(root, line.image)
    try:
        is_file = os.path.isfile(image)
    except ValueError:  # a null character
        is_file = False
    return None if is_file else f"no such image: {image}"
