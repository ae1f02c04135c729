"""The network of a config, with its trained weights if they are asked for."""

from __future__ import annotations

from pathlib import Path

from paddle import nn

from .. import registry
from ..checkpoints.outputs import best_weights
from ..common.errors import OctConvError
from ..config import Config
from ..weights.match import load_into, match_weights
from ..weights.safe_load import load_weights


def build(config: Config) -> nn.Layer:
    """The network of ``Arch``, with random weights.

    Raises:
        OctConvError: there is no such network, or it does not take an option.
    """
    name = config.network
    options = {key: v for key, v in config["Arch"].items() if key not in ("name", "pretrained")}
    return registry.build(name, **options)


def load_trained(model: nn.Layer, config: Config) -> Path:
    """Load ``Global.pretrained_model``, or else the best weights of the training; their file.

    Raises:
        OctConvError: there are none, or they do not fit.
    """
    given = config.pretrained_model
    path = Path(given) if given else best_weights(config.output_dir, config.network)
    if path.suffix != ".pdparams":
        path = path.with_name(f"{path.name}.pdparams")
    if not path.is_file():
        raise OctConvError(f"Global.pretrained_model: {path}: no such file")
    load_into(model, match_weights(model, load_weights(path), str(path), new_classes=False).weights)
    return path
