"""The weights that a job starts from, and what published ones imply: alpha and preprocessing."""

from __future__ import annotations

from typing import IO, Iterator

from ..backbones.catalogue import CATALOGUE
from ..backbones.published_weights import implied_weights
from ..checkpoints.outputs import best_weights
from ..common.errors import OctConvError
from ..common.say import say
from ..config import Config
from ..weights import published, store
from ..weights.address import fetched, is_address

_SUFFIX = ".pdparams"
_STEPS = {
    "eval": ("DataLoader.Eval.dataset.transform_ops",),
    "infer": ("Infer.transforms",),
    "export": ("DataLoader.Eval.dataset.transform_ops", "Infer.transforms"),
}


def with_weights(config: Config, mode: str, output: IO[str] | None = None) -> Config:
    """A config with the weights to start from, and with what published ones imply.

    What is not a training takes the best ones of the output folder where none are named. Published
    weights are fetched here, by one process, and before anything slow begins; others that
    ``Global.pretrained_model`` names take their place, except in training, which starts anew where
    the classes are others.

    Args:
        config: checked for the mode.
        mode: "train", "eval", "infer" or "export".
        output: where to say what is done.

    Raises:
        OctConvError: there are none, or they cannot be fetched.
    """
    config = config.changed(dict(_files(config, mode, output)))
    arch = config["Arch"]
    if arch.get("pretrained") is not True or config.network not in CATALOGUE:
        return config
    weights = implied_weights(config.network, arch)
    config = config.changed({"Arch.alpha": arch.get("alpha", weights.alpha)})
    if mode != "train" and config.pretrained_model:
        return config.changed({"Arch.pretrained": False})
    store.fetch(weights)
    changes = dict(_normalised(config, weights, mode))
    for key in changes:
        say(
            f"{key}: NormalizeImage as the weights of {config.network} were trained, not as the "
            "config has it",
            output,
        )
    return config.changed(changes)


def _files(config: Config, mode: str, output: IO[str] | None) -> Iterator[tuple[str, str]]:
    """The files of weights, as every version of PaddleClas takes them."""
    for key in ("Global.pretrained_model", "Global.checkpoints"):
        given = config.at(key)
        if key == "Global.pretrained_model" and isinstance(given, str) and is_address(given):
            given = str(fetched(given, key))
        if isinstance(given, str) and "://" not in given:
            # 2.4 wants the path without its suffix, later versions take either.
            yield key, given[: -len(_SUFFIX)] if given.endswith(_SUFFIX) else given
    if mode == "train" or config.pretrained_model:
        return
    try:
        best = best_weights(config.output_dir, config.network)
    except OctConvError:
        if not config["Arch"].get("pretrained"):  # those of the network, then
            raise
    else:
        say(f"weights: {best}{_SUFFIX}", output)
        yield "Global.pretrained_model", str(best)


def _normalised(
    config: Config, weights: published.PublishedWeights, mode: str
) -> Iterator[tuple[str, list]]:
    """The transforms that normalise otherwise than the weights were trained, as they were."""
    for key in _STEPS.get(mode, ()):
        given = config.at(key)
        if isinstance(given, list):
            steps = published.normalised(weights, given)
            if steps != given:
                yield key, steps
