"""YAML and JSON that may come from anybody: read within bounds, and never as something else than
what they look like.

Aliases that expand without end or hold themselves, deep nesting, numbers of thousands of digits and
dates that do not exist are told with their line; so are keys that are given twice, of which readers
may take either, and numbers that YAML 1.1 reads otherwise than they look (``1:30``, ``010``).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from .errors import OctConvError
from .files import read_text

MOST_YAML = 4 << 20  # bytes; with the names of 20,000 classes an inference.yml has one MiB
MOST_JSON = 16 << 20
MOST_VALUES = 200_000  # of a YAML file, with all aliases written out
MOST_DEPTH = 64
# What PyYAML raises for values that are none of their tag's, and for characters that do not exist.
_WRONG = (ValueError, OverflowError, IndexError, KeyError, AttributeError)
_MISREAD = re.compile(r"[+-]?(.*:.*|0[0-9_]+)")


def read_yaml(path: Path, name: str, most: int = MOST_YAML) -> Any:
    """The content of a YAML file.

    Args:
        path: the file.
        name: the option or key that names it, for messages; empty: the path says enough.
        most: bytes that it may have.

    Raises:
        OctConvError: it cannot be read, or is not YAML (naming the line), or asks for too much.
    """
    text = read_text(path, name, most)
    try:
        return _construct(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise OctConvError(f"{name} {path}{line}: YAML syntax error: {problem}") from None
    except RecursionError:
        raise OctConvError(f"{name} {path}: nested too deeply") from None


def read_json(path: Path, name: str, most: int = MOST_JSON) -> Any:
    """The content of a JSON file; arguments as of ``read_yaml``.

    Raises:
        OctConvError: it cannot be read, or is not JSON.
    """
    text = read_text(path, name, most)
    try:
        return json.loads(text, object_pairs_hook=_only_once)
    except RecursionError:
        raise OctConvError(f"{name} {path}: nested too deeply") from None
    except ValueError as error:
        raise OctConvError(f"{name} {path}: is not JSON: {error}") from None


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found


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
    """The safe loader, whose errors about values name the line, and which goes no deeper than it
    should: PyYAML's time grows with the square of the depth."""

    depth = 0

    def fetch_flow_collection_start(self, token: Any) -> None:
        if self.flow_level > MOST_DEPTH:
            raise _too_deep(self.get_mark())
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.depth > MOST_DEPTH:
            raise _too_deep(self.get_mark())
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _too_deep(mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=f"nested deeper than {MOST_DEPTH}", problem_mark=mark)


def _constructor(construct, what: str):
    def checked(loader: _Loader, node: yaml.ScalarNode) -> Any:
        try:
            if len(node.value) > 64:
                raise ValueError
            value = construct(loader, node)
        except _WRONG:
            raise _error(node, f"{_shortened(node.value) or repr('')} is not {what}") from None
        if type(value) in (int, float) and _MISREAD.fullmatch(node.value):
            raise _error(
                node, f"{node.value} means {value:g} in YAML: write that, or quotes around it"
            )
        return value

    return checked


def _error(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"


for _tag, _constructs, _what in (
    ("int", yaml.SafeLoader.construct_yaml_int, "a number that a config can hold"),
    ("float", yaml.SafeLoader.construct_yaml_float, "a number that a config can hold"),
    ("bool", yaml.SafeLoader.construct_yaml_bool, "true or false"),
    ("timestamp", yaml.SafeLoader.construct_yaml_timestamp, "a date that exists"),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _constructor(_constructs, _what))


def _check_size(root: yaml.Node) -> None:
    """Refuse keys that are given twice, and aliases that hold themselves, or grow beyond all bounds
    when they are written out."""
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
                _check_keys(node)
                children = [child for pair in node.value for child in pair]
            sizes[id(node)] = 1 + sum(size(child, depth + 1) for child in children)
            open_nodes.discard(id(node))
        if sizes[id(node)] > MOST_VALUES:
            raise _error(node, f"more than {MOST_VALUES:,} values, with its aliases written out")
        return sizes[id(node)]

    size(root, 0)


def _check_keys(mapping: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if (key.tag, key.value) in seen:
                raise _error(key, f"the key {_shortened(key.value)} is given twice")
            seen.add((key.tag, key.value))
