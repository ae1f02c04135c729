"""The code of a vanilla network, run in a namespace that knows pairs.

A converted layer gets a class of its own, which is derived from its class and has the same methods
in the same bytecode; only the names that they look up differ: ``paddle``, ``F``, ``paddle.concat``
and whatever else comes from Paddle are stand-ins, which hand calls with pairs to ``rules``; helper
functions are bound to such a namespace in turn. Neither Paddle nor the module of the network is
changed, and layers that are not converted run what they always ran.
"""

from __future__ import annotations

import builtins
import copy
import functools
import inspect
import operator
import types
from collections import deque
from typing import Any, Callable, Dict, Iterator, List, Tuple

import paddle
from paddle import nn
from paddle.hapi.dynamic_flops import register_hooks
from paddle.jit.dy2static.program_translator import StaticFunction

from . import rules
from .containers import holds_pair, without_pairs
from .pair import Pair
from .rules import CALLERS, call, is_tensor

# Functions of these packages are given plain values alone.
_FOREIGN = frozenset(
    """
    abc collections copy enum functools inspect itertools logging math numbers numpy operator os
    random re sys time types typing warnings paddleclas_octconv
    """.split()  # noqa: SIM905
)
# Functions that Paddle writes in another way, with arguments of their own.
_LOW_LEVEL = ("_C_ops", "_legacy_C_ops", "libpaddle")
with paddle.utils.unique_name.guard():
    _ATTRIBUTES = frozenset(vars(nn.Layer()))  # what every layer has
_KEPT = frozenset({"__init__", "__new__", "__setattr__", "__getattr__", "__delattr__", "__dir__"})

_REPLACED = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    StaticFunction,
    functools.partial,
    list,
    tuple,
    dict,
)

_functions: dict[Any, Any] = {}
_modules: dict[types.ModuleType, types.ModuleType] = {}
_classes: dict[type, type] = {}
_converted: dict[type, type] = {}
_namespaces: dict[int, tuple[dict, dict]] = {}


def stand_in(value: Any) -> Any:
    """What a name means to a converted layer; most values mean themselves."""
    if isinstance(value, types.ModuleType):
        return _module(value) if _is_paddle(value.__name__) else value
    if isinstance(value, type):
        return _class(value)
    if isinstance(value, types.FunctionType):
        if _is_paddle(value.__module__):
            return _paddle_function(value)
        root = (value.__module__ or "").partition(".")[0]
        return value if root in _FOREIGN else rebind(value)
    if isinstance(value, StaticFunction):  # the whole network becomes a program, or none of it
        return stand_in(value.dygraph_function)
    if isinstance(value, types.BuiltinFunctionType):
        return _paddle_function(value) if _is_paddle(value.__module__ or "") else value
    if isinstance(value, types.MethodType):
        if isinstance(value.__self__, nn.Layer) and not _is_paddle(value.__func__.__module__):
            return types.MethodType(stand_in(value.__func__), value.__self__)
        return value
    if isinstance(value, functools.partial):
        return functools.partial(stand_in(value.func), *value.args, **value.keywords)
    if type(value) in (list, tuple):
        items = [stand_in(item) for item in value]
        same = all(new is old for new, old in zip(items, value))
        return value if same else type(value)(items)
    if type(value) is dict:
        changed = {key: stand_in(item) for key, item in value.items()}
        return value if all(changed[key] is value[key] for key in value) else changed
    return value


def rebind(function: types.FunctionType) -> types.FunctionType:
    """The function, looking its names up among stand-ins."""
    if function in _functions:
        return _functions[function]
    namespace = _namespace(function.__globals__)
    cells = [_cell(cell) for cell in function.__closure__ or ()]
    closure = tuple(new or old for new, old in zip(cells, function.__closure__ or ())) or None
    bound = types.FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, closure
    )
    # Known before its names are looked up: functions call each other.
    _functions[function] = _functions[bound] = bound
    names = _names(function.__code__)
    if hasattr(function, "__wrapped__"):  # to_static decorates it again, by the decorator's name
        names = (name for name in list(function.__globals__) if not name.startswith("__"))
    for name in names:
        if name in function.__globals__:
            namespace[name] = stand_in(function.__globals__[name])
    if function.__globals__.get(function.__name__) is function:
        namespace[function.__name__] = bound  # to_static looks for it there
    for new, old in zip(cells, function.__closure__ or ()):
        if new is not None:
            new.cell_contents = stand_in(old.cell_contents)
    bound.__defaults__ = stand_in(function.__defaults__)
    bound.__kwdefaults__ = stand_in(function.__kwdefaults__)
    bound.__dict__.update(function.__dict__)
    bound.__qualname__, bound.__module__ = function.__qualname__, function.__module__
    bound.__doc__, bound.__annotations__ = function.__doc__, function.__annotations__
    if "__wrapped__" in bound.__dict__:
        bound.__wrapped__ = stand_in(bound.__wrapped__)  # type: ignore[attr-defined]
    return bound


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
        name: _member(value)
        for name, value in vars(cls).items()
        if name not in _KEPT and (name == "forward" or not _is_paddle(cls.__module__))
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
    return type(cls)(cls.__name__, bases, {**(members or {}), **names})


def own_attributes(layer: nn.Layer) -> list[str]:
    """Attributes that not every layer has, and that are neither layers nor tensors."""
    return [
        name
        for name, value in vars(layer).items()
        if name not in _ATTRIBUTES and not isinstance(value, (nn.Layer, type))
    ]


class Attributes:
    """What is in a layer, to be put back when its forward has changed it."""

    def __init__(self, layer: nn.Layer) -> None:
        self.layer = layer
        self.buffers = dict(layer._buffers)
        self.own = {name: vars(layer)[name] for name in own_attributes(layer)}
        kinds = (list, dict, set, deque)
        self.contents = [
            (value, copy.copy(value)) for value in self.own.values() if isinstance(value, kinds)
        ]

    def restore(self) -> None:
        own = vars(self.layer)
        for name in own_attributes(self.layer):
            if name not in self.own:
                del own[name]
        own.update(self.own)
        for name in set(self.layer._buffers) - set(self.buffers):
            self.layer._non_persistable_buffer_names_set.discard(name)
        self.layer._buffers.clear()
        self.layer._buffers.update(self.buffers)
        for value, before in self.contents:
            value.clear()
            (value.extend if isinstance(value, (list, deque)) else value.update)(before)


Undo = List[Tuple[nn.Layer, type, Dict[str, Any], Dict[str, Dict[int, Callable]]]]
_HOOKS = ("_forward_pre_hooks", "_forward_post_hooks")


def rebind_layer(layer: nn.Layer) -> Undo:
    """Convert a layer in place, with all that are in it; returns what ``restore`` takes back."""
    undo: Undo = []
    for child in layer.sublayers(include_self=True):
        if isinstance(child, Converted) or is_ours(child):
            continue
        own = {name: vars(child)[name] for name in own_attributes(child)}
        hooks = {name: dict(vars(child)[name]) for name in _HOOKS}
        undo.append((child, type(child), own, hooks))
        child.__class__ = converted_class(type(child))
        vars(child).update({name: stand_in(value) for name, value in own.items()})
        if isinstance(own.get("forward"), StaticFunction) or "forward" in child._original_funcs:
            vars(child).pop("forward", None)  # to_static put it there
        for name in _HOOKS:
            vars(child)[name].update({key: stand_in(hook) for key, hook in hooks[name].items()})
    return undo


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


# Layers


class Planner:
    """Takes over the calls of layers while a network is planned."""

    def call(self, layer: nn.Layer, args: tuple, kwargs: dict) -> Any:
        raise NotImplementedError


class Converted:
    """What converted layers have in common; comes first in the order of their classes."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        planner = rules.told()
        if isinstance(planner, Planner):
            return planner.call(self, args, kwargs)
        return self.call_layer(*args, **kwargs)

    def call_layer(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the layer does; joins pairs first where it takes plain tensors alone."""
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


# Names


def _is_paddle(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "paddle"


def _paddle_function(function: Callable) -> Callable:
    try:
        if function in _functions:
            return _functions[function]
    except TypeError:
        return function
    original = function
    name = str(_public_names().get(function) or getattr(function, "__name__", "function"))
    if any(part in (function.__module__ or "") for part in _LOW_LEVEL):
        name = f"{function.__module__}.{name}"

    function = _for_any_program(function)

    @functools.wraps(function)
    def stand_in_function(*args: Any, **kwargs: Any) -> Any:
        if holds_pair(args) or holds_pair(kwargs) or name in CALLERS:
            return call(name, function, args, kwargs)
        return function(*args, **kwargs)

    del stand_in_function.__wrapped__  # to_static would look into it
    stand_in_function = paddle.jit.not_to_static(stand_in_function)
    _functions[original] = _functions[stand_in_function] = stand_in_function
    return stand_in_function


# Functions of Paddle 3 that fail on programs of the old kind (pdmodel), and what does not.
_OPERATORS = {"multiply": operator.mul, "matmul": operator.matmul, "greater_than": operator.gt}


def _for_any_program(function: Callable) -> Callable:
    name = (getattr(function, "__name__", "") or "").lstrip("_")
    if not str(function.__module__).endswith("_methods_patch") or name not in _OPERATORS:
        return function

    @functools.wraps(function)
    def either(x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        if type(x) is paddle.static.Variable or type(y) is paddle.static.Variable:
            return _OPERATORS[name](x, y)
        return function(x, y, *args, **kwargs)

    return either


@functools.lru_cache(maxsize=None)
def _public_names() -> dict[Any, str]:
    """Functions of Paddle by what users call them."""
    names: dict[Any, str] = {}
    for module in (paddle, nn.functional):
        for name, value in vars(module).items():
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                names.setdefault(value, name)
    return names


class _Module(types.ModuleType):
    """A module of Paddle whose functions know pairs."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(module.__name__, module.__doc__)
        vars(self).update({"_module": module, "__file__": getattr(module, "__file__", None)})

    def __getattr__(self, name: str) -> Any:
        return stand_in(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return dir(self._module)


def _module(module: types.ModuleType) -> types.ModuleType:
    if isinstance(module, _Module):
        return module
    if module not in _modules:
        _modules[module] = _Module(module)
    return _modules[module]


def _class(cls: type) -> Any:
    """A class that forwards make layers of, or call functions of."""
    if issubclass(cls, paddle.autograd.PyLayer):
        return _PyLayer(cls)
    if issubclass(cls, nn.Layer) and cls is not nn.Layer and _is_paddle(cls.__module__):
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


class _PyLayer:
    """A function with a backward of its own: it is given plain tensors."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    @paddle.jit.not_to_static  # in whose program a class would have no name
    def apply(self, *args: Any, **kwargs: Any) -> Any:
        function = self.cls.apply if paddle.in_dynamic_mode() else _in_program(self.cls)
        return call(f"{self.cls.__name__}.apply", function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cls, name)


def _in_program(cls: Any) -> Callable:
    try:
        from paddle.jit.dy2static.py_layer import StaticPyLayer
    except ImportError:  # Paddle 2.6
        return cls.apply
    return StaticPyLayer(cls).apply


def refresh() -> None:
    """Take over what has changed in the modules whose functions were converted before."""
    for module, names in _namespaces.values():
        for name, value in module.items():
            if not isinstance(value, (*_REPLACED, type)):
                names[name] = value


def _namespace(namespace: dict) -> dict:
    """A module's names for its converted functions, and the functions of other modules theirs."""
    if id(namespace) not in _namespaces:
        # The module's own is kept alive, so that its id stays its own.
        # Programs are built of the names, but of no ``__builtins__``.
        names = {**_BUILT_IN, **namespace, "__builtins__": {**vars(builtins), **_BUILT_IN}}
        _namespaces[id(namespace)] = (namespace, names)
    return _namespaces[id(namespace)][1]


def _import(*args: Any, **kwargs: Any) -> Any:
    """``import`` within a function."""
    return stand_in(builtins.__import__(*args, **kwargs))


@paddle.jit.not_to_static
def _isinstance(x: Any, kinds: Any) -> bool:
    """As the built-in one, but the tensors of a program, and pairs there, are tensors too."""
    if builtins.isinstance(x, kinds):
        return True
    named = kinds if builtins.isinstance(kinds, tuple) else (kinds,)
    return paddle.Tensor in named and (builtins.isinstance(x, Pair) or is_tensor(x))


class _TypeOfType(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], Pair):
            return args[0].__class__
        return type(*args, **kwargs)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, type)


class _Type(type, metaclass=_TypeOfType):
    """``type``, to which a pair is a tensor."""


_BUILT_IN = {"__import__": _import, "isinstance": _isinstance, "type": _Type}


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _cell(cell: Any) -> Any:
    """A new cell where a closure holds what has a stand-in; None where its cell can stay."""
    try:
        content = cell.cell_contents
    except ValueError:  # empty yet
        return None
    return types.CellType() if isinstance(content, _REPLACED) else None


def _member(value: Any) -> Any:
    """A method that knows pairs; None for what can stay as it is."""
    if isinstance(value, types.FunctionType):
        return rebind(value) if _is_paddle(value.__module__) else stand_in(value)
    if isinstance(value, (staticmethod, classmethod)):
        return type(value)(stand_in(value.__func__))
    if isinstance(value, property):
        return property(*(f and stand_in(f) for f in (value.fget, value.fset, value.fdel)))
    if inspect.isdatadescriptor(value) or isinstance(value, type):
        return None
    changed = stand_in(value) if callable(value) else value
    return None if changed is value else changed
