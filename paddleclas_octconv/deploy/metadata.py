"""What an exported folder says about itself: ``inference.yml`` and ``labels.txt``.

``inference.yml`` has the shape that PaddleClas's exporter writes with
``Global.export_for_fd`` (PreProcess, PostProcess with ``label_list``), for every version of
the trainer. ``Global.exporter`` marks the folder as ours, so that prediction adopts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping

import yaml

from ..common.documents import read_yaml
from ..common.errors import OctConvError
from ..common.numbers import is_number
from ..common.say import escaped
from ..common.version import __version__
from ..config.literals import expression, is_arithmetic
from ..data.list_files import LABEL_MAP_KEY, read_label_map, write_label_map

CONFIG_FILE = "inference.yml"
LABELS_FILE = "labels.txt"
EXPORTER = "paddleclas_octconv"
MULTI_LABEL = "MultiLabelThreshOutput"
THRESHOLD = 0.5  # PaddleClas's


def describe(config: dict, roots: Iterable[Path] = ()) -> dict[str, Any]:
    """The content of ``inference.yml`` for a training config.

    Args:
        config: a whole PaddleClas config, overrides applied.
        roots: folders in which a relative ``class_id_map_file`` is looked for when the current
            one does not hold it (the trainer's: PaddleClas's own configs name files there).

    Raises:
        OctConvError: the label map is missing, unreadable, or lacks a class.
    """
    arch = config.get("Arch") or {}
    # PaddleX calls some networks otherwise, and takes a folder by the name it knows.
    name = (config.get("Global") or {}).get("pdx_model_name") or arch.get("name")
    described: dict[str, Any] = {
        "Global": {"model_name": name, "exporter": f"{EXPORTER} {__version__}"},
        "PreProcess": {"transform_ops": transform_ops(config)},
    }
    backbone = _backbone(arch)
    if backbone:
        described["Global"]["backbone"] = backbone
    decoded = decode_image(config)
    if decoded:
        described["Global"]["decode_image"] = decoded
    post = dict((config.get("Infer") or {}).get("PostProcess") or {})
    name = post.pop("name", None)
    map_file = post.pop("class_id_map_file", None)
    delimiter = post.pop("delimiter", None) or " "
    if name == "MultiLabelTopk":  # of PaddleClas up to 2.5, with this threshold alone
        name, post = MULTI_LABEL, {"threshold": THRESHOLD}
    if name:
        if map_file:
            labels = read_label_map(_find(map_file, roots), delimiter)
            post["label_list"] = _in_order(labels, arch.get("class_num"), map_file)
        described["PostProcess"] = {name: post}
    return described


def _backbone(arch: Mapping[str, Any]) -> str | None:
    """The network inside one whose name does not say it, such as ``Octave`` and ``RecModel``."""
    backbone = arch.get("backbone") or arch.get("Backbone")
    name = backbone.get("name") if isinstance(backbone, Mapping) else backbone
    return name if isinstance(name, str) else None


def write(folder: Path, described: dict[str, Any]) -> None:
    """Write ``inference.yml`` and, where there are label names, ``labels.txt`` into folder."""
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    labels = label_list(described)
    if labels is not None:
        write_label_map(folder / LABELS_FILE, enumerate(labels))


def note(folder: Path, key: str, value: Any) -> None:
    """Add a fact to the ``inference.yml`` of a folder that has one."""
    described = read_yaml(folder / CONFIG_FILE, "")
    write(folder, {**described, key: value})


def read(folder: str | Path) -> dict[str, Any] | None:
    """``inference.yml`` of a folder that this package exported; None for any other folder."""
    try:
        described = read_yaml(Path(folder) / CONFIG_FILE, "")
        exporter = described["Global"]["exporter"]
    except (OctConvError, KeyError, TypeError):
        return None
    return described if str(exporter).startswith(EXPORTER) else None


def check_post_process(described: Mapping[str, Any], file: Path) -> None:
    """See that what a folder says of its classes can be used.

    Args:
        described: its ``inference.yml``, whoever wrote it.
        file: that file.

    Raises:
        OctConvError: naming the key, its value and what would be right.
    """
    post = described.get("PostProcess") or {}
    sections = post.values() if isinstance(post, dict) else [post]
    if not isinstance(post, dict) or not all(isinstance(each or {}, dict) for each in sections):
        raise OctConvError(f"{file}: PostProcess: {post!r} should be a section such as Topk")
    topk = (post.get("Topk") or {}).get("topk")
    if topk is not None and (type(topk) is not int or topk < 1):
        raise OctConvError(
            f"{file}: PostProcess.Topk.topk: {topk!r} should be a whole number from 1"
        )
    threshold = (post.get(MULTI_LABEL) or {}).get("threshold")
    if threshold is not None and not (is_number(threshold) and 0 <= threshold <= 1):
        raise OctConvError(
            f"{file}: PostProcess.{MULTI_LABEL}.threshold: {threshold!r} should be a number from 0 "
            "to 1"
        )
    labels = label_list(described)
    if labels is not None and not (
        isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    ):
        raise OctConvError(f"{file}: PostProcess: label_list should be a list of names")


def threshold_of(described: Mapping[str, Any]) -> float | None:
    """The probability from which an image is of a class; None where it is of one class alone."""
    post = described.get("PostProcess") or {}
    if MULTI_LABEL not in post:
        return None
    threshold = (post[MULTI_LABEL] or {}).get("threshold")
    return THRESHOLD if threshold is None else float(threshold)


def label_list(described: Mapping[str, Any]) -> list[str] | None:
    """The label names, by class id, or None if the folder has none."""
    for options in (described.get("PostProcess") or {}).values():
        if options and options.get("label_list"):
            labels = options["label_list"]
            if isinstance(labels, list):
                labels = [escaped(each) if isinstance(each, str) else each for each in labels]
            return labels
    return None


def _in_order(labels: dict[int, str], class_num: int | None, source: str) -> list[str]:
    count = max(labels, default=-1) + 1
    missing = next(i for i in range(len(labels) + 1) if i not in labels)
    if missing < max(count, class_num or 0):
        raise OctConvError(
            f"{LABEL_MAP_KEY}: {source} has no name for class {missing}"
            + (f"; Arch.class_num is {class_num}" if class_num else "")
        )
    return [labels[i] for i in range(count)]


def _find(map_file: str, roots: Iterable[Path]) -> Path:
    for path in (Path(map_file), *(Path(root) / map_file for root in roots)):
        if path.is_file():
            return path
    raise OctConvError(
        f"{LABEL_MAP_KEY}: {map_file} is not a file; give the label map of the "
        "data set, or null to export without label names"
    )


def transform_ops(config: dict) -> list[dict]:
    """The preprocessing that a predictor applies to a decoded RGB image."""
    return [_plain(op) for op in _all_ops(config) if "DecodeImage" not in op]


def decode_image(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of ``DecodeImage``, of those that are not as PaddleClas's predictor has them."""
    usual = {"to_rgb": True, "channel_first": False}
    options = next((op["DecodeImage"] or {} for op in _all_ops(config) if "DecodeImage" in op), {})
    return {key: options[key] for key, value in usual.items() if options.get(key, value) != value}


def _all_ops(config: Mapping[str, Any]) -> list[dict]:
    if config.get("Infer"):
        return config["Infer"].get("transforms") or []
    evaluation = (config.get("DataLoader") or {}).get("Eval") or {}
    dataset = (evaluation.get("Query") or evaluation).get("dataset") or {}
    return [*(dataset.get("transform_ops") or []), {"ToCHWImage": None}]


def _plain(op: dict) -> dict:
    """A copy of one step, with scale as a number: PaddleClas's configs say "1.0/255.0"."""
    ((name, options),) = op.items()
    options = dict(options) if options else None
    if name == "NormalizeImage" and options:
        options.setdefault("channel_num", 3)
        if isinstance(options.get("scale"), str):
            options["scale"] = _number(options["scale"])
    return {name: options}


def _number(text: str) -> float:
    if not is_arithmetic(text):
        raise OctConvError(
            f"NormalizeImage.scale: {text!r} should be a number or arithmetic, such as 1.0/255.0"
        )
    return float(expression(text))
