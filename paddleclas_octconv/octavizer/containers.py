"""Pairs inside what functions are given and return: in lists, dicts, dataclasses, objects."""

from __future__ import annotations

import copy
import types
from collections import deque
from typing import Any, Iterator

import paddle
from paddle import nn

from .pair import Pair, join

_ITERATORS = (types.GeneratorType, map, filter, zip, reversed, enumerate)
# They are no containers, whatever attributes they have.
_WHOLE = (nn.Layer, type, types.ModuleType, types.FunctionType, types.MethodType)


def is_iterator(value: Any) -> bool:
    """Whether something gives its items once, when it is asked for them."""
    return isinstance(value, _ITERATORS) or type(value).__name__.endswith("_iterator")


def pairs_in(value: Any) -> Iterator[Pair]:
    """Every pair in a value; what an iterator would give is not looked at."""
    return _pairs_in(value, set())


def _pairs_in(value: Any, seen: set[int]) -> Iterator[Pair]:
    if isinstance(value, Pair):
        yield value
    elif id(value) not in seen:
        seen.add(id(value))
        for item in _items(value):
            yield from _pairs_in(item, seen)


def holds_pair(value: Any) -> bool:
    """Whether there are pairs in a value."""
    return next(pairs_in(value), None) is not None


@paddle.jit.not_to_static
def without_pairs(value: Any) -> Any:
    """A value with every pair in it joined into a tensor (N, C, H, W).

    Inside an octavised network feature maps are pairs, in two frequencies. What calls a method of
    it other than the network itself, or gets its maps in a hook, meets those; this makes tensors of
    them, with the channels in the vanilla order and the low ones upsampled.

    Args:
        value: a pair, or lists, tuples, dicts, dataclasses or other objects that hold pairs, one
            within the other; an iterator gives its items joined.

    Returns:
        The value itself where no pair is in it, and copies of what holds pairs.
    """
    return _joined(value, {})


def _joined(value: Any, done: dict[int, Any]) -> Any:
    """The same; ``done`` has the copies so far, by the ids of what they are of."""
    if isinstance(value, Pair):
        return join(value)
    if is_iterator(value):
        return map(without_pairs, value)
    if id(value) in done or not holds_pair(value):
        return done.get(id(value), value)
    if isinstance(value, tuple):
        items = [_joined(item, done) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, (set, frozenset)):
        return type(value)(_joined(item, done) for item in value)
    copied = done[id(value)] = copy.copy(value)
    if isinstance(value, (list, deque)):
        for index, item in enumerate(value):
            copied[index] = _joined(item, done)
    elif isinstance(value, dict):
        for key, item in value.items():
            dict.__setitem__(copied, key, _joined(item, done))
    for name, item in _attributes(value):
        object.__setattr__(copied, name, _joined(item, done))
    return copied


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    for _, item in _attributes(value):
        yield item


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """What an object of somebody's class holds, by name."""
    if isinstance(value, _WHOLE) or type(value).__module__.partition(".")[0] in _LIBRARIES:
        return []
    names = [name for cls in type(value).__mro__ for name in _slots(cls)]
    own = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    return [*own, *getattr(value, "__dict__", {}).items()]


_LIBRARIES = frozenset({"builtins", "paddle", "numpy", "collections", "functools", "inspect"})


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    named = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in named if not name.startswith("__"))
