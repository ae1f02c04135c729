"""Reads a config as PaddleClas does: YAML, Python literals in strings, ``-o`` overrides.

The result is for looking at before the trainer starts. The trainer reads the file and the
overrides itself.
"""

from __future__ import annotations

import ast
import warnings
from pathlib import Path
from typing import Any, Sequence

import yaml

from ..common.errors import OctConvError


def load_config(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A config with its overrides (``KEY.KEY=VALUE``) applied.

    Raises:
        OctConvError: the file cannot be read, is not YAML (naming the line), or is not a
            mapping; or an override cannot be applied.
    """
    config = _read(path)
    for override in overrides:
        _override(config, override)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise OctConvError(f"-c {path}{line}: YAML syntax error: {problem}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OctConvError(f"-c {path}: cannot be read as UTF-8 text: {error}") from None
    except RecursionError:
        raise OctConvError(f"-c {path}: nested too deeply") from None
    if not isinstance(config, dict):
        raise OctConvError(f"-c {path}: a config is a mapping (Global:, Arch:, …) at its top level")
    return _with_literals(config)


def _with_literals(config: dict) -> dict:
    """PaddleClas takes every string that is a Python literal, such as ``'1e-3'``, as that value."""
    for key, value in config.items():
        if isinstance(value, dict):
            _with_literals(value)
        elif isinstance(value, str):
            config[key] = _value(value, ast.literal_eval)
    return config


def _override(config: dict, option: str) -> None:
    key, equals, value = option.partition("=")
    if not equals or not key or "=" in value:
        raise OctConvError(f"-o {option}: should be KEY.KEY=VALUE, with one '='")
    *parents, last = key.split(".")
    node: Any = config
    for name in parents:
        if isinstance(node, dict):
            node = node.setdefault(name, {})
        else:
            node = node[_index(node, name, option)]
    if isinstance(node, dict):
        node[last] = _value(value, _evaluate)
    else:
        node[_index(node, last, option)] = _value(value, _evaluate)


def _index(node: Any, name: str, option: str) -> int:
    if not isinstance(node, list):
        raise OctConvError(f"-o {option}: {name!r} would be a key of {node!r}, not of a mapping")
    if not name.isdigit() or int(name) >= len(node):
        raise OctConvError(
            f"-o {option}: {name!r} should be an index from 0 to {len(node) - 1} of a list"
        )
    return int(name)


def _value(text: str, evaluate) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning on text such as a date
            return evaluate(text)
    except Exception:
        return text


def _evaluate(text: str) -> Any:
    """PaddleClas evaluates an override as an expression; so here, with no name in reach."""
    return eval(text, {"__builtins__": {}})
