"""Which published weights a network's options ask for. Needs no Paddle."""

from __future__ import annotations

from typing import Any, Mapping

from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..weights import VANILLA
from ..weights.published import PublishedWeights
from .catalogue import CATALOGUE

PUBLISHED = [weights for backbone in CATALOGUE.values() for weights in backbone.weights]
BY_HAND = [weights for backbone in CATALOGUE.values() for weights in backbone.by_hand]


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
    return {**options, "alpha": implied_weights(name, options).alpha}


def implied_weights(name: str, options: Mapping[str, Any]) -> PublishedWeights:
    """The published weights of a network with these options; see ``implied_options``."""
    try:
        weights = find(name, options.get("alpha"))
    except OctConvError as error:
        twin = CATALOGUE[name].twin
        start = f"; pretrained: {VANILLA} starts from PaddleClas's {twin}" if twin else ""
        raise OctConvError(f"pretrained: True: {error}{start}") from None
    if options.get("conv_bias"):
        raise OctConvError("pretrained: True: the published networks have no conv_bias")
    return weights


def find(name: str, alpha: Any = None) -> PublishedWeights:
    """The published weights of a network.

    Args:
        name: of the network.
        alpha: a number, or a list of them, one per stage; None for 0.5 where that is published,
            and else for the most accurate one.

    Raises:
        OctConvError: there are none; the message names those that there are.
    """
    there = CATALOGUE[name].weights
    if not there:
        networks = sorted({weights.network for weights in PUBLISHED})
        raise OctConvError(
            f"no ImageNet weights of {name} are published{suggest(name, networks)} "
            f"(paddleclas weights lists those that are)"
        )
    if alpha is None:
        half = [weights for weights in there if weights.alpha == 0.5]
        return half[0] if half else max(there, key=lambda weights: weights.top1)
    for weights in there:
        spread = CATALOGUE[name].family.spread(weights.alpha)
        if (list(alpha) if isinstance(alpha, (list, tuple)) else alpha) in (weights.alpha, spread):
            return weights
    published = ", ".join(f"{weights.alpha:g}" for weights in there)
    raise OctConvError(
        f"no ImageNet weights of {name} at alpha {alpha} are published, but: {published}"
    )
