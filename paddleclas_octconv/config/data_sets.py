"""The data sets and images that a config names: are they there, and can they be trained on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, Sequence

from ..common.errors import OctConvError
from ..common.files import why_no_file, why_no_folder
from ..common.images import SUFFIXES, images_in, is_image
from ..data.list_files import (
    DELIMITER,
    LABEL_MAP_KEY,
    MULTI_LABEL,
    Line,
    delimiter_of,
    has_several,
    read_label_map,
    read_lines,
)
from .config import Config
from .image_size import check_one_size

# The names PaddleClas's versions have for a list of images with one label each.
ONE_LABEL = ("ImageNetDataset", "ClsDataset", "ShiTuRecDataset")


def check_data_sets(config: Config, modes: Sequence[str]) -> None:
    """Check the folders and lists of the data sets that some modes ("train", "eval") read.

    Raises:
        OctConvError: naming the key, or the list file and line, and what is wrong there.
    """
    for key, dataset in _data_sets(config, modes):
        _check_data_set(config, key, dataset)


def check_label_map(config: Config, modes: Sequence[str]) -> None:
    """Check ``Infer.PostProcess.class_id_map_file``, where there is one.

    Raises:
        OctConvError: it is a folder, a pipe or the like, or may not be read; or a mode is "infer"
            and it is malformed, or lacks a class that the network can predict.
    """
    path = config.at(LABEL_MAP_KEY)
    wrong = why_no_file(path) if path else None
    if wrong not in (None, "no such file"):  # PaddleClas looks for it in other places too
        raise OctConvError(f"{LABEL_MAP_KEY}: {path}: {wrong}")
    if "infer" not in modes or not path or wrong:
        return
    named = read_label_map(Path(path), config.at("Infer.PostProcess.delimiter") or DELIMITER)
    classes = config.at("Arch.class_num") or 0
    unnamed = next((each for each in range(classes) if each not in named), None)
    if unnamed is not None:
        raise OctConvError(
            f"{LABEL_MAP_KEY}: {path}: has no name of class {unnamed}; Arch.class_num is {classes}"
        )


def check_images(config: Config) -> None:
    """Check that ``Infer.infer_imgs`` is an image, or a folder of images.

    Raises:
        OctConvError: it is neither.
    """
    images = config.at("Infer.infer_imgs")
    if not isinstance(images, str):
        raise OctConvError(f"Infer.infer_imgs: {images!r} should be an image or a folder of them")
    is_folder = os.path.isdir(images)
    wrong = why_no_folder(images) if is_folder else why_no_file(images)
    if wrong == "no such file":
        raise OctConvError(f"Infer.infer_imgs: {images}: no such image or folder")
    if wrong:
        raise OctConvError(f"Infer.infer_imgs: {images}: {wrong}")
    found = images_in(Path(images)) if is_folder else list(filter(is_image, [Path(images)]))
    if not found:
        raise OctConvError(f"Infer.infer_imgs: {images}: no image ({', '.join(SUFFIXES)}) there")
    if config.at("Infer.batch_size") > 1:
        check_one_size("Infer.transforms", config.at("Infer.transforms"), [*map(str, found)])
    unreadable = next((path for path in found if not os.access(path, os.R_OK)), None)
    if unreadable:
        raise OctConvError(f"Infer.infer_imgs: {unreadable}: cannot be read: Permission denied")


def _data_sets(config: Config, modes: Sequence[str]) -> Iterator[tuple[str, dict]]:
    """The data sets that some modes read: (dotted key, ``dataset`` mapping)."""
    sections = [part for part, mode in (("Train", "train"), ("Eval", "eval")) if mode in modes]
    if sections == ["Train"] and config.at("Global.eval_during_train"):
        sections.append("Eval")
    for section in sections:
        key = f"DataLoader.{section}"
        config.demand(key)
        # Retrieval evaluates two data sets, Query and Gallery.
        for name in (key, f"{key}.Query", f"{key}.Gallery"):
            dataset = config.at(f"{name}.dataset")
            if isinstance(dataset, dict):
                yield f"{name}.dataset", dataset


def _check_data_set(config: Config, key: str, dataset: dict) -> None:
    root, labels = dataset.get("image_root"), dataset.get("cls_label_path")
    if isinstance(root, str):
        wrong = why_no_folder(root)
        if wrong:
            raise OctConvError(f"{key}.image_root: {root}: {wrong}")
    if isinstance(labels, str):
        wrong = why_no_file(labels)
        if wrong:
            raise OctConvError(f"{key}.cls_label_path: {labels}: {wrong}")
    if dataset.get("name") in (*ONE_LABEL, *MULTI_LABEL):
        if not isinstance(root, str) or not isinstance(labels, str):
            raise OctConvError(f"{key}: {dataset['name']} needs image_root and cls_label_path")
        _check_list(config, key, dataset)


def _check_list(config: Config, key: str, dataset: dict) -> None:
    """Check a list of images and labels, line by line, and whether they make batches."""
    root, path = dataset["image_root"], dataset["cls_label_path"]
    delimiter = delimiter_of(dataset)
    classes = class_num_of(config, key)
    lines = read_lines(Path(path), f"{key}.cls_label_path:", delimiter, has_several(dataset))
    if not lines:
        raise OctConvError(f"{key}.cls_label_path: {path}: is empty")
    for line in lines:
        wrong = _wrong(line, delimiter, root, classes)
        if wrong:
            raise OctConvError(f"{key}.cls_label_path: {path}:{line.number}: {wrong}")
    sampler = config.at(key.rpartition(".")[0] + ".sampler") or {}
    batch_size = sampler.get("batch_size") or 1
    if sampler.get("drop_last") and len(lines) < batch_size:
        raise OctConvError(
            f"{key.rpartition('.')[0]}.sampler.batch_size: {batch_size} is more than the "
            f"{len(lines)} images of {path}, and drop_last leaves none: nothing would be trained"
        )
    if batch_size > 1:
        images = [os.path.join(root, line.image) for line in lines]
        check_one_size(f"{key}.transform_ops", dataset.get("transform_ops"), images)


def class_num_of(config: Config, key: str) -> int | None:
    """From how many classes the labels of a data set are; None: they may be any.

    Args:
        config: a config.
        key: the dotted key of the ``dataset`` section.
    """
    if config.at(f"{key}.relabel"):
        return None
    if config.at("Arch.Head"):  # retrieval has other classes when it evaluates
        return config.at("Arch.Head.class_num") if ".Train." in key else None
    return config.at("Arch.class_num")


def _wrong(line: Line, delimiter: str, root: str, class_num: int | None) -> str | None:
    """What is wrong with a line of a list, if anything."""
    wrong = line.wrong_label(delimiter, class_num)
    if wrong:
        return wrong if line.label is not None else f"{line.text!r} {wrong}"
    image = os.path.join(root, line.image)
    try:
        is_file = os.path.isfile(image)
    except ValueError:  # a null character
        is_file = False
    return None if is_file else f"no such image: {image}"
