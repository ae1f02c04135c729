"""Near names for a network that PaddleClas does not have."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import NoReturn

from ..backbones.catalogue import CATALOGUE
from ..common.suggest import suggest
from .patch import WITH_PADDLECLAS, Patch

GETATTR = Patch(
    "ppcls.arch.__getattr__",
    WITH_PADDLECLAS,
    "a mistyped octave network ends in `has no attribute`, without a word on what there is",
)
PATCHES = (GETATTR,)


def offer_near_names(backbone: ModuleType) -> None:
    """Let the ``arch`` package above a loaded ``arch.backbone`` offer the nearest names."""
    arch = sys.modules.get(backbone.__name__.rpartition(".")[0])
    if arch is not None and not hasattr(arch, "__getattr__"):
        name = arch.__name__

        def offer(attribute: str) -> NoReturn:
            near = suggest(attribute, CATALOGUE) if attribute.lower().startswith("oct") else ""
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}{near}")

        GETATTR.put(arch, offer)
