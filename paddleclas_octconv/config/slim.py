"""What a config asks of PaddleSlim (quantisation, pruning) must be something it can do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from ..common import machine
from ..common.errors import OctConvError

_INSTALL = "pip install 'paddleclas-octconv[slim]'"
# What PaddleSlim imports; it is fetched itself where it is not installed.
_NEEDED = ("pkg_resources", "decorator", "zmq")
_PRUNERS = ("fpgm", "l1_norm")


def check_slim(slim: Any) -> None:
    """Check the section ``Slim`` of a config; None where there is none.

    Raises:
        OctConvError: a method that PaddleClas does not know, what PaddleSlim imports is missing, or
            it cannot do that with the installed Paddle.
    """
    if not slim:
        return
    if not isinstance(slim, dict):
        raise OctConvError(f"Slim: {slim!r} should be a section with quant or prune")
    quant, prune = slim.get("quant"), slim.get("prune")
    if quant and _name(quant) != "pact":
        raise OctConvError(f"Slim.quant.name: {_name(quant)!r} should be pact")
    if prune:
        _check_prune(prune)
    if not (quant or prune):
        return
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise OctConvError(f"Slim: needs {', '.join(missing)}, which is not installed: {_INSTALL}")
    if prune and machine.paddle_writes_pir():
        raise OctConvError(
            "Slim.prune: PaddleSlim 2.6.0 prunes only with Paddle 2: "
            "pip install paddlepaddle==2.6.2"
        )


def _check_prune(prune: Any) -> None:
    if _name(prune) not in _PRUNERS:
        raise OctConvError(f"Slim.prune.name: {_name(prune)!r} should be {' or '.join(_PRUNERS)}")
    ratio = prune.get("pruned_ratio")
    if type(ratio) not in (int, float) or not 0 < ratio < 1:
        raise OctConvError(f"Slim.prune.pruned_ratio: {ratio!r} should be between 0 and 1")


def _name(section: Any) -> Any:
    name = section.get("name") if isinstance(section, dict) else None
    return name.lower() if isinstance(name, str) else name
