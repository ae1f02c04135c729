"""Reads a config as PaddleClas does: YAML, Python literals in strings, ``-o`` overrides.

What a file can ask for is bounded: aliases that expand without end, or hold themselves, numbers of
thousands of digits and dates that do not exist are told with their line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Sequence

import yaml

from ..common.errors import OctConvError
from ..common.files import read_text
from ..common.numbers import whole
from .literals import TooLargeError, expression, literal

MOST_BYTES = 1 << 20  # of a YAML file; those of PaddleClas have 10 KiB
MOST_VALUES = 200_000  # of a config, with all aliases written out
MOST_DEPTH = 64
# What PyYAML raises for values that are none of their tag's, and for characters that do not exist.
_WRONG = (ValueError, OverflowError, IndexError, KeyError, AttributeError)
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
    text = read_text(path, "-c", MOST_BYTES)
    try:
        config = _construct(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise OctConvError(f"-c {path}{line}: YAML syntax error: {problem}") from None
    except RecursionError:
        raise OctConvError(f"-c {path}: nested too deeply") from None
    if not isinstance(config, dict):
        raise OctConvError(f"-c {path}: a config is a mapping (Global:, Arch:, …) at its top level")
    return _with_literals(config, f"-c {path}: ")


def _construct(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return loader.construct_document(node)
    except _WRONG as error:
        raise yaml.MarkedYAMLError(
            problem=f"no such value or character: {error}", problem_mark=loader.get_mark()
        ) from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """The safe loader, whose errors about values name the line."""


def _constructor(construct, what: str):
    def checked(loader: _Loader, node: yaml.ScalarNode) -> Any:
        try:
            if len(node.value) > 64:
                raise ValueError
            return construct(loader, node)
        except _WRONG:
            raise _error(node, f"{_shortened(node.value) or repr('')} is no {what}") from None

    return checked


def _error(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"


for _tag, _constructs, _what in (
    ("int", yaml.SafeLoader.construct_yaml_int, "number that a config can hold"),
    ("float", yaml.SafeLoader.construct_yaml_float, "number that a config can hold"),
    ("bool", yaml.SafeLoader.construct_yaml_bool, "true or false"),
    ("timestamp", yaml.SafeLoader.construct_yaml_timestamp, "date that exists"),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _constructor(_constructs, _what))


def _check_size(root: yaml.Node) -> None:
    """Refuse aliases that hold themselves, or grow beyond all bounds when they are written out."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node, depth: int) -> int:
        if id(node) in open_nodes:
            raise _error(node, "this part of the config holds itself, by an alias")
        if depth > MOST_DEPTH:
            raise _error(node, f"nested deeper than {MOST_DEPTH}")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            children = node.value if isinstance(node, yaml.CollectionNode) else ()
            if isinstance(node, yaml.MappingNode):
                children = [child for pair in node.value for child in pair]
            sizes[id(node)] = 1 + sum(size(child, depth + 1) for child in children)
            open_nodes.discard(id(node))
        if sizes[id(node)] > MOST_VALUES:
            raise _error(node, f"more than {MOST_VALUES:,} values, with its aliases written out")
        return sizes[id(node)]

    size(root, 0)


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
