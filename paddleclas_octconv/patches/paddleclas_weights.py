"""Vanilla weights for models that octave networks are part of."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Callable

from .patch import WITH_PADDLECLAS, Patch

LOAD = Patch(
    "ppcls.utils.save_load.load_dygraph_pretrain",
    WITH_PADDLECLAS,
    "into `RecModel` and `DistillationModel` it loads those tensors of `Global.pretrained_model` "
    "alone that have the names of their own: vanilla ones are cut for the octave networks in them",
)
PATCHES = (LOAD,)


def cut_for_networks_inside(backbone: ModuleType) -> None:
    """Let the copy of PaddleClas that an ``arch.backbone`` is of cut the weights that it loads."""
    copy = backbone.__name__.partition(".arch.")[0]
    LOAD.wrap(importlib.import_module(f"{copy}.utils.save_load"), _load)


def _load(original: Callable, model: Any, *args: Any, **kwargs: Any) -> Any:
    def cutting(each: Any) -> Any:
        # Where nothing is trained, PaddleClas gives None beside the model, for its loss.
        return _Cutting(each) if hasattr(each, "set_dict") else each

    models = [cutting(each) for each in model] if isinstance(model, list) else cutting(model)
    return original(models, *args, **kwargs)


class _Cutting:
    """A model, to a function that only sets its state."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def set_dict(self, state_dict: Any) -> Any:
        from ..weights.match import cut_inside

        return self._model.set_dict(cut_inside(self._model, state_dict))
