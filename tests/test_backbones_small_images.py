"""``small_images``: the stem for images of 32x32."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from backbones import build, images, twin
from paddle import nn

from paddleclas_octconv import registry

STEMS = {"OctMobileNetV1_x0_25": "conv.conv", "OctResNet50": "stem.0.conv"}


def vanilla(name: str) -> paddle.nn.Layer:
    """PaddleClas's network with that stem, and strides that pool as octave convolutions' do."""
    options = {"stride_list": [1, 1, 2, 2, 2], "max_pool": False} if "ResNet" in name else {}
    network = twin(name, **options)
    for key, conv in network.named_sublayers():
        if isinstance(conv, nn.Conv2D) and list(conv._stride) == [2, 2]:
            conv._stride = [1, 1]
            if key != STEMS[name]:
                conv.register_forward_pre_hook(lambda _, inputs: F.avg_pool2d(inputs[0], 2))
    return network


@pytest.mark.parametrize("name", STEMS)
def test_without_low_frequencies_it_is_the_vanilla_network(name):
    ours, theirs = build(name, small_images=True, alpha=0.0), vanilla(name)
    ours.eval()
    theirs.eval()
    weights = {key: value.numpy() for key, value in theirs.state_dict().items()}
    kernel = f"{STEMS[name]}.weight"
    margin = (weights[kernel].shape[-1] - 3) // 2
    middle = slice(margin, margin + 3)
    # A 7x7 kernel whose margin is zero is a 3x3 one.
    small = weights[kernel][:, :, middle, middle]
    weights[kernel] = np.pad(small, [(0, 0), (0, 0), (margin, margin), (margin, margin)])
    theirs.set_state_dict(weights)
    ours.set_state_dict({**weights, kernel: small})
    x = images(2, 3, 32, 32)
    np.testing.assert_allclose(ours(x).numpy(), theirs(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, last", [("OctMobileNetV1_x0_25", 2), ("OctResNet50", 4)])
def test_maps_are_as_large_as_images_of_32_allow(name, last):
    network = build(name, small_images=True)
    shapes = []
    network.avg_pool.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))
    network(images(1, 3, 32, 32))
    assert [list(shape[2:]) for shape in shapes] == [[last, last]]


def test_its_twin_is_itself_without_low_frequencies():
    assert registry.twin_of("OctResNet50", {"small_images": True}) == (None, {})
    assert registry.twin_of("OctResNet50", {"small_images": False}) == ("ResNet50", {})
