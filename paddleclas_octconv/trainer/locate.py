"""Finds PaddleClas's trainer: the folder that holds ``ppcls`` with its ``engine``."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from ..common.errors import OctConvError
from . import fetch


@dataclass(frozen=True)
class Trainer:
    """A trainer. root: the folder to put on ``sys.path``; source: how it was found."""

    root: Path
    source: str

    @property
    def is_checkout(self) -> bool:
        """Whether it has ``tools/train.py``; a wheel has not."""
        return (self.root / "tools" / "train.py").is_file()

    @property
    def version(self) -> str | None:
        """The version of a wheel's copy; a checkout does not know its own."""
        for info in self.root.parent.glob("paddleclas-*.dist-info"):
            return info.name[len("paddleclas-") : -len(".dist-info")]
        return None

    @property
    def is_pinned(self) -> bool:
        """Whether it is the version that is fetched, wherever it is installed."""
        return self.version == fetch.TRAINER.version

    def __str__(self) -> str:
        kind = "checkout" if self.is_checkout else self.version or "of unknown version"
        return f"PaddleClas {kind} in {self.root} ({self.source})"


def locate(folder: str | None = None, environ: Mapping[str, str] = os.environ) -> Trainer:
    """The trainer to use, by the first of these that there is.

    1. ``folder``, which is ``--paddleclas``; 2. ``PADDLECLAS_HOME``; 3. the current folder, if it
    is a checkout; 4. an importable ``ppcls`` that has ``engine``; 5. an installed ``paddleclas``
    that has it; 6. the pinned wheel, fetched once.

    Raises:
        OctConvError: a folder that was asked for is no checkout; or the wheel cannot be had.
    """
    for source, named in (
        ("--paddleclas", folder),
        ("PADDLECLAS_HOME", environ.get("PADDLECLAS_HOME")),
    ):
        if named:
            # Not Path.expanduser, which raises where there is no such user.
            return Trainer(_demand(Path(os.path.expanduser(named)), source), source)
    here = Trainer(Path.cwd(), "the current folder")
    if has_engine(here.root) and here.is_checkout:
        return here
    for package, above in (("ppcls", ".."), ("paddleclas", ".")):
        for location in _locations(package):
            root = (location / above).resolve()
            if has_engine(root):
                return Trainer(root, f"installed {package}")
    return Trainer(fetch.trainer_root(), "fetched")


def has_engine(root: Path) -> bool:
    """Whether a folder holds a ``ppcls`` that can train."""
    return (root / "ppcls" / "engine" / "engine.py").is_file()


def _demand(root: Path, source: str) -> Path:
    if not has_engine(root):
        raise OctConvError(
            f"{source} {root}: not a PaddleClas checkout: it has no ppcls/engine/engine.py"
        )
    return root.resolve()


def _locations(package: str) -> list[Path]:
    """The folders of an importable package, which is not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    return [Path(folder) for folder in (spec and spec.submodule_search_locations) or []]
