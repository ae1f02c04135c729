"""Stand-ins of Paddle's functions, which hand calls with pairs to the rules."""

from __future__ import annotations

import functools
import operator
from typing import Any, Callable

import paddle
from paddle import nn

from .containers import holds_pair
from .rules import CALLERS, call

# Functions that Paddle writes in another way, with arguments of their own.
_LOW_LEVEL = ("_C_ops", "_legacy_C_ops", "libpaddle")
_functions: dict[Any, Any] = {}


def knowing_pairs(function: Callable) -> Callable:
    """The stand-in of a function; it is its own."""
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


class PyLayer:
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
