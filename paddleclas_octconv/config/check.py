"""Checks a config before the trainer starts: what it names must exist and fit together.

Cheap, without Paddle. What needs the model is checked in ``child/model_check.py``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Iterator

from ..backbones.catalogue import CATALOGUE
from ..common import urls
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.files import why_no_file
from ..octavizer.options import OCTAVE
from ..weights import VANILLA
from ..weights.address import is_address
from .data_sets import check_data_sets, check_images, check_label_map
from .dotted import get, has
from .multi_label import check_multi_label
from .slim import check_slim
from .values import check_values

__all__ = ["REQUIRED", "check_files", "check_images", "check_keys", "check_values", "get"]

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
    "eval": (*_ALWAYS, "Global.print_batch_step", "DataLoader.Eval"),
    "infer": (*_ALWAYS, "Infer.infer_imgs", "Infer.batch_size", "Infer.transforms"),
    "export": (*_ALWAYS, "Global.image_shape", "Global.save_inference_dir"),
}
_PART = (
    "dataset.name",
    "loader.num_workers",
    "loader.use_shared_memory",
)
_OF_OLD = ("ARCHITECTURE", "TRAIN", "VALID", "LEARNING_RATE", "OPTIMIZER", "classes_num")
_MAY_BE_NULL = ("Global.pretrained_model", "Global.checkpoints")


def check_keys(config: dict[str, Any], mode: str) -> None:
    """Check that a config has what a mode ("train", "eval", "infer", "export") asks of any config.

    Raises:
        OctConvError: naming the key, its value and what would be right.
    """
    _check_generation(config)
    check_values(config)
    for key in (*REQUIRED[mode], *_of_the_parts(config, mode)):
        if get(config, key) is None and not (key in _MAY_BE_NULL and has(config, key)):
            raise OctConvError(f"{key}: missing from the config")
    _check_arch(config["Arch"])
    _check_topk(config)
    check_multi_label(config, mode)
    check_slim(config.get("Slim"))
    if mode in ("train", "eval") and get(config, "Global.use_dali") and not _has_dali():
        raise OctConvError(
            "Global.use_dali: True, but NVIDIA DALI is not installed: False reads images without it"
        )


def _check_generation(config: dict) -> None:
    """Refuse a config of the years before PaddleClas 2.1, whose sections were other ones."""
    old = [section for section in _OF_OLD if section in config]
    if old and "Arch" not in config:
        raise OctConvError(
            f"{old[0]}: this is a config of PaddleClas 1.x or 2.0, which had other sections: "
            "'paddleclas prepare folder' writes one of today, 'paddleclas configs' lists more"
        )


def _has_dali() -> bool:
    try:
        return find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:
        return False


def _of_the_parts(config: dict, mode: str) -> Iterator[str]:
    """What a mode asks of the parts of DataLoader, and of evaluation in training."""
    parts = {"train": ["Train"], "eval": ["Eval"]}.get(mode, [])
    if mode == "train" and get(config, "Global.eval_during_train"):
        yield "Global.eval_interval"
        yield "DataLoader.Eval"
        parts.append("Eval")
    if "Eval" in parts and get(config, "Global.eval_mode") in (None, "classification"):
        yield "Metric.Eval"
    for part in parts:
        section = get(config, f"DataLoader.{part}")
        if part == "Train" or "dataset" in (section or ()):
            yield from (f"DataLoader.{part}.{key}" for key in _PART)
            if get(section, "sampler.first_bs") is None:  # that of a sampler of several sizes
                yield f"DataLoader.{part}.sampler.batch_size"


def check_files(config: dict[str, Any], mode: str) -> None:
    """Check the weights and lists that a config names and a mode reads.

    Raises:
        OctConvError: naming the key, or the list file and line, and what is wrong there.
    """
    _check_weights(config, mode)
    if mode in ("train", "eval"):
        check_data_sets(config, mode)
    else:
        check_label_map(config, mode)


def _check_topk(config: dict) -> None:
    """See that a top-k is left to choose the best epoch by: PaddleClas drops those that are more
    than there are classes."""
    classes = get(config, "Arch.class_num")
    for index, metric in enumerate(get(config, "Metric.Eval") or ()):
        topk = get(metric, "TopkAcc.topk")
        counts = topk if isinstance(topk, (list, tuple)) else [topk]
        if classes is not None and topk is not None and min(counts) > classes:
            raise OctConvError(
                f"Metric.Eval.{index}.TopkAcc.topk: {topk} is more than Arch.class_num: {classes}"
            )


def _check_arch(arch: dict) -> None:
    if arch["name"] in (*CATALOGUE, OCTAVE) and "alpha" in arch:
        try:
            check_alpha(arch["alpha"], stages=None)
        except OctConvError as error:
            raise OctConvError(f"Arch.alpha: {error}") from None


def _check_weights(config: dict, mode: str) -> None:
    suffixes: dict[str, tuple[str, ...]] = {
        "Global.pretrained_model": (".pdparams",),
        "Arch.pretrained": (".pdparams",),
    }
    if mode == "train":
        suffixes["Global.checkpoints"] = (".pdparams", ".pdopt", ".pdstates")
    for key, needed in suffixes.items():
        weights = get(config, key)
        flags = (True, False) if key == "Arch.pretrained" else ()
        if weights is None or weights in flags or _is_vanilla(config, key, weights):
            continue
        if not isinstance(weights, str):
            raise OctConvError(f"{key}: {weights!r} should be the path of a .pdparams file")
        if is_address(weights):
            if key == "Global.checkpoints":
                raise OctConvError(f"{key}: {weights}: should be a path; it has three files")
            if not urls.split(weights, key).path.endswith(".pdparams"):
                raise OctConvError(f"{key}: {weights}: should be the address of a .pdparams file")
            continue
        prefix = weights[: -len(".pdparams")] if weights.endswith(".pdparams") else weights
        for suffix in needed:
            wrong = why_no_file(prefix + suffix)
            if wrong:
                raise OctConvError(f"{key}: {weights}: {wrong}: {prefix}{suffix}")


def _is_vanilla(config: dict, key: str, weights: Any) -> bool:
    """Whether these are the twin's weights that PaddleClas publishes."""
    entry = CATALOGUE.get(config["Arch"]["name"])
    if key != "Arch.pretrained":
        return False
    if config["Arch"]["name"] == OCTAVE:
        return weights == VANILLA
    return entry is not None and weights in (VANILLA, entry.twin)
