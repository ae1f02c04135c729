"""Reads a config as PaddleClas does: YAML, Python literals in strings, ``-o`` overrides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Sequence

from ..common.documents import MOST_DEPTH, read_yaml
from ..common.errors import OctConvError
from ..common.numbers import whole
from .literals import TooLargeError, expression, literal

MOST_BYTES = 1 << 20  # of a YAML file; those of PaddleClas have 10 KiB
_TOP = re.compile(r"[^.=\s][^.=]*")  # a part of a key


def load_config(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A config with its overrides (``KEY.KEY=VALUE``) applied.

    Raises:
        OctConvError: the file cannot be read, is not YAML (naming the line), or is not a
            mapping; or an override cannot be applied.
    """
    config = _read(path)
    for override in overrides:
        _override(config, override)
    general = config.get("Global")
    if isinstance(general, dict) and isinstance(general.get("image_shape"), tuple):
        general["image_shape"] = list(general["image_shape"])  # PaddleClas adds it to a list
    arch = config.get("Arch")
    if isinstance(general, dict) and isinstance(arch, dict) and general.get("class_num"):
        arch.setdefault("class_num", general["class_num"])  # as PaddleClas does when it trains
    return config


def _read(path: Path) -> dict[str, Any]:
    config = read_yaml(path, "-c", MOST_BYTES)
    if not isinstance(config, dict):
        raise OctConvError(f"-c {path}: a config is a mapping (Global:, Arch:, …) at its top level")
    return _with_literals(config, f"-c {path}: ")


def _with_literals(config: dict, where: str) -> dict:
    """PaddleClas takes every string that is a Python literal, such as ``'1e-3'``, as that value."""
    for key, value in config.items():
        if isinstance(value, dict):  # a copy, so that an alias is not changed with what it names
            config[key] = _with_literals(dict(value), where)
        elif isinstance(value, str):
            try:
                config[key] = literal(value)
            except TooLargeError as error:
                raise OctConvError(f"{where}{key}: {error}") from None
    return config


def _override(config: dict, option: str) -> None:
    key, equals, text = option.partition("=")
    if not equals or not all(_TOP.fullmatch(name) for name in key.split(".")):
        raise OctConvError(f"-o {option}: should be KEY.KEY=VALUE")
    try:
        value = expression(text)
    except TooLargeError as error:
        raise OctConvError(f"-o {key}: {error}") from None
    *parents, last = key.split(".")
    if len(parents) > MOST_DEPTH:
        raise OctConvError(f"-o {option[:40]}…: nested deeper than {MOST_DEPTH}")
    node: Any = config
    for name in parents:
        if isinstance(node, dict):
            node = node.setdefault(name, {})
        else:
            node = node[_index(node, name, option)]
    if isinstance(node, dict):
        node[last] = value
    else:
        node[_index(node, last, option)] = value


def _index(node: Any, name: str, option: str) -> int:
    if not isinstance(node, list):
        raise OctConvError(f"-o {option}: {name!r} would be a key of {node!r}, not of a mapping")
    index = whole(name)
    if index is None or not 0 <= index < len(node):
        raise OctConvError(
            f"-o {option}: {name!r} should be an index from 0 to {len(node) - 1} of a list"
        )
    return index
