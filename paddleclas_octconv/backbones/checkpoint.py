"""Which published weights a network's options ask for. Needs no Paddle."""

from __future__ import annotations

from typing import Any, Mapping

from ..common.errors import OctConvError
from ..weights import VANILLA, published
from .catalogue import CATALOGUE


def implied_options(name: str, pretrained: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a network, with the alpha of the published weights it is to start from.

    Args:
        name: of the network.
        pretrained: what the user gave; only True implies anything.
        options: what else the user gave.

    Raises:
        OctConvError: none are published for it, or for these options.
    """
    if pretrained is not True:
        return dict(options)
    return {**options, "alpha": find(name, options).alpha}


def find(name: str, options: Mapping[str, Any]) -> published.Checkpoint:
    """The published weights of a network with these options; see ``implied_options``."""
    try:
        checkpoint = published.find(name, options.get("alpha"))
    except OctConvError as error:
        twin = CATALOGUE[name].twin
        start = f"; pretrained: {VANILLA} starts from PaddleClas's {twin}" if twin else ""
        raise OctConvError(f"pretrained: True: {error}{start}") from None
    if options.get("conv_bias"):
        raise OctConvError("pretrained: True: the published networks have no conv_bias")
    return checkpoint
