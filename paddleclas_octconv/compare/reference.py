"""The published figures of the CIFAR-10 comparison: 224x224, 50,000 training images, 12 epochs."""

from __future__ import annotations

from typing import NamedTuple

from ..config import Config, find_config


class Figures(NamedTuple):
    """total_parameters: as ``paddle.summary`` counts, with batch norms' running statistics."""

    train_accuracy: float
    eval_accuracy: float
    total_parameters: int
    epochs: int = 12


FOLDER = "CIFAR10"  # of the shipped configs that are the published recipe
TRAIN_IMAGES = 50_000
# What makes the recipe: everything but seeds, folders, logging and how the data is loaded.
_RECIPE = (
    *("Arch", "Loss", "Optimizer", "AMP", "EMA", "Global.epochs", "Global.image_shape"),
    *("DataLoader.Train.dataset.transform_ops", "DataLoader.Eval.dataset.transform_ops"),
    *("DataLoader.Train.dataset.batch_transform_ops", "DataLoader.Train.sampler.batch_size"),
)

FIGURES = {
    "OctMobileNetV1": Figures(0.9609, 0.6952, 3_253_898),
    "MobileNetV1": Figures(0.9488, 0.7289, 3_239_114),
    "OctResNet50": Figures(0.9613, 0.7915, 23_625_674),
    "ResNet50": Figures(0.9524, 0.7939, 23_581_642),
}


def figures_for(config: Config, train_images: int) -> Figures | None:
    """The figures published for a network, if a config trains it by the published recipe.

    Args:
        config: of a run.
        train_images: how many it trains on.

    Returns:
        None for another network, or another recipe: other images, sizes, batches or epochs.
    """
    name = config.network
    if name not in FIGURES or train_images != TRAIN_IMAGES:
        return None
    recipe = Config.read(find_config(f"{FOLDER}/{name}.yaml"))
    same = all(config.at(key) == recipe.at(key) for key in _RECIPE)
    return FIGURES[name] if same else None
