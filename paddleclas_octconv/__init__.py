"""Octave convolution (OctConv) for PaddleClas.

Importing this package, which each start of the interpreter does, imports nothing else.
"""

TYPE_CHECKING = False  # as of `typing`, which would be imported
if TYPE_CHECKING:
    from .api.evaluate import evaluate
    from .api.export import export
    from .api.predict import predict
    from .api.prepare import prepare
    from .api.train import train
    from .calibrate.octavize import octavize
    from .common.errors import OctConvError
    from .common.version import __version__
    from .deploy.classify import Classifier
    from .octavizer.containers import without_pairs as join
    from .registry import create_model

__all__ = [
    "Classifier",
    "OctConvError",
    "__version__",
    "create_model",
    "evaluate",
    "export",
    "join",
    "list_models",
    "octavize",
    "predict",
    "prepare",
    "register",
    "train",
]
# Where each is that is imported when it is first asked for.
_HOMES = {
    "Classifier": "deploy.classify",
    "OctConvError": "common.errors",
    "__version__": "common.version",
    "create_model": "registry",
    "evaluate": "api.evaluate",
    "export": "api.export",
    "join": "octavizer.containers",
    "octavize": "calibrate.octavize",
    "predict": "api.predict",
    "prepare": "api.prepare",
    "train": "api.train",
}


def register() -> None:
    """Put every OctConv backbone into each copy of PaddleClas: those loaded, and those to come.

    The start-up hook does so by itself; this is for where it is switched off.
    """
    from . import autoload
    from .registry import register as _register

    autoload.install(force=True)
    _register()


def list_models(pattern: str = "*", pretrained: bool = False) -> "list[str]":
    """The names of the backbones, in the order of ``docs/models.md``; needs no Paddle.

    Args:
        pattern: only those it fits, such as ``*resnet*50*``; capitals do not matter.
        pretrained: only those of which ImageNet weights are published.
    """
    from .backbones.catalogue import names

    return names(pattern, pretrained)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f".{_HOMES[name]}", __name__)
    return getattr(home, "without_pairs" if name == "join" else name)


def __dir__() -> "list[str]":
    return __all__
