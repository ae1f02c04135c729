"""What ``Arch.pretrained: True`` brings along: alpha and preprocessing, and the file itself."""

from __future__ import annotations

from typing import IO, Any

from ..backbones.catalogue import CATALOGUE
from ..backbones.checkpoint import find
from ..common.say import say
from ..config.dotted import get
from ..weights import published, store

_STEPS = {
    "eval": ("DataLoader.Eval.dataset",),
    "infer": ("Infer",),
    "export": ("DataLoader.Eval.dataset", "Infer"),
}


def complete(config: dict[str, Any], mode: str, output: IO[str] | None = None) -> None:
    """Fill a config in with what the published weights imply that its network starts from.

    They are fetched here, by one process, and before anything slow begins. Other weights that
    ``Global.pretrained_model`` names take their place, except in training, which starts anew where
    the classes are others.

    Args:
        config: the whole config; it is changed.
        mode: "train", "eval", "infer" or "export".
        output: where to say what is done.

    Raises:
        OctConvError: no such weights are published, or they cannot be fetched.
    """
    arch = config["Arch"]
    if arch.get("pretrained") is not True or arch["name"] not in CATALOGUE:
        return
    checkpoint = find(arch["name"], arch)
    arch.setdefault("alpha", checkpoint.alpha)
    if mode != "train" and config["Global"]["pretrained_model"]:
        arch["pretrained"] = False
        return
    store.fetch(checkpoint)
    for section in _STEPS.get(mode, ()):
        options = get(config, section) or {}
        for key in ("transform_ops", "transforms"):
            given = options.get(key)
            if not isinstance(given, list):
                continue
            options[key] = published.normalised(checkpoint, given)
            if options[key] != given:
                say(
                    f"{section}.{key}: NormalizeImage as the weights of {arch['name']} were "
                    f"trained, not as the config has it",
                    output,
                )
