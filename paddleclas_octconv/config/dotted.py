"""Values of a config by their dotted keys, such as ``DataLoader.Train.dataset.transform_ops.0``."""

from __future__ import annotations

from typing import Any, Iterator, Mapping


def get(config: Any, key: str) -> Any:
    """The value under a dotted key; None where the key is missing."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, Mapping) else None
    return config


def has(config: Mapping[str, Any], key: str) -> bool:
    """Whether the config has a dotted key, be its value null or not."""
    parent, _, last = key.rpartition(".")
    node = get(config, parent) if parent else config
    return isinstance(node, Mapping) and last in node


def put(config: dict[str, Any], key: str, value: Any) -> None:
    """Set the value under a dotted key, in place; sections that are missing are made."""
    *sections, last = key.split(".")
    node: Any = config
    for name in sections:
        node = node.setdefault(name, {}) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node[last] = value


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values that hold no others, and empty lists and sections, each with its dotted key."""
    if isinstance(node, (Mapping, list, tuple)) and node:
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for name, value in items:
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node


def unshared(node: Any) -> Any:
    """A copy in which what an alias of the YAML had stand in two places is there twice."""
    if isinstance(node, Mapping):
        return {name: unshared(value) for name, value in node.items()}
    return [unshared(value) for value in node] if isinstance(node, list) else node
