"""What everybody sets in a config: each at once in all places where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

from ..common.errors import OctConvError
from ..common.numbers import PIXELS, POSITIVE, RATE, is_number
from .dotted import get, put
from .image_size import set_image_size

# Options of schedulers that count epochs.
_IN_EPOCHS = ("decay_epochs", "milestones", "step_size", "warmup_epoch")
# Those of training that are cut where there are fewer epochs.
_INTERVALS = ("save_interval", "eval_interval", "start_eval_epoch")
_RATES = ("learning_rate", "max_learning_rate")
PATIENCE = "Global.patience"  # of this package
# What stands in one place: the attribute of ``Recipe``, and its key.
PLACES = {
    "device": "Global.device",
    "output": "Global.output_dir",
    "inference": "Global.save_inference_dir",
    "weights": "Global.pretrained_model",
    "images": "Infer.infer_imgs",
    "topk": "Infer.PostProcess.topk",
}
# The keys that each of the others is told by, of the places where it stands.
KEYS = {
    "epochs": ("Global.epochs",),
    "batch_size": tuple(f"DataLoader.{part}.sampler.batch_size" for part in ("Train", "Eval")),
    "image_size": ("Global.image_shape",),
    "lr": ("Optimizer.lr.learning_rate", "Optimizer.lr"),
    **{name: (key,) for name, key in PLACES.items()},
}
# What those that are numbers should be.
RULES = {
    "epochs": POSITIVE,
    "batch_size": POSITIVE,
    "image_size": PIXELS,
    "lr": RATE,
    "patience": POSITIVE,
    "topk": POSITIVE,
}


@dataclass
class Recipe:
    """Values to set; None: as the config says.

    Attributes:
        epochs: to train; the steps of the schedule keep their places.
        batch_size: images a step, of training and evaluation, or of inference.
        image_size: side of the network's input, in pixels.
        lr: the highest learning rate.
        patience: evaluations without a better metric that end a training.
        device: to run on.
        output: folder of the training.
        inference: folder to export into.
        weights: to start from.
        images: to predict.
        topk: how many classes are named for each of them.
    """

    epochs: int | None = None
    batch_size: int | None = None
    image_size: int | None = None
    lr: float | None = None
    patience: int | None = None
    device: str | None = None
    output: str | None = None
    inference: str | None = None
    weights: str | None = None
    images: str | None = None
    topk: int | None = None


def apply(config: dict[str, Any], recipe: Recipe) -> None:
    """Set what a recipe names, in place.

    Args:
        config: the sections, in which no two places share a value.
        recipe: what to set.

    Raises:
        OctConvError: the config has no place for it.
    """
    if recipe.epochs is not None:
        _set_epochs(config, recipe.epochs)
    if recipe.batch_size is not None:
        _set_batch_size(config, recipe.batch_size)
    if recipe.image_size is not None:
        set_image_size(config, recipe.image_size)
    if recipe.lr is not None:
        _set_rate(config, recipe.lr)
    if recipe.patience is not None:
        put(config, PATIENCE, recipe.patience)
    for name, key in PLACES.items():
        value = getattr(recipe, name)
        if value is not None:
            put(config, key, value)


def follows_epochs(key: str) -> bool:
    """Whether a value is one that is fitted to the number of epochs, wherever it comes from."""
    return any(name in (*_INTERVALS, *_IN_EPOCHS) for name in key.split("."))


def _set_epochs(config: dict, epochs: int) -> None:
    general = _section(config, "Global")
    before = general.get("epochs")
    general["epochs"] = epochs
    for name in _INTERVALS:
        if type(general.get(name)) is int and general[name] > epochs:
            general[name] = epochs
    if type(before) is not int or before < 1 or before == epochs:
        return
    for schedule in _schedules(config):
        for name in _IN_EPOCHS:
            value: Any = schedule.get(name)
            if isinstance(value, list) and all(map(is_number, value)):
                schedule[name] = [_scaled(item, epochs / before) for item in value]
            elif is_number(value) and (name != "warmup_epoch" or value >= epochs):
                schedule[name] = _scaled(value, epochs / before)
                if name == "warmup_epoch":  # which ends before the training does
                    schedule[name] = min(schedule[name], epochs - 1)


def _scaled(value: Any, factor: float) -> float:
    """A number of epochs in another training, at least one where it was one before."""
    return max(1, round(value * factor)) if value >= 1 and type(value) is int else value * factor


def _set_batch_size(config: dict, batch_size: int) -> None:
    for part in ("Train", "Eval", "Eval.Query", "Eval.Gallery"):
        sampler = get(config, f"DataLoader.{part}.sampler")
        if isinstance(sampler, dict):
            name = "first_bs" if "first_bs" in sampler else "batch_size"
            sampler[name] = batch_size
    if isinstance(config.get("Infer"), dict):
        config["Infer"]["batch_size"] = batch_size


def _set_rate(config: dict, lr: float) -> None:
    found = False
    for schedule in _schedules(config):
        for name in _RATES:
            if name in schedule:
                schedule[name], found = lr, True
        values = schedule.get("values")
        if isinstance(values, list) and values and type(values[0]) in (int, float) and values[0]:
            schedule["values"], found = [value * lr / values[0] for value in values], True
    if not found:
        raise OctConvError(f"--lr {lr}: Optimizer.lr has no learning rate to set")


def _schedules(config: dict) -> Iterator[dict]:
    """The ``lr`` section of each optimizer."""
    optimizers = config.get("Optimizer")
    if isinstance(optimizers, dict):
        optimizers = [{"": optimizers}]
    for item in optimizers if isinstance(optimizers, list) else ():
        for options in item.values() if isinstance(item, dict) else ():
            if isinstance(options, dict) and isinstance(options.get("lr"), dict):
                yield options["lr"]


def _section(config: dict, name: str) -> dict:
    section = config.get(name)
    if not isinstance(section, dict):
        raise OctConvError(f"{name}: missing from the config")
    return section
