"""What tells the configs of two runs apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping

from ..config.dotted import leaves

LISTS = "lists"  # the folder, in a comparison's, of the image lists that it has drawn
LIST = "DataLoader.{}.dataset.cls_label_path"
ROOT = "DataLoader.{}.dataset.image_root"
DATA = tuple(key.format(part) for part in ("Train", "Eval") for key in (ROOT, LIST))
# What differs between the runs of one network, or does not change what it learns.
_OF_A_RUN = ("Global.seed", "Global.output_dir", "Global.save_inference_dir", "Global.device")
# Two networks with the same are trained by the same recipe.
_OF_A_RECIPE = (
    *("Loss.Train.", "Optimizer.", "AMP.", "EMA.", "Global.epochs"),
    *("DataLoader.Train.dataset.", "DataLoader.Train.sampler."),
)


def of_one_model(kept: Mapping, new: Mapping) -> str | None:
    """The first key that tells two runs of one network apart, with its values; None for none."""
    return _first(kept, new, sorted({*dict(leaves(kept)), *dict(leaves(new))}))


def of_data(kept: Mapping, new: Mapping) -> str | None:
    """The same of the images that two networks are compared on."""
    return _first(kept, new, DATA)


def of_recipes(first: Mapping, second: Mapping) -> list[str]:
    """The keys of all that tells two recipes apart, whatever the network is."""
    one, other = _portable(first), _portable(second)
    keys = sorted(set(one) | set(other))
    return [key for key in keys if key.startswith(_OF_A_RECIPE) and one.get(key) != other.get(key)]


def _first(kept: Mapping, new: Mapping, keys: Iterable[str]) -> str | None:
    one, other = _portable(kept), _portable(new)
    for key in keys:
        if key not in _OF_A_RUN and one.get(key) != other.get(key):
            return f"{key} {one.get(key)}, not {other.get(key)}"
    return None


def _portable(config: Mapping) -> dict[str, Any]:
    """A run's config, its drawn lists by name: the same from wherever the folder is called."""
    values = dict(leaves(config))
    folder = Path(values["Global.output_dir"]).parent.parent.parent  # runs/NAME/output
    for part in ("Train", "Eval"):
        path = values.get(LIST.format(part))
        if isinstance(path, str) and Path(path).parent == folder / LISTS:
            values[LIST.format(part)] = f"{LISTS}/{Path(path).name}"
    return values
