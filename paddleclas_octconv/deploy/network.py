"""A network by its registered name, and its exported form, without a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paddle
from paddle import nn

from .. import registry
from ..common.errors import OctConvError
from ..common.suggest import suggest


def build(name: str, **options: Any) -> nn.Layer:
    """A network of PaddleClas or of this package, with random weights, the same at every call.

    Raises OctConvError if there is no such network or it does not take an option.
    """
    from paddleclas.ppcls.arch import backbone

    registry.register()
    function = getattr(backbone, name, None)
    if name not in backbone.__all__ or function is None:
        raise OctConvError(f"{name}: no such network{suggest(name, backbone.__all__)}")
    paddle.seed(0)
    try:
        return function(**options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise OctConvError(f"{name} takes no {str(error).rpartition(' ')[2]}") from None
        raise


def re_parameterize(network: nn.Layer) -> None:
    """Bring a network into its deploy form, as PaddleClas's exporter does."""
    network.eval()
    for layer in network.sublayers(include_self=True):
        if hasattr(layer, "re_parameterize") and not layer.is_repped:
            layer.re_parameterize()


def save(network: nn.Layer, folder: str | Path, image_shape: list[int]) -> None:
    """Export a network, probabilities as its output, as PaddleClas's exporter does.

    image_shape: channels, height and width; None where the exported model takes any.
    """
    network.eval()
    exported = paddle.jit.to_static(
        nn.Sequential(network, nn.Softmax(axis=-1)),
        input_spec=[paddle.static.InputSpec([None, *image_shape], "float32")],
        full_graph=True,
    )
    paddle.jit.save(exported, str(Path(folder) / "inference"))
