"""Values of a config by their dotted keys, such as ``DataLoader.Train.dataset.transform_ops.0``."""

from __future__ import annotations

from typing import Any, Iterator


def get(config: Any, key: str) -> Any:
    """The value under a dotted key; None where the key is missing."""
    for name in key.split("."):
        config = config.get(name) if isinstance(config, dict) else None
    return config


def has(config: dict, key: str) -> bool:
    """Whether the config has a dotted key, be its value null or not."""
    parent, _, last = key.rpartition(".")
    node = get(config, parent) if parent else config
    return isinstance(node, dict) and last in node


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values that hold no others, each with its dotted key."""
    if isinstance(node, (dict, list, tuple)):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in items:
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
