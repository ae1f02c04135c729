"""The config as data: PaddleClas's own reader evaluates what it reads."""

from __future__ import annotations

import copy
from typing import Any

from .patch import TRAINER, Patch

GET_CONFIG = Patch(
    "ppcls.utils.config.get_config",
    TRAINER,
    "it evaluates the values of `-o` as Python and every string as a literal, so a path can run "
    "code or turn into a number: the config comes as the data that was checked",
)
PATCHES = (GET_CONFIG,)


def hand_over(config: dict[str, Any]) -> None:
    """Let ``get_config`` of the PaddleClas on ``sys.path`` give a config, whatever it is asked."""
    from ppcls.utils import config as configs

    GET_CONFIG.wrap(
        configs, lambda original, *args, **kwargs: _with_attributes(config, configs.AttrDict)
    )


def _with_attributes(config: dict[str, Any], kind: type) -> Any:
    """A copy whose sections, and theirs, have their keys as attributes, as PaddleClas reads it."""
    return kind(
        {
            key: _with_attributes(value, kind) if isinstance(value, dict) else copy.deepcopy(value)
            for key, value in config.items()
        }
    )
