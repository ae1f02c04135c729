"""``Octave`` in PaddleClas's registry: any network of it, octavised."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

from paddle import nn

from ..backbones.catalogue import CATALOGUE
from ..common.errors import OctConvError, unexpected_argument
from ..common.suggest import suggest
from ..weights import VANILLA
from ..weights.pretrained import load_pretrained
from .named import network_named
from .options import NAMES, NOT_FOR_THE_NETWORK, OCTAVE


def build_octave(
    networks: ModuleType,
    /,
    backbone: str | Mapping[str, Any] | None = None,
    alpha: float | Sequence[float] = 0.5,
    input_size: int | Sequence[int] = 224,
    stem: int = 1,
    max_stride: int = 16,
    min_size: int = 2,
    plain: str | Sequence[str] = (),
    pool_stride: bool = False,
    keep_stride: bool = False,
    **options: Any,
) -> nn.Layer:
    """A network of PaddleClas, or any other one, octavised.

    Args:
        networks: the ``arch.backbone`` module of a copy of PaddleClas.
        backbone: the network's name there, or ``package.module.Name`` of one from elsewhere (see
            ``named.network_named``); or a mapping of ``name`` and its options.
        alpha, input_size, stem, max_stride, min_size, plain, pool_stride, keep_stride: as in
            ``octavize``.
        **options: the network's, such as ``class_num`` and ``pretrained``: True (or "vanilla")
            starts from the weights that PaddleClas publishes for it, the path of a ``.pdparams``
            file from its vanilla weights or from octave weights.

    Raises:
        OctConvError: there is no such network, or it does not take an option, or it cannot be
            octavised.
    """
    from .network import octavize  # only now: each process that imports PaddleClas comes here

    if isinstance(backbone, Mapping):
        options = {**backbone, **options}
        backbone = options.pop("name", None)
    if not isinstance(backbone, str):
        raise OctConvError(
            f"Octave: backbone must be the name of a network, such as ResNet50_vd, or a mapping "
            f"that has its name, got {backbone!r}"
        )
    if backbone in CATALOGUE or backbone == OCTAVE:
        raise OctConvError(f"Octave: {backbone} is an octave network already: give it as Arch.name")
    function = network_named(networks, backbone)
    pretrained = options.get("pretrained")
    if pretrained == VANILLA:
        pretrained = options["pretrained"] = True
    weights = pretrained if isinstance(pretrained, (str, Path)) else None
    if weights is not None:
        options["pretrained"] = False
    network = _call(function, backbone, options)
    name = f"Octave:{backbone}"
    try:
        network = octavize(
            network,
            alpha,
            input_size=input_size,
            stem=stem,
            max_stride=max_stride,
            min_size=min_size,
            plain=plain,
            pool_stride=pool_stride,
            keep_stride=keep_stride,
        )
    except OctConvError as error:
        raise OctConvError(f"{name}: {error}") from None
    network.arch_name = name
    if weights is not None:
        load_pretrained(network, weights)
    return network


def _call(function: Callable[..., nn.Layer], name: str, options: dict[str, Any]) -> nn.Layer:
    options = {key: options[key] for key in options if key not in NOT_FOR_THE_NETWORK}
    try:
        network = function(**options)
    except TypeError as error:
        option = unexpected_argument(error)
        if option is None:
            raise
        raise _unknown(option, name) from None
    # Most networks of PaddleClas take whatever they are given, and ignore it.
    accepted = set(_parameters(function))
    classes: tuple[Any, ...] = type(network).__mro__
    for cls in classes:
        accepted.update(_parameters(cls.__init__), _parameters(getattr(cls, "init_net", None)))
    for option in options:
        if option not in accepted:
            raise _unknown(option, name)
    return network


def _unknown(option: str, name: str) -> OctConvError:
    return OctConvError(
        f"Octave: neither Octave nor {name} has an option {option!r}{suggest(option, NAMES)}"
    )


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
