"""Several labels an image, by every version of PaddleClas alike."""

from __future__ import annotations

from typing import Any

from ..patches.paddleclas_multilabel import give_what_is_missing


def prepare_multi_label(config: dict[str, Any], mode: str) -> None:
    """Have the trainer on ``sys.path`` do a config with ``Global.use_multilabel``, others as ever.

    Args:
        config: changed where the mode is "export".
        mode: "train", "eval", "infer" or "export".
    """
    if not config["Global"].get("use_multilabel"):
        return
    give_what_is_missing()
    if mode == "export":
        # By this name, and up to 2.5 by no other, its exporter knows that a sigmoid is wanted, not
        # a softmax; it evaluates nothing.
        config["Metric"] = {"Eval": [{"ATTRMetric": None}]}
