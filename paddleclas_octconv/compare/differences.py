"""What tells the configs of two runs apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def of_one_model(kept: dict, new: dict) -> str | None:
    """The first key that tells two runs of one network apart, with its values; None for none."""
    return _first(kept, new, sorted(set(flat(kept)) | set(flat(new))))


def of_data(kept: dict, new: dict) -> str | None:
    """The same of the images that two networks are compared on."""
    return _first(kept, new, DATA)


def of_recipes(first: dict, second: dict) -> list[str]:
    """The keys of all that tells two recipes apart, whatever the network is."""
    one, other = _portable(first), _portable(second)
    keys = sorted(set(one) | set(other))
    return [key for key in keys if key.startswith(_OF_A_RECIPE) and one.get(key) != other.get(key)]


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a config by their dotted keys."""
    if not isinstance(config, (dict, list, tuple)) or not config:
        return {prefix: config}
    items = config.items() if isinstance(config, dict) else enumerate(config)
    return {
        key: value
        for name, part in items
        for key, value in flat(part, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _first(kept: dict, new: dict, keys: Any) -> str | None:
    one, other = _portable(kept), _portable(new)
    for key in keys:
        if key not in _OF_A_RUN and one.get(key) != other.get(key):
            return f"{key} {one.get(key)}, not {other.get(key)}"
    return None


def _portable(config: dict) -> dict[str, Any]:
    """A run's config, its drawn lists by name: the same from wherever the folder is called."""
    values = flat(config)
    folder = Path(values["Global.output_dir"]).parent.parent.parent  # runs/NAME/output
    for part in ("Train", "Eval"):
        path = values.get(LIST.format(part))
        if isinstance(path, str) and Path(path).parent == folder / LISTS:
            values[LIST.format(part)] = f"{LISTS}/{Path(path).name}"
    return values
