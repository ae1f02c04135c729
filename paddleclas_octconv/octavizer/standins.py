"""The code of a vanilla network, run in a namespace that knows pairs.

A converted layer gets a class of its own, which is derived from its class and has the same methods
in the same bytecode; only the names that they look up differ: ``paddle``, ``F``, ``paddle.concat``
and whatever else comes from Paddle are stand-ins, which hand calls with pairs to ``rules``; helper
functions are bound to such a namespace in turn. Neither Paddle nor the module of the network is
changed, and layers that are not converted run what they always ran.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import types
from typing import Any, Callable, Iterator

import paddle
from paddle import nn
from paddle.jit.dy2static.program_translator import StaticFunction

from .functions import knowing_pairs
from .pair import Pair
from .rules import is_tensor

# Functions of these packages are given plain values alone.
_FOREIGN = frozenset(
    """
    abc collections copy enum functools inspect itertools logging math numbers numpy operator os
    random re sys time types typing warnings paddleclas_octconv
    """.split()  # noqa: SIM905
)
_functions: dict[Any, types.FunctionType] = {}
_modules: dict[types.ModuleType, types.ModuleType] = {}
_namespaces: dict[int, tuple[dict, dict]] = {}
_kinds: list[tuple[type, Callable[[Any], Any]]] = []


def for_kind(kind: type) -> Callable[[Callable], Callable]:
    """Makes of a function what gives values of a kind their stand-ins."""

    def register(function: Callable) -> Callable:
        _kinds.append((kind, function))
        return function

    return register


def stand_in(value: Any) -> Any:
    """What a name means to a converted layer; most values mean themselves."""
    for kind, function in _kinds:
        if isinstance(value, kind):
            return function(value)
    return value


def has_stand_in(value: Any) -> bool:
    """Whether it is of a kind that may mean something else, as classes never do in a closure."""
    return isinstance(value, tuple(kind for kind, _ in _kinds if kind is not type))


@for_kind(types.FunctionType)
def _function(value: types.FunctionType) -> Callable:
    if is_paddle(value.__module__):
        return knowing_pairs(value)
    root = (value.__module__ or "").partition(".")[0]
    return value if root in _FOREIGN else rebind(value)


@for_kind(StaticFunction)
def _static(value: Any) -> Any:
    # The whole network becomes a program, or nothing of it.
    return stand_in(value.dygraph_function)


@for_kind(types.BuiltinFunctionType)
def _builtin(value: Any) -> Callable:
    return knowing_pairs(value) if is_paddle(value.__module__ or "") else value


@for_kind(types.MethodType)
def _method(value: types.MethodType) -> types.MethodType:
    if isinstance(value.__self__, nn.Layer) and not is_paddle(value.__func__.__module__):
        return types.MethodType(stand_in(value.__func__), value.__self__)
    return value


@for_kind(functools.partial)
def _partial(value: functools.partial) -> functools.partial:
    return functools.partial(stand_in(value.func), *value.args, **value.keywords)


@for_kind(list)
@for_kind(tuple)
def _sequence(value: Any) -> Any:
    if type(value) not in (list, tuple):
        return value
    items = [stand_in(item) for item in value]
    same = all(new is old for new, old in zip(items, value))
    return value if same else type(value)(items)


@for_kind(dict)
def _dict(value: dict) -> dict:
    if type(value) is not dict:
        return value
    changed = {key: stand_in(item) for key, item in value.items()}
    return value if all(changed[key] is value[key] for key in value) else changed


@for_kind(types.ModuleType)
def _module(module: types.ModuleType) -> types.ModuleType:
    if isinstance(module, _Module) or not is_paddle(module.__name__):
        return module
    if module not in _modules:
        _modules[module] = _Module(module)
    return _modules[module]


class _Module(types.ModuleType):
    """A module of Paddle whose functions know pairs."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(module.__name__, module.__doc__)
        vars(self).update({"_module": module, "__file__": getattr(module, "__file__", None)})

    def __getattr__(self, name: str) -> Any:
        return stand_in(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return dir(self._module)


def member(value: Any) -> Any:
    """A method that knows pairs; None for what can stay as it is."""
    if isinstance(value, types.FunctionType):
        return rebind(value) if is_paddle(value.__module__) else stand_in(value)
    if isinstance(value, (staticmethod, classmethod)):
        return type(value)(stand_in(value.__func__))
    if isinstance(value, property):
        return property(*(f and stand_in(f) for f in (value.fget, value.fset, value.fdel)))
    if inspect.isdatadescriptor(value) or isinstance(value, type):
        return None
    changed = stand_in(value) if callable(value) else value
    return None if changed is value else changed


# Functions in a namespace of stand-ins


def rebind(function: types.FunctionType) -> types.FunctionType:
    """The function, looking its names up among stand-ins."""
    if function not in _functions:
        bound = _bound(function)
        # Known before its names are looked up: functions call each other.
        _functions[function] = _functions[bound] = bound
        _fill_namespace(bound, function)
        _fill_closure(bound, function)
        _fill_attributes(bound, function)
    return _functions[function]


def _bound(function: types.FunctionType) -> types.FunctionType:
    """A copy in a namespace that is not filled yet."""
    closure = tuple(_cell(cell) for cell in function.__closure__ or ()) or None
    namespace = _namespace(function.__globals__)
    return types.FunctionType(function.__code__, namespace, function.__name__, None, closure)


def _fill_namespace(bound: types.FunctionType, function: types.FunctionType) -> None:
    own, namespace = function.__globals__, bound.__globals__
    names: Iterator[str] = _names(function.__code__)
    if hasattr(function, "__wrapped__"):  # to_static decorates it again, by the decorator's name
        names = (name for name in list(own) if not name.startswith("__"))
    namespace.update({name: stand_in(own[name]) for name in names if name in own})
    if own.get(function.__name__) is function:
        namespace[function.__name__] = bound  # to_static looks for it there


def _fill_closure(bound: types.FunctionType, function: types.FunctionType) -> None:
    for new, old in zip(bound.__closure__ or (), function.__closure__ or ()):
        if new is not old:
            new.cell_contents = stand_in(old.cell_contents)


def _fill_attributes(bound: types.FunctionType, function: types.FunctionType) -> None:
    bound.__defaults__ = stand_in(function.__defaults__)
    bound.__kwdefaults__ = stand_in(function.__kwdefaults__)
    bound.__dict__.update(function.__dict__)
    bound.__qualname__, bound.__module__ = function.__qualname__, function.__module__
    bound.__doc__, bound.__annotations__ = function.__doc__, function.__annotations__
    if "__wrapped__" in bound.__dict__:
        bound.__wrapped__ = stand_in(bound.__wrapped__)  # type: ignore[attr-defined]


def _cell(cell: Any) -> Any:
    """A new cell where a closure holds what has a stand-in; the old one where it can stay."""
    try:
        return types.CellType() if has_stand_in(cell.cell_contents) else cell
    except ValueError:  # empty yet
        return cell


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def refresh() -> None:
    """Take over what has changed in the modules whose functions were converted before."""
    for module, names in _namespaces.values():
        for name, value in module.items():
            if not has_stand_in(value) and not isinstance(value, type):
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


def is_paddle(module: str | None) -> bool:
    """Whether a module is of Paddle."""
    return (module or "").partition(".")[0] == "paddle"
