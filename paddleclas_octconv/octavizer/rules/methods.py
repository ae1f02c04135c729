"""The operators and methods that tensors have, on pairs: each asks for the rule of its name."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import Tensor

from ..pair import Pair
from .calls import Function, call, of_tensors
from .elementwise import COMPARISONS, OPERATORS

_SPECIAL = [
    *(f"{side}{name}" for name in (*OPERATORS, "matmul") for side in ("", "r")),
    *COMPARISONS,
    *("neg", "abs", "getitem", "setitem", "bool", "float", "int"),
]


def _method(name: str) -> Function:
    function = of_tensors(name)

    def method(self: Pair, *args: Any, **kwargs: Any) -> Any:
        return call(name, function, (self, *args), kwargs)

    method.__name__ = name
    return paddle.jit.not_to_static(method)


_PUBLIC = [
    name
    for name in dir(Tensor)
    if not name.startswith("_") and callable(getattr(Tensor, name, None))
]
for _name in (*_PUBLIC, *(f"__{name}__" for name in _SPECIAL)):
    if _name not in vars(Pair):
        setattr(Pair, _name, _method(_name))
