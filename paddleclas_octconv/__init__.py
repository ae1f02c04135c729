"""Octave convolution (OctConv) for PaddleClas.

Importing this package imports neither paddle nor numpy; ``register()`` does
its work only for copies of PaddleClas that are already loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .octavizer.network import octavize

__all__ = ["octavize", "register"]
__version__ = "0.1.0"


def register() -> None:
    """Put every OctConv backbone into each loaded copy of PaddleClas."""
    from .registry import register as _register

    _register()


def __getattr__(name: str) -> Any:
    if name == "octavize":  # imports paddle
        from .octavizer.network import octavize

        return octavize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
