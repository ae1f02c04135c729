"""Octave convolution (OctConv) for PaddleClas.

Importing this package, which each start of the interpreter does, imports nothing else.
"""

TYPE_CHECKING = False  # as of `typing`, which would be imported
if TYPE_CHECKING:
    from .calibrate.octavize import octavize

__all__ = ["list_models", "octavize", "register"]
__version__ = "0.1.0"


def register() -> None:
    """Put every OctConv backbone into each copy of PaddleClas: those loaded, and those to come.

    The start-up hook does so by itself; this is for where it is switched off.
    """
    from . import autoload
    from .registry import register as _register

    autoload.install(force=True)
    _register()


def list_models(pattern: str = "*") -> "list[str]":
    """The names of the backbones, in the order of ``docs/models.md``; needs no Paddle.

    Args:
        pattern: only those it fits, such as ``*resnet*50*``; capitals do not matter.
    """
    from .backbones.catalogue import names

    return names(pattern)


def __getattr__(name: str) -> object:
    if name == "octavize":  # imports paddle
        from .calibrate.octavize import octavize

        return octavize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
