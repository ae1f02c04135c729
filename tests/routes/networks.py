"""What the routes are tried on: three pairs of networks at two sizes, and 100 photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import cv2
import numpy as np
import paddle
from paddle import nn
from sklearn.datasets import load_sample_images

from paddleclas_octconv import octavize, registry
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.images import images_in
from paddleclas_octconv.deploy import conversion, inference_form
from paddleclas_octconv.deploy.engines import CONVERTED
from paddleclas_octconv.deploy.images import pixels_of
from paddleclas_octconv.deploy.predictor import create_predictor

#: Octave networks, and the vanilla twins that show whether a fault is an octave network's own.
PAIRS = {
    "OctMobileNetV1": "MobileNetV1",
    "OctResNet50": "ResNet50",
    "Octave:ResNet18_vd": "ResNet18_vd",
}
SIZES = (224, 32)
COUNT, CLASSES = 100, 10
SETTLING = 16  # images of whose maps batch norms take the statistics
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_LEAST_SPREAD = 0.05  # of the greatest, which a direction of the features needs to be a class


def photographs(size: int, data: Path | None = None) -> np.ndarray:
    """Preprocessed images (COUNT, 3, size, size) of float32.

    Args:
        size: their sides.
        data: a folder with images in it or in its folders; by default they are cut from the two
            photographs of scikit-learn, each at a place and of a size of its own.

    Raises:
        OctConvError: there are no images in the folder, or one cannot be read.
    """
    chosen = _read(data) if data else _cut()
    resized = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in chosen]
    normal = (np.stack(resized) / 255 - _MEAN) / _STD
    return np.ascontiguousarray(normal.transpose(0, 3, 1, 2), dtype=np.float32)


def export(name: str, size: int, images: np.ndarray, folder: Path) -> np.ndarray:
    """Export a network of random weights, whose classes are spread over the images, with ONNX.

    Args:
        name: a key or a value of ``PAIRS``.
        size: the sides of its images.
        images: on which its batch norms settle.
        folder: gets ``inference.onnx``.

    Returns:
        What Paddle Inference gives for the images, (COUNT, CLASSES).
    """
    network = _built(name, size)
    _settle(network, images)
    inference_form.re_parameterize(network)
    folder.mkdir(parents=True, exist_ok=True)
    inference_form.save(network, folder, [3, size, size])
    conversion.add(CONVERTED["onnxruntime"], folder, [3, size, size], images[:8])
    predictor = create_predictor(folder, engine="paddle")
    return np.concatenate([predictor(image[None]) for image in images])


def _built(name: str, size: int) -> nn.Layer:
    _, octave, vanilla = name.rpartition("Octave:")
    network = registry.build(vanilla, class_num=CLASSES)
    return octavize(network, input_size=size) if octave else network


def _settle(network: nn.Layer, images: np.ndarray) -> None:
    """Give batch norms the statistics of some images, and make a class of each of the directions in
    which the images' features differ most."""
    x = paddle.to_tensor(images)
    for layer in network.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer._momentum = 0.0
    *_, head = (layer for layer in network.sublayers() if isinstance(layer, nn.Linear))
    seen: list[np.ndarray] = []
    hook = head.register_forward_pre_hook(lambda layer, given: seen.append(given[0].numpy()))
    with paddle.no_grad():
        network.train()
        network(x[:SETTLING])
        network.eval()
        network(x)
    hook.remove()
    features = seen[-1]
    mean = features.mean(0)
    _, spreads, directions = np.linalg.svd(features - mean, full_matrices=False)
    spreads = np.maximum(spreads[:CLASSES], _LEAST_SPREAD * spreads[0]) / np.sqrt(len(features))
    weight = directions[:CLASSES].T / spreads
    head.weight.set_value(weight.astype(np.float32))
    head.bias.set_value((-mean @ weight).astype(np.float32))


def _read(data: Path) -> Iterator[np.ndarray]:
    paths = images_in(data) if data.is_dir() else []
    if not paths:
        raise OctConvError(f"--data {data}: should be a folder with images")
    for index in np.linspace(0, len(paths) - 1, COUNT).astype(int):
        yield pixels_of(paths[index])


def _cut() -> Iterator[np.ndarray]:
    random = np.random.RandomState(0)
    pictures = load_sample_images().images
    for index in range(COUNT):
        picture = pictures[index % len(pictures)]
        side = random.randint(64, min(picture.shape[:2]))
        top, left = (random.randint(0, whole - side + 1) for whole in picture.shape[:2])
        yield picture[top : top + side, left : left + side]
