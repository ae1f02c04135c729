"""The registered backbones, for tests that run over all of them."""

from __future__ import annotations

import numpy as np
import paddle
import paddleclas.ppcls.arch.backbone as zoo
from paddle import nn
from paddleclas.ppcls.utils import logger

from paddleclas_octconv import registry
from paddleclas_octconv.backbones.catalogue import CATALOGUE

logger.init_logger()
registry.register()

_DEPTH = {"block_depth", "block_config"}
NAMES = tuple(CATALOGUE)
# Those that differ in more than their depth: with few blocks, the others are one of them.
DIFFERENT = tuple(
    {
        (
            entry.family.module,
            entry.family.network,
            *((key, value) for key, value in entry.options.items() if key not in _DEPTH),
        ): name
        for name, entry in reversed([*CATALOGUE.items()])
    }.values()
)
# Those of them that differ in more than their width: the others have the same operators.
OPERATORS = tuple(
    {
        (entry.family.module, entry.family.network, *sorted({*entry.options} - {"scale", *_DEPTH})):
            name
        for name, entry in reversed([*CATALOGUE.items()])
    }.values()
)  # fmt: skip
# One a family: for tests that take long and in which the depth of the network plays no part.
KINDS = (
    "OctResNet26",
    "OctResNeXt50_32x4d",
    "OctSE_ResNet50",
    "OctPreResNet26",
    "OctMobileNetV1_x0_25",
    "OctMobileNetV2_x0_5",
    "OctDenseNet121",
)


def build(name: str, **options) -> nn.Layer:
    """The backbone as PaddleClas builds it, of 10 classes, always with the same weights."""
    paddle.seed(0)
    return getattr(zoo, name)(**{"class_num": 10, **options})


def few_blocks(name: str) -> dict:
    """The options that make a deep network shallow."""
    depth = _DEPTH & set(CATALOGUE[name].options)
    return {option: [2, 1, 1, 1] for option in depth}


def shallow(name: str, **options) -> nn.Layer:
    """The backbone with few blocks, for what costs time by the block."""
    return build(name, **few_blocks(name), **options)


def without_repeats(name: str, **options) -> nn.Layer:
    """The backbone, with few blocks if it is deep: more of the same blocks show nothing more."""
    deep = sum(CATALOGUE[name].options.get("block_depth", [])) > 16
    return shallow(name, **options) if deep else build(name, **options)


def twin(name: str, **options) -> nn.Layer:
    """The vanilla network of PaddleClas."""
    paddle.seed(0)
    with paddle.utils.unique_name.guard():  # some twins name their parameters: build them twice
        return getattr(zoo, CATALOGUE[name].twin)(**{"class_num": 10, **options})


def images(*shape: int, dtype: str = "float32") -> paddle.Tensor:
    paddle.seed(1)
    return paddle.randn(shape).astype(dtype)


def settle(network, x):
    """Give the network what training would: biases, scales and shifts that are not the ones it
    begins with, and the statistics of ``x``."""
    for layer in network.sublayers():
        is_norm = isinstance(layer, nn.BatchNorm2D)
        if is_norm:
            layer._momentum = 0.0
            draw(layer.weight, 0.5, 1.5)
        if is_norm or isinstance(layer, (nn.Conv2D, nn.Linear)):
            draw(layer.bias, -0.5, 0.5)
    network.train()
    with paddle.no_grad():
        network(x)


def draw(parameter, least, most):
    """Give a parameter, where there is one, random values in a range."""
    if parameter is not None:
        parameter.set_value(paddle.uniform(parameter.shape, parameter.dtype, min=least, max=most))


def assert_close(ours, theirs, tolerance, what=""):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    scale = max(1.0, np.abs(theirs).max())
    assert np.abs(ours - theirs).max() <= tolerance * scale, what
