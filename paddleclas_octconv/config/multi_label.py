"""Several labels an image: each part of a config has to be for them, or none."""

from __future__ import annotations

from typing import Iterator, Sequence

from ..common.errors import OctConvError
from ..common.say import say
from ..data.list_files import has_several
from .config import Config

# Of one label an image, with what takes several in its place.
_INSTEAD = {
    "CELoss": "MultiLabelLoss",
    "MixCELoss": "MultiLabelLoss",
    "TopkAcc": "AccuracyScore, with base: label",
    "Topk": "MultiLabelThreshOutput",
}
_MIXES = ("MixupOperator", "CutmixOperator", "FmixOperator", "MixupCutmixHybrid", "OpSampler")
POST_PROCESS = "MultiLabelThreshOutput"
_LESS_IS_BETTER = "HammingDistance"


def check_multi_label(config: Config, modes: Sequence[str]) -> None:
    """Check that a config with several labels an image asks for nothing of one label an image.

    Raises:
        OctConvError: naming the key, and what would be right.
    """
    sections = {
        f"DataLoader.{part}.dataset": config.at(f"DataLoader.{part}.dataset") or {}
        for part in ("Train", "Eval")
    }
    several = [key for key, dataset in sections.items() if has_several(dataset)]
    flag = bool(config.at("Global.use_multilabel"))
    if several and not flag:
        raise OctConvError(
            f"Global.use_multilabel: should be True with {several[0]}.name: "
            f"{sections[several[0]]['name']}"
        )
    if not several:
        return
    for key, name in _choices(config, modes):
        if name in _INSTEAD:
            raise OctConvError(f"{key}: {name} is for one label per image: {_INSTEAD[name]}")
        if name in _MIXES:
            raise OctConvError(
                f"{key}: {name} mixes images with one label each: these have several"
            )
    first, *_ = config.at("Metric.Eval") or [None]
    if "train" in modes and isinstance(first, dict) and _LESS_IS_BETTER in first:
        say(
            "warning: Metric.Eval.0: PaddleClas takes the epoch with the highest value for the "
            f"best, but a lower {_LESS_IS_BETTER} is better: put AccuracyScore first"
        )


def _choices(config: Config, modes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What modes read of that which is for one label per image, or for several: (key, name)."""
    parts = ("Train", "Eval") if "train" in modes else ("Eval",) if "eval" in modes else ()
    for part in parts:
        for key in (
            f"Loss.{part}",
            f"Metric.{part}",
            f"DataLoader.{part}.dataset.batch_transform_ops",
        ):
            for index, item in enumerate(config.at(key) or ()):
                if isinstance(item, dict):
                    yield from ((f"{key}.{index}", name) for name in item)
    if "infer" in modes or "export" in modes:
        yield "Infer.PostProcess.name", config.at("Infer.PostProcess.name") or ""
