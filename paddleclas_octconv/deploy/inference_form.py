"""The form in which a network is exported, brought about without a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import paddle
from paddle import nn


def re_parameterize(network: nn.Layer) -> None:
    """Bring a network into its deploy form, in place, as PaddleClas's exporter does.

    Args:
        network: of PaddleClas or of this package; layers that have no such form stay.
    """
    network.eval()
    for layer in network.sublayers(include_self=True):
        if hasattr(layer, "re_parameterize") and not layer.is_repped:
            layer.re_parameterize()


def save(network: nn.Layer, folder: str | Path, image_shape: Sequence[int | None]) -> None:
    """Export a network, probabilities as its output, as PaddleClas's exporter does.

    Args:
        network: is put into evaluation mode.
        folder: where ``inference.json`` (or ``.pdmodel``) and ``.pdiparams`` are written.
        image_shape: channels, height and width; None where the exported model takes any.
    """
    network.eval()
    exported = paddle.jit.to_static(
        nn.Sequential(network, nn.Softmax(axis=-1)),
        input_spec=[paddle.static.InputSpec([None, *image_shape], "float32")],
        full_graph=True,
    )
    paddle.jit.save(exported, str(Path(folder) / "inference"))
