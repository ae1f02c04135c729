"""Several labels an image, by every version of PaddleClas alike."""

from __future__ import annotations

from ..config import Config
from ..patches.paddleclas_multilabel import give_what_is_missing


def prepare_multi_label(config: Config, mode: str) -> Config:
    """Have the trainer on ``sys.path`` do a config with ``Global.use_multilabel``, others as ever.

    Args:
        config: the config.
        mode: "train", "eval", "infer" or "export".

    Returns:
        The config, with another metric where the mode is "export".
    """
    if not config.at("Global.use_multilabel"):
        return config
    give_what_is_missing()
    if mode != "export":
        return config
    # By this name, and up to 2.5 by no other, its exporter knows that a sigmoid is wanted, not a
    # softmax; it evaluates nothing.
    return config.changed({"Metric": {"Eval": [{"ATTRMetric": None}]}})
