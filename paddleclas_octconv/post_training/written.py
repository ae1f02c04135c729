"""What is written beside the weights: the config that takes them, and one to distil by."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from ..common.files import write_atomically, writing
from .distilling import distilling_config
from .task import Task, arch_in

CONFIG, WEIGHTS = "config.yaml", "weights.pdparams"


def write(folder: Path, task: Task, arch: dict[str, Any]) -> None:
    """Write the config into the folder that will be ``task.output``; the last of its files.

    Args:
        folder: where it is made.
        task: what was asked for.
        arch: ``Arch`` of the network whose weights lie there.
    """
    config = copy.deepcopy(task.config.sections)
    config["Arch"] = arch_in(config, arch)
    config["Global"].update(
        pretrained_model=weights_of(task),
        checkpoints=None,
        output_dir=beside(task, "training"),
        save_inference_dir=beside(task, "inference"),
    )
    write_atomically(folder / CONFIG, _text(config).encode())


def write_distilling(task: Task, arch: dict[str, Any]) -> None:
    """Write the config that distils the network from the vanilla one, into ``task.distil``."""
    assert task.distil is not None
    given = {"pretrained": task.weights[: -len(".pdparams")]} if task.weights else {}
    teacher = {**task.vanilla, **given}
    student = {**arch, "pretrained": weights_of(task)}
    output, inference = beside(task, "distilled"), beside(task, "distilled_inference")
    config = distilling_config(task.config, teacher, student, output, inference)
    with writing("--distil", task.distil):
        write_atomically(task.distil, _text(config).encode())


def weights_of(task: Task) -> str:
    """The written weights, without their suffix, as every version of PaddleClas takes them."""
    return str(task.output / WEIGHTS[: -len(".pdparams")])


def beside(task: Task, name: str) -> str:
    """A folder in ``task.output`` that later commands write into."""
    return str(task.output / name)


def _text(config: dict[str, Any]) -> str:
    return yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    """A value in YAML's own types: a tuple as the text that PaddleClas reads as one."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return repr(value) if isinstance(value, (tuple, complex)) else value
