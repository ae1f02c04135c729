"""PaddleClas evaluates parts of its configs as Python: names and numbers, and nothing else."""

from __future__ import annotations

import builtins
import functools
import re
import sys
from typing import Any

from ..common.errors import OctConvError
from ..common.numbers import shown
from ..config.literals import expression
from .patch import TRAINER, Patch

EVAL = Patch(
    "builtins.eval",
    f"{TRAINER} and commands, for calls of PaddleClas",
    "it evaluates names and numbers of a config (`NormalizeImage.scale`, `Backbone.name`), which "
    "could be any code: only names of its networks, losses, metrics, transforms and data sets, of "
    "`paddle.nn`'s layers, numbers and arithmetic are",
)
PATCHES = (EVAL,)

_CALLERS = ("ppcls.", "paddleclas.ppcls.")
_NAME = re.compile(r"(nn\.)?(?!__)[A-Za-z_][A-Za-z_0-9]*")
# Where the classes come from that a config can name; of functions, those that build networks.
_HOMES = (
    *("ppcls.arch.", "ppcls.loss.", "ppcls.metric.", "ppcls.data.", "paddleclas_octconv."),
    *("paddle.io.dataloader.", "paddle.vision.transforms."),
)
_BUILDERS = ("ppcls.arch.backbone.", "paddleclas_octconv.")


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
    text = source.strip()
    if _NAME.fullmatch(text):
        value = evaluate(text, *namespaces, **named)
        is_right = not callable(value) or _is_known(value)
    else:
        value = expression(text)
        is_right = not isinstance(value, str)
    if not is_right:
        raise OctConvError(
            f"{shown(source)}: PaddleClas would run this value of the config as Python: it should "
            f"be the name of a network, loss, metric or transform that it has, or a number"
        )
    return value


def _is_known(value: Any) -> bool:
    """Whether something that can be called is what a config may name."""
    from paddle import nn

    if isinstance(value, functools.partial):
        return _is_known(value.func)
    if isinstance(value, type) and issubclass(value, nn.Layer):
        return True
    module = f"{getattr(value, '__module__', None)}."
    if module.startswith("paddleclas.ppcls."):
        module = module[len("paddleclas.") :]
    return module.startswith(_HOMES if isinstance(value, type) else _BUILDERS)
