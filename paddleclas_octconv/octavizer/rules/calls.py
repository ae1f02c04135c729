"""Calls of functions on pairs: the arguments by name, and the rule that is asked."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ..containers import holds_pair, pairs_in, without_pairs
from ..origin import NOWHERE
from ..pair import Pair

Function = Callable[..., Any]
_TENSORS = (Tensor, paddle.static.Variable, getattr(getattr(paddle, "pir", None), "Value", Tensor))
# They call functions that they are given, which may make pairs of plain tensors.
CALLERS = frozenset({"recompute"})


class Unknown(Exception):
    """There is no octave form; the message says of what."""


@dataclass
class Call:
    """A call of a function of Paddle whose arguments hold pairs.

    Attributes:
        function: is called on the branches.
        arguments: by name and in order, the defaults included; called "0", "1", … where the
            signature is not known.
    """

    function: Function
    arguments: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """An argument that the function must have been given, or have a default for."""
        if name not in self.arguments:
            raise Unknown("is called in a way that is not known")
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)

    @property
    def first(self) -> Any:
        return next(iter(self.arguments.values()))

    @property
    def others(self) -> list:
        """The arguments after the first."""
        return list(self.arguments.values())[1:]

    @property
    def pair(self) -> Pair:
        """The first argument, where it is the only pair."""
        if not isinstance(self.first, Pair) or holds_pair(self.others):
            raise Unknown("is called in a way that is not known")
        return self.first

    @property
    def map(self) -> Pair:
        """The same, where its channels are not viewed as groups."""
        if self.pair.layout.is_view:
            raise Unknown("of channels viewed as groups")
        return self.pair

    def again(self, *changed: Any, **named: Any) -> Any:
        """The call with other values: ``changed`` for the first arguments, or by their names."""
        names = list(self.arguments)
        arguments = {**self.arguments, **dict(zip(names, changed)), **named}
        positional = [arguments.pop(name) for name in names if name.isdigit() or name == names[0]]
        return self.function(*positional, **arguments)


RULES: dict[str, Callable[[Call], Any]] = {}


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Makes of a function the rule for functions and methods of Paddle, by their names."""

    def register(function: Callable) -> Callable:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def call(name: str, function: Function, args: tuple, kwargs: dict) -> Any:
    """A function of Paddle called on arguments that hold pairs.

    Args:
        name: the function's; a trailing underscore says that it works in place.
        function: is called where there are no pairs, and on the branches.
    """
    first = next(pairs_in((args, kwargs)), None)
    listener = (NOWHERE if first is None else first.origin).listener
    listener.used((args, kwargs))
    in_place = name.endswith("_") and not name.endswith("__")
    if in_place:
        name = name.rstrip("_")
        function = _not_in_place(name, function)
    try:
        if name not in RULES:
            raise Unknown("has no octave form")
        result = RULES[name](Call(function, _bind(name, function, args, kwargs)))
    except Unknown as unknown:
        if first is not None:
            listener.joined(name, str(unknown))
        result = function(*without_pairs(args), **without_pairs(kwargs))
    if in_place and isinstance(args[0], Pair):
        return args[0].become(result)
    return result


def is_tensor(x: Any) -> bool:
    """Whether something is a plain tensor, be it of values or of a program."""
    return isinstance(x, _TENSORS) and not isinstance(x, Pair)


def of_tensors(name: str) -> Function:
    """A method of tensors, as a function."""

    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    function.takes_anything = True  # type: ignore[attr-defined]
    return function


def axis_of(axis: Any, ndim: int = 4) -> int:
    """An axis counted from the first one; -1 for what is no axis."""
    return axis % ndim if isinstance(axis, int) else -1


def _not_in_place(name: str, function: Function) -> Function:
    """What gives the values that a function gives in place: other maps may share the branches."""
    for module in (F, paddle):
        if hasattr(module, name):
            return getattr(module, name)
    return of_tensors(name) if hasattr(Tensor, name) else function


def _bind(name: str, function: Function, args: tuple, kwargs: dict) -> dict[str, Any]:
    if name == "reshape" and len(args) > 2:  # x.reshape(a, b, …)
        args = args[0], list(args[1:])
    signature = next(_signatures(name, function), None)
    if signature is None:
        return {**{str(index): value for index, value in enumerate(args)}, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        raise Unknown("is called in a way that is not known") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def _signatures(name: str, function: Function) -> Iterator[inspect.Signature]:
    modules = () if name.startswith("__") else (F, paddle)  # which have operators of their own
    for known in (function, *(getattr(module, name, None) for module in modules)):
        if known is None or getattr(known, "takes_anything", False):
            continue
        with contextlib.suppress(TypeError, ValueError):
            signature = inspect.signature(known)
            kinds = {parameter.kind for parameter in signature.parameters.values()}
            if inspect.Parameter.VAR_POSITIONAL not in kinds:
                yield signature
