"""More models than configs: an octave network at several alphas, and other networks beside."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..backbones.catalogue import CATALOGUE
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..config import Config
from ..octavizer.options import OCTAVE
from ..trainer.locate import locate
from ..trainer.source import source_of

Configs = Mapping[str, Config]


def with_alphas(configs: Configs, alphas: Sequence[float]) -> dict[str, Config]:
    """The configs, those of an octave network once for each alpha.

    Args:
        configs: by the names that stand for them in the report.
        alphas: shares of low-frequency channels.

    Raises:
        OctConvError: an alpha is none, or no config is of an octave network.
    """
    try:
        for alpha in alphas:
            check_alpha(alpha)
    except OctConvError as error:
        raise OctConvError(f"--alphas: {error}") from None
    if not any(is_octave(config.get("Arch", {})) for config in configs.values()):
        raise OctConvError(f"--alphas: none of {', '.join(configs)} is an octave network")
    found: dict[str, Config] = {}
    for name, config in configs.items():
        if is_octave(config.get("Arch", {})):
            for alpha in alphas:
                found[f"{name}-alpha{alpha:g}"] = config.changed({"Arch.alpha": alpha})
        else:
            found[name] = config
    return found


def with_others(configs: Configs, names: Sequence[str]) -> dict[str, Config]:
    """The configs, and the recipe of the last one for each of some networks of PaddleClas.

    Args:
        configs: by the names that stand for them in the report.
        names: as in ``Arch.name``.

    Raises:
        OctConvError: there is no such network, or it is there already.
    """
    found = dict(configs)
    recipe = list(configs.values())[-1]
    known = {*CATALOGUE, *source_of(locate(None).root).names("ppcls.arch")}
    for name in names:
        if name in found or name in {config.network for config in found.values()}:
            raise OctConvError(f"--beside {name}: is compared already")
        if name not in known:
            raise OctConvError(f"--beside {name}: no such network{suggest(name, known)}")
        arch = {"name": name, "class_num": recipe.at("Arch.class_num")}
        found[name] = recipe.changed({"Arch": arch})
    return found


def is_octave(arch: Mapping[str, Any]) -> bool:
    """Whether an ``Arch`` is of an octave network."""
    return arch.get("name") in (*CATALOGUE, OCTAVE)
