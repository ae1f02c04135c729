"""Octave convolution (OctConv) for PaddleClas.

Importing this package imports neither paddle nor numpy; ``register()`` does
its work only for copies of PaddleClas that are already loaded.
"""

__version__ = "0.1.0"


def register() -> None:
    """Put every OctConv backbone into each loaded copy of PaddleClas."""
    from .registry import register as _register

    _register()
