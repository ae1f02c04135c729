"""PaddleClas evaluates parts of its configs as Python: names and numbers, and nothing else."""

from __future__ import annotations

import ast
import builtins
import functools
import sys
from typing import Any

from ..common.errors import OctConvError
from .patch import TRAINER, Patch

EVAL = Patch(
    "builtins.eval",
    f"{TRAINER} and commands, for calls of PaddleClas",
    "it evaluates names and numbers of a config (`NormalizeImage.scale`, `Backbone.name`), which "
    "could be any code: only names of its own and Paddle's classes, numbers and arithmetic are",
)
PATCHES = (EVAL,)

_CALLERS = ("ppcls.", "paddleclas.ppcls.")
_HARMLESS = (
    *(ast.Expression, ast.Name, ast.Attribute, ast.Constant, ast.Load),
    *(ast.List, ast.Tuple, ast.Set, ast.Dict),
    *(ast.UnaryOp, ast.UAdd, ast.USub, ast.Not),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv),
)
_FUNCTIONS = ("ppcls", "paddleclas", "paddleclas_octconv")
_CLASSES = (*_FUNCTIONS, "paddle")
_SHOWN = 60


def evaluate_names_and_numbers() -> None:
    """Let no code in a config be run by the PaddleClas of this process.

    Raises (then, when PaddleClas evaluates what is more than a name or a number):
        OctConvError: with what it would have run.
    """
    if not hasattr(builtins.eval, "__wrapped__"):  # once a process
        EVAL.wrap(builtins, _evaluate)


def _evaluate(evaluate, source, *namespaces, **named):
    frame = sys._getframe(2)  # past the wrapper
    if not namespaces and not named:  # then those of the caller
        namespaces = (frame.f_globals, frame.f_locals)
    of_paddleclas = str(frame.f_globals.get("__name__")).startswith(_CALLERS)
    if not of_paddleclas or not isinstance(source, str):
        return evaluate(source, *namespaces, **named)
    if not _is_harmless(source):
        raise _refusal(source)
    value = evaluate(source, *namespaces, **named)
    if callable(value) and not _is_known(value):
        raise _refusal(source)
    return value


def _is_harmless(source: str) -> bool:
    """Whether an expression calls nothing, and reaches for nothing hidden."""
    try:
        nodes = list(ast.walk(ast.parse(source.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    words = [node.id for node in nodes if isinstance(node, ast.Name)]
    words += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return all(isinstance(node, _HARMLESS) for node in nodes) and not any(
        word.startswith("__") for word in words
    )


def _is_known(value: Any) -> bool:
    """Whether something that can be called is a class or a function of PaddleClas or Paddle."""
    if isinstance(value, functools.partial):
        return _is_known(value.func)
    owner = str(getattr(value, "__module__", "")).partition(".")[0]
    return owner in (_CLASSES if isinstance(value, type) else _FUNCTIONS)


def _refusal(source: str) -> OctConvError:
    shown = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"
    return OctConvError(
        f"{shown!r}: PaddleClas would run this value of the config as Python: it should be the "
        f"name of something that PaddleClas has, or a number"
    )
