"""More models than configs: other alphas, other networks, and octave ones made of a trained one."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

from ..backbones.catalogue import CATALOGUE
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..config import Config
from ..octavizer.options import OCTAVE
from ..post_training import distilling, task
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


class Made(NamedTuple):
    """A network that is made of another one of the comparison, once that is trained.

    Attributes:
        name: stands for it in the report.
        source: the name of that other one.
        config: with all options applied.
    """

    name: str
    source: str
    config: Config


def check_octavize(configs: Configs, alphas: Sequence[float]) -> None:
    """Check ``--octavize``.

    Raises:
        OctConvError: an alpha is none, or no config is of a vanilla network.
    """
    for alpha in alphas:
        try:
            task.check_options(alpha, None)
        except OctConvError as error:
            raise OctConvError(str(error).replace("--alpha", "--octavize", 1)) from None
    if not any(map(_is_vanilla, configs.values())):
        raise OctConvError(
            f"--octavize: none of {', '.join(configs)} is a vanilla network, to be trained and "
            "then made octave: give the config of one, too"
        )


def octavized(name: str, config: Config, alphas: Sequence[float], epochs: int | None) -> list[Made]:
    """The octave networks that are made of a vanilla one; none of an octave one.

    Args:
        name: of that one.
        config: of that one, with all options applied.
        alphas: one octave network for each.
        epochs: for how many each of these is distilled, as one more network; None: none is.

    Raises:
        OctConvError: it is no network that can be made octave.
    """
    if not _is_vanilla(config):
        return []
    task.check(config)
    bare = task.bare_arch(config)
    found = []
    for alpha in alphas:
        arch = task.octave_arch(bare, alpha, config.image_shape[-1])
        octave = f"{name}-octavized{alpha:g}"
        changed = config.changed({"Arch": task.arch_in(config, arch)})
        found.append(Made(octave, name, changed))
        if epochs is not None:
            sections = distilling.distilling_config(config, bare, arch, "output", "inference")
            distils = Config(sections, config.file).changed({"Global.epochs": epochs})
            found.append(Made(f"{octave}-distilled", octave, distils))
    return found


def _is_vanilla(config: Config) -> bool:
    return not is_octave(config.get("Arch", {})) and not distilling.is_distilling(config)


def is_octave(arch: Mapping[str, Any]) -> bool:
    """Whether an ``Arch`` is of an octave network."""
    return arch.get("name") in (*CATALOGUE, OCTAVE)
