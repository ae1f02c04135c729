"""The published figures of the CIFAR-10 comparison: 224x224, 50,000 training images, 12 epochs."""

from __future__ import annotations

from typing import Any, NamedTuple


class Published(NamedTuple):
    """total_parameters: as ``paddle.summary`` counts, with batch norms' running statistics."""

    train_accuracy: float
    eval_accuracy: float
    total_parameters: int
    epochs: int = 12


FIGURES = {
    "OctMobileNetV1": Published(0.9609, 0.6952, 3_253_898),
    "MobileNetV1": Published(0.9488, 0.7289, 3_239_114),
    "OctResNet50": Published(0.9613, 0.7915, 23_625_674),
    "ResNet50": Published(0.9524, 0.7939, 23_581_642),
}


def figures_for(config: dict[str, Any]) -> Published | None:
    """The figures published for the network and data set of a config, whatever its recipe."""
    root = str(config["DataLoader"]["Eval"]["dataset"].get("image_root"))
    if "cifar10" not in root.lower() or config["Arch"].get("class_num") != 10:
        return None
    return FIGURES.get(config["Arch"]["name"])
