"""Data sets: prepared as image files with PaddleClas's list files and label map.

They live where PaddleClas's configs look for data, in ``./dataset/<name>/``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator, Mapping

from ..common.errors import OctConvError
from ..common.say import say
from ..common.suggest import suggest
from . import list_files

__all__ = ["DATASETS", "DEFAULT_ROOT", "ensure_for", "list_files", "prepare"]

DATASETS = ("digits", "cifar10")
DEFAULT_ROOT = Path("dataset")

# The paths that each mode of PaddleClas reads, as keys of the config.
_TRAIN = ("DataLoader.Train.dataset.image_root", "DataLoader.Train.dataset.cls_label_path")
_EVAL = ("DataLoader.Eval.dataset.image_root", "DataLoader.Eval.dataset.cls_label_path")
_INFER = ("Infer.infer_imgs",)
_LABEL_MAP = "Infer.PostProcess.class_id_map_file"


def prepare(
    dataset: str,
    source: Path | None = None,
    root: Path = DEFAULT_ROOT,
    partial: bool = False,
) -> bool:
    """Make a data set of ``DATASETS`` in ``<root>/<dataset>``.

    Args:
        dataset: its name.
        source, partial: as of ``cifar10.prepare``.
        root: the folder of data sets.

    Returns:
        Whether it was made; False where it was there.

    Raises:
        OctConvError: the data set is unknown, does not have an option, or cannot be made.
    """
    if dataset not in DATASETS:
        near = suggest(dataset, DATASETS)
        raise OctConvError(f"unknown data set {dataset!r}{near} (data sets: {', '.join(DATASETS)})")
    target = Path(root) / dataset
    if dataset == "cifar10":
        from . import cifar10

        return cifar10.prepare(target, source, partial)
    if source is not None or partial:
        option = "--source" if source is not None else "--partial"
        raise OctConvError(f"{option} does not go with digits, which come with scikit-learn")
    from . import digits

    return digits.prepare(target)


def ensure_for(config: Mapping[str, Any], mode: str = "train") -> None:
    """See that the data sets of this package which a config names are there.

    Digits are prepared on the spot (they take a second), wherever they are missing from the
    default folder. Data from elsewhere is left alone.

    Args:
        config: the whole config.
        mode: what reads them: "train", "eval", "infer" or "export".

    Raises:
        OctConvError: another one is missing; with the command that prepares it.
    """
    for key, path in _paths(config, mode):
        dataset = next((name for name in DATASETS if name in path.parts), None)
        if dataset is None:
            continue
        root = Path(*path.parts[: path.parts.index(dataset)])
        if (root / dataset).exists():
            continue
        is_default = os.path.abspath(root) == os.path.abspath(DEFAULT_ROOT)
        if dataset == "digits" and is_default:
            prepare(dataset)
            say(f"prepared {root / dataset}")
        elif key != _LABEL_MAP:
            option = "" if is_default else f" --root {root}"
            raise OctConvError(
                f"{key}: {path} does not exist: run `paddleclas prepare {dataset}{option}`"
            )


def _paths(config: Mapping[str, Any], mode: str) -> Iterator[tuple[str, Path]]:
    """The paths that `mode` reads, each with its key."""
    keys: dict[str, tuple[str, ...]] = {
        "train": _TRAIN + _EVAL,
        "eval": _EVAL,
        # Without its label map PaddleClas predicts all the same, only without names.
        "infer": _INFER + (_LABEL_MAP,),
        "export": (_LABEL_MAP,),
    }
    for key in keys[mode]:
        value: Any = config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            yield key, Path(value)
