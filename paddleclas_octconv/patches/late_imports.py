"""What PaddleClas imports for rare cases alone comes when it is used."""

from __future__ import annotations

import contextlib
import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Iterator

from .patch import TRAINER, Patch

LIBRARIES = Patch(
    "sys.modules",
    f"{TRAINER}, and processes that build networks to measure them, while those modules of "
    "PaddleClas run that import scikit-learn, SciPy's statistics or Matplotlib",
    "these take half of the time of the import, and serve metrics of several labels, faces and "
    "FMix alone: each is imported when one of its functions is called",
)
PATCHES = (LIBRARIES,)

_LATE = (
    "sklearn",
    "sklearn.metrics",
    "sklearn.preprocessing",
    "sklearn.model_selection",
    "sklearn.decomposition",
    "scipy.stats",
    "matplotlib",
    "matplotlib.pyplot",
)
_PACKAGE = "paddleclas."  # what an installed copy's modules begin with
_IMPORTERS = (
    "ppcls.utils.metrics",
    "ppcls.metric.metrics",
    "ppcls.engine.evaluation.adaface",
    "ppcls.loss.afdloss",
    "ppcls.data.preprocess.ops.fmix",
)


def install() -> None:
    """Have these modules of PaddleClas import the libraries late, in this process."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


@contextlib.contextmanager
def late_imports() -> Iterator[None]:
    """Let modules that run meanwhile get stand-ins for what they import of the libraries above.

    One that is loaded already is taken as it is; one that is not installed is missed at once.
    """
    missing = [name for name in _LATE if name not in sys.modules]
    installed = {top for top in {name.partition(".")[0] for name in missing} if find_spec(top)}
    for name in missing:
        if name.partition(".")[0] in installed:
            sys.modules[name] = _Module(name)
    try:
        yield
    finally:
        _withdraw()


def _withdraw() -> None:
    """From here on, an import finds the real modules."""
    for name in _LATE:
        if isinstance(sys.modules.get(name), _Module):
            del sys.modules[name]


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        importer = name[len(_PACKAGE) :] if name.startswith(_PACKAGE) else name
        spec = PathFinder.find_spec(name, path, target) if importer in _IMPORTERS else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


_FINDER = _Finder()


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        with late_imports():
            super().exec_module(module)


class _Module(ModuleType):
    """Stands in for a module while another one imports from it."""

    def __getattr__(self, name: str) -> _Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(self.__name__, name)


class _Name:
    """Stands in for a function, a class or a module that is imported when it is used."""

    def __init__(self, module: str, name: str) -> None:
        self._of = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> Any:
        _withdraw()  # the module that imports it may use it while it runs
        name, attribute = self._of
        module = importlib.import_module(name)
        if not hasattr(module, attribute):  # it is a module, too
            importlib.import_module(f"{name}.{attribute}")
        return getattr(module, attribute)
