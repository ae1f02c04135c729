"""``small_images``: the stem for images of 32x32; without low frequencies, the vanilla network's."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from backbones import build, images, twin
from paddle.nn.functional import pad

from paddleclas_octconv import registry

STEMS = {"OctMobileNetV1_x0_25": "conv.conv", "OctResNet50": "stem.0.conv"}


def vanilla(name: str) -> paddle.nn.Layer:
    """PaddleClas's network, changed to what the option stands for."""
    if name == "OctMobileNetV1_x0_25":
        network = twin(name)
        network.conv.conv._stride = [1, 1]
        return network
    return twin(name, stride_list=[1, 1, 2, 2, 2], max_pool=False)


@pytest.mark.parametrize("name", STEMS)
def test_without_low_frequencies_it_is_the_vanilla_network(name):
    ours, theirs = build(name, small_images=True, alpha=0.0), vanilla(name)
    ours.eval()
    theirs.eval()
    weights = {key: value.numpy() for key, value in ours.state_dict().items()}
    kernel = f"{STEMS[name]}.weight"
    margin = (theirs.state_dict()[kernel].shape[-1] - weights[kernel].shape[-1]) // 2
    # A 3x3 kernel is a 7x7 one whose margin is zero.
    weights[kernel] = pad(paddle.to_tensor(weights[kernel]), [margin] * 4).numpy()
    assert not theirs.set_state_dict(weights)[0]
    x = images(2, 3, 32, 32)
    np.testing.assert_allclose(ours(x).numpy(), theirs(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, last", [("OctMobileNetV1_x0_25", 2), ("OctResNet50", 4)])
def test_maps_are_as_large_as_images_of_32_allow(name, last):
    network = build(name, small_images=True, return_stages=True)
    maps = network(images(1, 3, 32, 32))
    assert list(maps[f"blocks[{len(network.blocks) - 1}]"].shape[2:]) == [last, last]


def test_its_twin_is_itself_without_low_frequencies():
    assert registry.twin_of("OctResNet50", {"small_images": True}) == (None, {})
    assert registry.twin_of("OctResNet50", {"small_images": False}) == ("ResNet50", {})

