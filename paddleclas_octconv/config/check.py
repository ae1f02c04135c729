"""Checks a config before the trainer starts: what it names must exist and fit together.

Cheap, without Paddle. What needs the model is checked in ``trainer/model_check.py``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator

from ..common.errors import OctConvError
from ..registry import BACKBONES
from .lists import check_list_file
from .slim import check_slim

DEVICES = ("cpu", "gpu", "xpu", "npu", "mlu", "ascend", "intel_gpu", "mps")
IMAGE_SUFFIXES = ("jpg", "png", "jpeg", "JPEG", "JPG", "bmp")  # those that PaddleClas reads

# Keys without which PaddleClas's trainer stops with a KeyError.
_ALWAYS = (
    "Global.output_dir",
    "Global.device",
    "Global.epochs",
    "Global.pretrained_model",
    "Global.use_visualdl",
    "Arch.name",
    "DataLoader",
)
REQUIRED = {
    "train": (
        *_ALWAYS,
        "Global.eval_during_train",
        "Global.print_batch_step",
        "Global.save_interval",
        "Global.checkpoints",
        "DataLoader.Train",
        "Loss.Train",
        "Optimizer",
    ),
    "eval": (*_ALWAYS, "DataLoader.Eval"),
    "infer": (*_ALWAYS, "Infer.infer_imgs", "Infer.batch_size", "Infer.transforms"),
    "export": (*_ALWAYS, "Global.image_shape", "Global.save_inference_dir"),
}
_MAY_BE_NULL = ("Global.pretrained_model", "Global.checkpoints")


def check_keys(config: dict[str, Any], mode: str) -> None:
    """Check that a config has what a mode ("train", "eval", "infer", "export") asks of any config.

    Raises:
        OctConvError: naming the key, its value and what would be right.
    """
    for key in REQUIRED[mode]:
        if get(config, key) is None and not (key in _MAY_BE_NULL and has(config, key)):
            raise OctConvError(f"{key}: missing from the config")
    if get(config, "Global.device") not in DEVICES:
        raise OctConvError(
            f"Global.device: {get(config, 'Global.device')!r} should be one of {', '.join(DEVICES)}"
        )
    _check_arch(config["Arch"])
    check_slim(config.get("Slim"))


def check_files(config: dict[str, Any], mode: str) -> None:
    """Check the weights and lists that a config names and a mode reads.

    Raises:
        OctConvError: naming the key, or the list file and line, and what is wrong there.
    """
    _check_weights(config, mode)
    if mode in ("train", "eval"):
        for key, dataset in _datasets(config, mode):
            _check_dataset(config, key, dataset)


def has(config: dict, key: str) -> bool:
    """Whether the config has a dotted key, be its value null or not."""
    parent, _, last = key.rpartition(".")
    node = get(config, parent) if parent else config
    return isinstance(node, dict) and last in node


def get(config: Any, key: str) -> Any:
    """The value under a dotted key; None where the key is missing."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config


def _check_arch(arch: dict) -> None:
    if not isinstance(arch["name"], str):
        raise OctConvError(f"Arch.name: {arch['name']!r} should be the name of a network")
    class_num = arch.get("class_num")
    if class_num is not None and (type(class_num) is not int or class_num < 1):
        raise OctConvError(f"Arch.class_num: {class_num!r} should be a whole number above 0")
    if arch["name"] in BACKBONES and "alpha" in arch:
        _check_alpha(arch["alpha"])


def _check_alpha(alpha: Any) -> None:
    stages = alpha if isinstance(alpha, (list, tuple)) else [alpha]
    for value in stages:
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise OctConvError(f"Arch.alpha: {alpha!r} should be a number from 0 to 1")


def _check_weights(config: dict, mode: str) -> None:
    suffixes = {"Global.pretrained_model": (".pdparams",), "Arch.pretrained": (".pdparams",)}
    if mode == "train":
        suffixes["Global.checkpoints"] = (".pdparams", ".pdopt", ".pdstates")
    for key, needed in suffixes.items():
        weights = get(config, key)
        if weights in (None, True, False):
            continue
        if not isinstance(weights, str):
            raise OctConvError(f"{key}: {weights!r} should be the path of a .pdparams file")
        if weights.startswith(("http://", "https://")):
            continue
        prefix = weights[: -len(".pdparams")] if weights.endswith(".pdparams") else weights
        for suffix in needed:
            if not os.path.isfile(prefix + suffix):
                raise OctConvError(f"{key}: {weights}: no such file: {prefix}{suffix}")


def _datasets(config: dict, mode: str) -> Iterator[tuple[str, dict]]:
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


def _check_dataset(config: dict, key: str, dataset: dict) -> None:
    root, labels = dataset.get("image_root"), dataset.get("cls_label_path")
    if isinstance(root, str) and not os.path.isdir(root):
        raise OctConvError(f"{key}.image_root: {root}: no such folder")
    if isinstance(labels, str) and not os.path.isfile(labels):
        raise OctConvError(f"{key}.cls_label_path: {labels}: no such file")
    if dataset.get("name") == "ImageNetDataset":
        if not isinstance(root, str) or not isinstance(labels, str):
            raise OctConvError(f"{key}: an ImageNetDataset needs image_root and cls_label_path")
        class_num = get(config, "Arch.class_num") or get(config, "Global.class_num")
        check_list_file(
            Path(labels),
            f"{key}.cls_label_path",
            root,
            None if dataset.get("relabel") else class_num,
            dataset.get("delimiter") or " ",
        )


def check_images(config: dict[str, Any], nested: bool) -> None:
    """Check that ``Infer.infer_imgs`` is an image, or a folder of images.

    Args:
        nested: whether the trainer looks into folders in that folder.

    Raises:
        OctConvError: it is neither.
    """
    images = config["Infer"]["infer_imgs"]
    if not isinstance(images, str) or not os.path.exists(images):
        raise OctConvError(f"Infer.infer_imgs: {images}: no such image or folder")
    found = Path(images).rglob("*") if nested else Path(images).glob("*")
    if not any(_is_image(path) for path in ([Path(images)] if os.path.isfile(images) else found)):
        raise OctConvError(
            f"Infer.infer_imgs: {images}: no image ({', '.join(IMAGE_SUFFIXES)}) there"
        )


def _is_image(path: Path) -> bool:
    return path.suffix[1:] in IMAGE_SUFFIXES and path.is_file()
