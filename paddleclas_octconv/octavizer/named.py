"""Networks by name. A config may name one of them, and whoever hands it over may be anybody: a name
is looked up, among networks alone, and nothing is imported because a config says so."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any, Callable

from paddle import nn

from ..common.errors import OctConvError
from ..common.suggest import suggest
from .options import MODULES_VARIABLE

_OF_PADDLE = "paddle.vision.models"


def is_network(module: ModuleType, name: str) -> bool:
    """Whether a name in a module is a network: a class of layers, or a function that the module
    offers in its ``__all__``, as PaddleClas and Paddle do."""
    found = getattr(module, name, None)
    if isinstance(found, type):
        return issubclass(found, nn.Layer)
    return callable(found) and name in getattr(module, "__all__", ())


def network_named(networks: ModuleType, name: str) -> Callable[..., nn.Layer]:
    """The class or function that builds a network.

    Args:
        networks: the ``arch.backbone`` module of a copy of PaddleClas.
        name: of a network there; or ``package.module.Name`` of one in ``paddle.vision.models``, or
            in a module that the user has named (``--module``, or the environment variable
            ``PADDLECLAS_OCTCONV_MODULES``).

    Raises:
        OctConvError: there is no such network, or its module was not named.
    """
    module, dot, attribute = name.rpartition(".")
    home = _imported(module, name) if dot else networks
    if not is_network(home, attribute):
        known = [each for each in vars(home) if is_network(home, each)]
        raise OctConvError(f"Octave: there is no backbone {name!r}{suggest(attribute, known)}")
    return getattr(home, attribute)


def _imported(module: str, name: str) -> Any:
    named = [each.strip() for each in os.environ.get(MODULES_VARIABLE, "").split(",")]
    if not module or module not in (_OF_PADDLE, *named):
        raise OctConvError(
            f"Octave: backbone {name!r}: no network of PaddleClas, and module {module!r} is not "
            f"imported because a config names it: --module {module}, or {MODULES_VARIABLE}={module}"
        )
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise OctConvError(f"Octave: backbone {name} cannot be imported: {error}") from None
