"""Values written as text: literals and arithmetic, of bounded size, and nothing that runs.

PaddleClas takes a string of the YAML for a Python literal where it is one, and evaluates the value
of an override. Here the same values come out, but no name is looked up, nothing is called, and no
number grows beyond what a config can mean.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from typing import Any, Callable

from ..common.errors import OctConvError

MOST = 10**18  # of whole numbers: 64 bits
_LONGEST = 10_000  # characters that are still looked at
_MOST_NODES = 10_000
_ENDLESS = re.compile(r"[+-]?[0-9]{19,}")
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


class TooLargeError(OctConvError):
    """A number beyond all that a config can mean."""


class _NoValueError(Exception):
    """The text is text."""


def literal(text: str) -> Any:
    """The value of a Python literal, as PaddleClas reads strings of a YAML; else the text itself.

    Raises:
        TooLargeError: a whole number of more than 18 digits.
    """
    return _value(text, arithmetic=False)


def expression(text: str) -> Any:
    """The value of literals and arithmetic, as PaddleClas reads overrides; else the text itself.

    Raises:
        TooLargeError: a whole number of more than 18 digits, or a power of that size.
    """
    return _value(text, arithmetic=True)


def is_arithmetic(text: str) -> bool:
    """Whether a text is a finite number, or arithmetic that gives one, such as ``1.0/255.0``."""
    try:
        return type(expression(text)) in (int, float)
    except TooLargeError:
        return False


def _value(text: str, arithmetic: bool) -> Any:
    if len(text) > _LONGEST:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning on text such as a date
            tree = ast.parse(text.lstrip(" \t"), mode="eval").body
        if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
            return text
        return _evaluate(tree, arithmetic)
    except ValueError as error:
        if isinstance(error, TooLargeError):
            raise TooLargeError(f"{_shortened(text)} {error}") from None
        return text
    except (_NoValueError, ArithmeticError, SyntaxError, TypeError, RecursionError, MemoryError):
        if _ENDLESS.fullmatch(text.strip()):  # Python's parser has a bound of its own
            raise TooLargeError(f"{_shortened(text)} is too large a number") from None
        return text


def _evaluate(node: ast.expr, arithmetic: bool) -> Any:
    if isinstance(node, ast.Constant):
        return _bounded(_plain(node.value))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [_evaluate(item, arithmetic) for item in node.elts]
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](items)
    if isinstance(node, ast.Dict):
        if None in node.keys:  # {**other}
            raise _NoValueError
        keys = [_evaluate(key, arithmetic) for key in node.keys if key is not None]
        return dict(zip(keys, (_evaluate(value, arithmetic) for value in node.values)))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_number(node.operand, arithmetic))
    if isinstance(node, ast.BinOp) and arithmetic:
        left, right = (_number(side, arithmetic) for side in (node.left, node.right))
        if isinstance(node.op, ast.Pow):
            return _bounded(_power(left, right))
        if type(node.op) in _BINARY:
            return _bounded(_BINARY[type(node.op)](left, right))
    raise _NoValueError


def _plain(value: Any) -> Any:
    if value is not None and type(value) not in (bool, int, float, str):
        raise _NoValueError  # bytes, complex numbers, …
    return value


def _number(node: ast.expr, arithmetic: bool) -> Any:
    value = _evaluate(node, arithmetic)
    if type(value) not in (int, float):
        raise _NoValueError
    return value


def _power(base: Any, exponent: Any) -> Any:
    if type(base) is int and type(exponent) is int and exponent > 0:
        # 64 of 2 is beyond the bound, and so is any other base but these.
        if abs(base) > 1 and exponent > 64:
            raise TooLargeError("is too large a number")
        return base**exponent
    result = base**exponent
    if isinstance(result, complex):
        raise _NoValueError
    return result


def _bounded(value: Any) -> Any:
    if type(value) is int and abs(value) >= MOST:
        raise TooLargeError("is too large a number")
    return value


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"
