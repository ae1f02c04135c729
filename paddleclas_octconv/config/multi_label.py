"""Several labels an image: each part of a config has to be for them, or none."""

from __future__ import annotations

from typing import Any, Iterator

from ..common.errors import OctConvError
from ..common.say import say
from ..data.list_files import has_several
from .dotted import get

# Of one label an image, with what takes several in its place.
_INSTEAD = {
    "CELoss": "MultiLabelLoss",
    "MixCELoss": "MultiLabelLoss",
    "TopkAcc": "AccuracyScore, with base: label",
    "Topk": "MultiLabelThreshOutput",
}
_MIXES = ("MixupOperator", "CutmixOperator", "FmixOperator", "OpSampler")
POST_PROCESS = "MultiLabelThreshOutput"
_LESS_IS_BETTER = "HammingDistance"


def check_multi_label(config: dict[str, Any], mode: str) -> None:
    """Check that a config with several labels an image asks for nothing of one label an image.

    Raises:
        OctConvError: naming the key, and what would be right.
    """
    sections = {
        f"DataLoader.{part}.dataset": get(config, f"DataLoader.{part}.dataset") or {}
        for part in ("Train", "Eval")
    }
    several = [key for key, dataset in sections.items() if has_several(dataset)]
    flag = bool(get(config, "Global.use_multilabel"))
    if several and not flag:
        raise OctConvError(
            f"Global.use_multilabel: should be True with {several[0]}.name: "
            f"{sections[several[0]]['name']}"
        )
    if not several:
        return
    for key, name in _choices(config, mode):
        if name in _INSTEAD:
            raise OctConvError(f"{key}: {name} is for one label an image: {_INSTEAD[name]}")
        if name in _MIXES:
            raise OctConvError(
                f"{key}: {name} mixes images of one label each: leave it out with several"
            )
    if mode == "train" and _first_metric(config) == _LESS_IS_BETTER:
        say(
            "warning: Metric.Eval.0: PaddleClas takes the epoch with most of it for the best, but "
            f"of {_LESS_IS_BETTER} less is better: put AccuracyScore first"
        )


def _first_metric(config: dict[str, Any]) -> str | None:
    metrics = get(config, "Metric.Eval") or [None]
    return next(iter(metrics[0]), None) if isinstance(metrics[0], dict) else None


def _choices(config: dict[str, Any], mode: str) -> Iterator[tuple[str, str]]:
    """What a mode reads of that which is for one label an image, or for several: (key, name)."""
    parts = {"train": ("Train", "Eval"), "eval": ("Eval",)}.get(mode, ())
    for part in parts:
        for key in (
            f"Loss.{part}",
            f"Metric.{part}",
            f"DataLoader.{part}.dataset.batch_transform_ops",
        ):
            for index, item in enumerate(get(config, key) or ()):
                if isinstance(item, dict):
                    yield from ((f"{key}.{index}", name) for name in item)
    if mode in ("infer", "export"):
        yield "Infer.PostProcess.name", get(config, "Infer.PostProcess.name") or ""
