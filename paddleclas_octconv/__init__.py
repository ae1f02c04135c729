"""Octave convolution (OctConv) for PaddleClas.

Importing this package, which each start of the interpreter does, imports nothing else.
"""

TYPE_CHECKING = False  # as of `typing`, which would be imported
if TYPE_CHECKING:
    from .calibrate.octavize import octavize
    from .common.version import __version__
    from .octavizer.containers import without_pairs as join

__all__ = ["__version__", "join", "list_models", "octavize", "register"]


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
    if name == "__version__":
        from .common.version import __version__

        return __version__
    if name == "join":
        from .octavizer.containers import without_pairs

        return without_pairs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
