"""Checks, before the trainer starts, that the network can be built and its weights fit it.

PaddleClas's own ``set_dict`` only warns of weights that do not fit.
"""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any

from ..backbones.catalogue import CATALOGUE
from ..backbones.published_weights import implied_options
from ..common.errors import OctConvError, explained, unexpected_argument
from ..common.suggest import suggest
from ..config import Config
from ..octavizer.named import is_network
from ..patches.paddleclas_logger import silenced


def check_model(config: Config, mode: str) -> None:
    """Build a config's network in the trainer that is on ``sys.path``, and look at its weights.

    Leaves no trace: the random state and the names of parameters, which checkpoints of the
    optimizer go by, are afterwards what they were.

    Raises:
        OctConvError: the network is unknown, does not take its arguments, or the weights of
            ``Global.pretrained_model`` (or a vanilla twin's) or ``Global.checkpoints`` are not its
            own, or not safe to load.
    """
    import paddle
    from ppcls import arch

    _check_name(config.network, arch)
    state = paddle.get_rng_state()
    with paddle.utils.unique_name.guard(), silenced():
        model = _build(config, arch)
    paddle.set_rng_state(state)
    for key in ("Global.pretrained_model", "Global.checkpoints"):
        path = config.at(key)
        if path and (mode == "train" or key != "Global.checkpoints"):
            _check_weights(key, path, model, config["Arch"], mode)


def _check_name(name: str, arch: ModuleType) -> None:
    # Of the module itself classes alone, such as RecModel: its functions do other things.
    is_class = isinstance(getattr(arch, name, None), type) and is_network(arch, name)
    if not (is_class or is_network(arch.backbone, name)):
        networks = [known for known in arch.backbone.__all__ if is_network(arch.backbone, known)]
        raise OctConvError(
            f"Arch.name: {name}: PaddleClas has no such network{suggest(name, networks)}"
        )


def _build(config: Config, arch: ModuleType):
    sections, name = copy.deepcopy(config.sections), config.network
    _without_pretrained(sections["Arch"])
    try:
        with explained(f"Arch: PaddleClas cannot build {name}"):
            return arch.build_model(sections, mode="eval")
    except OctConvError as error:
        argument = unexpected_argument(error)
        if argument is None:
            raise
        raise OctConvError(f"Arch.{argument}: {name} takes no such argument") from None


def _without_pretrained(arch: Any) -> None:
    """Weights of the backbone are loaded by the trainer; here only shapes count."""
    if isinstance(arch, dict):
        if "pretrained" in arch:
            if arch.get("name") in CATALOGUE:
                arch.update(implied_options(arch["name"], arch["pretrained"], arch))
            arch["pretrained"] = False
        for value in arch.values():
            _without_pretrained(value)
    elif isinstance(arch, list):
        for value in arch:
            _without_pretrained(value)


def _check_weights(key: str, path: str, model, arch: dict, mode: str) -> None:
    from ..weights.match import check_weights, cut_inside, match_weights
    from ..weights.network import OctaveNetwork
    from ..weights.safe_load import load_weights

    file = path if path.endswith(".pdparams") else f"{path}.pdparams"
    fine_tuning = mode == "train" and key == "Global.pretrained_model"
    try:
        weights = load_weights(file)
    except OctConvError as error:
        raise OctConvError(f"{key}: {error}") from None
    if isinstance(model, OctaveNetwork):
        fitted = match_weights(model, weights, f"{key}: {file}", new_classes=fine_tuning)
        if fitted.vanilla and key == "Global.checkpoints":
            raise OctConvError(
                f"{key}: {file} holds weights of {arch['name']}'s vanilla twin, not a checkpoint; "
                f"start from it with Global.pretrained_model"
            )
        return
    complaint = f"{key}: {file} does not fit {arch['name']}"
    try:
        fitting = cut_inside(model, weights)
    except OctConvError as error:
        raise OctConvError(f"{complaint}: {error}") from None
    check_weights(model, fitting, complaint, arch.get("class_num") if fine_tuning else None)
