"""Layers whose code knows pairs: each of a class derived from its own, with the methods rebound."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, List, Tuple

import paddle
from paddle import nn
from paddle.hapi.dynamic_flops import register_hooks
from paddle.jit.dy2static.program_translator import StaticFunction

from ..common.errors import explained
from .attributes import own_attributes
from .containers import without_pairs
from .functions import PyLayer
from .pair import Pair
from .standins import for_kind, is_paddle, member, stand_in

_KEPT = frozenset({"__init__", "__new__", "__setattr__", "__getattr__", "__delattr__", "__dir__"})
_classes: dict[type, type] = {}
_converted: dict[type, type] = {}


class Planner:
    """Takes over the calls of layers while a network is planned."""

    def call(self, layer: nn.Layer, args: tuple, kwargs: dict) -> Any:
        raise NotImplementedError


class Converted:
    """What converted layers have in common; comes first in the order of their classes."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        planner = vars(self).get("planner")
        if planner is not None:
            return planner.call(self, args, kwargs)
        return self.call_layer(*args, **kwargs)

    def call_layer(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the layer does; joins pairs first where it takes plain tensors only."""
        if vars(self).get("takes_plain"):
            args, kwargs = without_pairs(args), without_pairs(kwargs)
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    # A layer that is put into a converted one is converted.

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Layer):
            rebind_layer(value)
        if isinstance(value, Pair):  # a buffer would have to be a tensor; it is there before that
            vars(self)[name] = value
        else:
            super().__setattr__(name, value)

    def add_sublayer(self, name: str, sublayer: nn.Layer) -> nn.Layer:
        if isinstance(sublayer, nn.Layer):
            rebind_layer(sublayer)
        return super().add_sublayer(name, sublayer)  # type: ignore[misc]


def rebound_class(cls: type) -> type:
    """The class of a converted layer: its own, with methods that know pairs.

    It comes before its class, and before those that its class is derived from come theirs, so that
    ``super().forward(x)`` finds a method that knows pairs too.
    """
    if cls in _classes:
        return _classes[cls]
    if cls is nn.Layer or not issubclass(cls, nn.Layer) or "_is_rebound" in vars(cls):
        return cls
    bases = (rebound_class(base) for base in cls.__bases__)
    derived = [base for base in bases if "_is_rebound" in vars(base)]
    members = {
        name: member(value)
        for name, value in vars(cls).items()
        if name not in _KEPT and (name == "forward" or not is_paddle(cls.__module__))
    }
    members = {name: value for name, value in members.items() if value is not None}
    _classes[cls] = _derive(cls, (cls, *derived), {**members, "_is_rebound": True})
    return _classes[cls]


def converted_class(cls: type) -> type:
    """What a layer of a class becomes an instance of when it is converted."""
    if issubclass(cls, Converted):
        return cls
    if cls not in _converted:
        # To_static writes `super(self.__class__, self)` for `super()`.
        members = {"__class__": property(lambda layer: cls, _set_class)}
        _converted[cls] = _derive(cls, (Converted, rebound_class(cls)), members)
        if cls in register_hooks:  # `paddle.flops` goes by the class
            register_hooks[_converted[cls]] = register_hooks[cls]
    return _converted[cls]


def _set_class(layer: nn.Layer, cls: type) -> None:
    vars(object)["__class__"].__set__(layer, cls)


def _derive(cls: type, bases: tuple, members: dict | None = None) -> type:
    names = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    # Its own code may have a say in it: `__init_subclass__`, a metaclass.
    with explained(f"{cls.__name__} cannot be made octave: it lets no class be derived from it"):
        return type(cls)(cls.__name__, bases, {**(members or {}), **names})


Undo = List[Tuple[nn.Layer, type, Dict[str, Any], Dict[str, Dict[int, Callable]]]]
_HOOKS = ("_forward_pre_hooks", "_forward_post_hooks")


def rebind_layer(layer: nn.Layer) -> Undo:
    """Convert a layer in place, with all that are in it; returns what ``restore`` takes back.

    Raises:
        OctConvError: a class among them cannot be derived from; nothing is converted then.
    """
    undo: Undo = []
    try:
        _rebind(layer, undo)
    except BaseException:
        restore(undo)
        raise
    return undo


def _rebind(layer: nn.Layer, undo: Undo) -> None:
    for child in layer.sublayers(include_self=True):
        if isinstance(child, Converted) or is_ours(child):
            continue
        own = {name: vars(child)[name] for name in own_attributes(child)}
        hooks = {name: dict(vars(child)[name]) for name in _HOOKS}
        undo.append((child, type(child), own, hooks))
        child.__class__ = converted_class(type(child))
        vars(child).update({name: stand_in(value) for name, value in own.items()})
        if isinstance(own.get("forward"), StaticFunction) or "forward" in getattr(
            child, "_original_funcs", ()
        ):
            vars(child).pop("forward", None)  # to_static put it there
        for name in _HOOKS:
            vars(child)[name].update({key: stand_in(hook) for key, hook in hooks[name].items()})


def restore(undo: Undo) -> None:
    """Make layers again what they were before ``rebind_layer``."""
    for layer, cls, attributes, hooks in undo:
        layer.__class__ = cls
        vars(layer).update(attributes)
        for name in _HOOKS:
            vars(layer)[name].update(hooks[name])


def is_ours(layer: nn.Layer) -> bool:
    """Whether it is a layer of this package, or a part of one: those know pairs themselves."""
    return type(layer).__module__.partition(".")[0] == __name__.partition(".")[0]


def is_standard(layer: nn.Layer) -> bool:
    """Whether a convolution or a batch norm runs Paddle's own forward."""
    classes = (cls for cls in type(layer).__mro__ if cls is not Converted)
    owner = next(
        cls for cls in classes if "forward" in vars(cls) and "_is_rebound" not in vars(cls)
    )
    return owner is nn.Conv2D or (owner.__module__ + ".").startswith("paddle.nn.layer.norm.")


@for_kind(type)
def _class(cls: type) -> Any:
    """A class that forwards make layers of, or call functions of."""
    if issubclass(cls, paddle.autograd.PyLayer):
        return PyLayer(cls)
    if issubclass(cls, nn.Layer) and cls is not nn.Layer and is_paddle(cls.__module__):
        return _made(cls)
    return cls


@functools.lru_cache(maxsize=None)
def _made(cls: Any) -> type:
    """A layer of Paddle that is made while a converted layer runs."""
    if issubclass(cls, Converted):
        return cls
    checks = {
        "__instancecheck__": lambda _, x: isinstance(x, cls),
        "__subclasscheck__": lambda _, x: issubclass(x, cls),
    }
    kind = type("_Made", (type(cls),), checks)
    return kind(cls.__name__, (converted_class(cls),), {"__module__": cls.__module__})
