"""What a backbone can start from by name: the authors' weights, or its vanilla twin's."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Mapping

import paddle

from ..common.errors import OctConvError
from ..weights import VANILLA, published, store
from ..weights.match import match_weights
from ..weights.octconv_mxnet import from_octconv_mxnet
from ..weights.pretrained import downloaded, load_file, load_pretrained
from .catalogue import CATALOGUE
from .published_weights import find


def load(model, pretrained: Any, name: str, copy: str, use_ssld: bool, alpha: Any) -> None:
    """Load what PaddleClas's ``pretrained`` asks for.

    Args:
        model: the network, just built.
        pretrained: False or None; True for the weights that the paper's authors published;
            "vanilla", or the twin's name, for those that PaddleClas publishes of the vanilla twin;
            or what ``load_pretrained`` takes.
        name: of the network.
        copy: the package of the PaddleClas that downloads them.
        use_ssld: take the twin's weights that PaddleClas has distilled (SSLD).
        alpha: the option that the network was built with.

    Raises:
        OctConvError: no such weights are published, they cannot be fetched or do not fit.
    """
    if pretrained is True:
        if use_ssld:
            raise OctConvError(
                f"use_ssld: no distilled weights of {name} are published; "
                f"pretrained: {VANILLA} takes those of a twin"
            )
        checkpoint = find(name, alpha)
        load_file(model, fetched(checkpoint), describe(checkpoint))
    elif pretrained in (VANILLA, CATALOGUE[name].twin) and pretrained is not None:
        path = fetch_vanilla(name, copy, use_ssld)
        load_file(model, path, str(path))
    else:
        load_pretrained(model, pretrained)


def describe(checkpoint: published.PublishedWeights) -> str:
    """What messages call published weights."""
    return (
        f"{checkpoint.file} of {published.SOURCE} ({published.LICENCE}, alpha "
        f"{checkpoint.alpha:g}, top-1 {checkpoint.top1:.1f} %)"
    )


def fetched(checkpoint: published.PublishedWeights) -> Path:
    """Published weights under the names here, from the cache, or fetched into it.

    Raises:
        OctConvError: they cannot be fetched, or are not those of the network.
    """
    entry = CATALOGUE[checkpoint.network]

    def check(weights: Mapping[str, Any], source: str) -> None:
        state = paddle.get_rng_state()
        with paddle.utils.unique_name.guard():  # what is built later is named as it would be
            model = entry.load()(**{**entry.options, "alpha": checkpoint.alpha})
        paddle.set_rng_state(state)
        model.arch_name = checkpoint.network
        match_weights(model, weights, source, new_classes=False)

    def rename(weights: Mapping[str, Any]) -> dict[str, Any]:
        family = entry.family
        return from_octconv_mxnet(weights, family.authors_units, family.counts_layers)

    return store.converted(checkpoint, rename, check)


def vanilla_url(name: str, copy: str, use_ssld: bool = False) -> str:
    """The address of the weights that PaddleClas publishes of a network's vanilla twin.

    Args:
        name: of the octave network.
        copy: the package of PaddleClas, loaded, that knows it.
        use_ssld: of those that it has distilled.

    Raises:
        OctConvError: PaddleClas has no twin, or publishes no weights of it.
    """
    twin = CATALOGUE[name].twin
    if twin is None:
        raise OctConvError(f"pretrained: {VANILLA}: {name} has no vanilla twin in PaddleClas")
    function = getattr(importlib.import_module(f"{copy}.arch.backbone"), twin)
    urls = getattr(importlib.import_module(function.__module__), "MODEL_URLS", {})
    if twin not in urls:
        raise OctConvError(f"pretrained: {VANILLA}: PaddleClas publishes no weights of {twin}")
    # As PaddleClas's load_dygraph_pretrain does it.
    return urls[twin].replace("_pretrained", "_ssld_pretrained") if use_ssld else urls[twin]


def fetch_vanilla(name: str, copy: str, use_ssld: bool = False) -> Path:
    """Those weights, from PaddleClas's own cache, or fetched into it.

    Raises:
        OctConvError: as ``vanilla_url``, or they cannot be downloaded.
    """
    return downloaded(vanilla_url(name, copy, use_ssld), copy)
