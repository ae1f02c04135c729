"""Fine-tuning with a stem, and stages, that stay as they are."""

from __future__ import annotations

from typing import Any

from paddle import nn

from ..common.errors import OctConvError
from .base import OctBackbone


def freeze(model: OctBackbone, stages: Any) -> None:
    """Keep the stem, and the first stages, as they are in training, batch norms' statistics too.

    Args:
        model: the network.
        stages: 0 for the stem alone, 1 for the stem and the first stage, …; None for nothing.

    Raises:
        OctConvError: it is no such number.
    """
    if stages is None:
        return
    most = len(model.stage_ends)
    if type(stages) is not int or not 0 <= stages <= most:
        raise OctConvError(
            f"frozen_stages must be a whole number from 0, the stem, to {most}, got {stages!r}"
        )
    frozen: list[nn.Layer] = []
    for name, layer in model.named_children():
        if name == "blocks":
            break
        frozen.append(layer)
    if stages:
        frozen += model.blocks[: model.stage_ends[stages - 1] + 1]
    for layer in frozen:
        for parameter in layer.parameters():
            parameter.stop_gradient = True
        for part in layer.sublayers(include_self=True):
            if isinstance(part, nn.BatchNorm2D):
                part._use_global_stats = True
