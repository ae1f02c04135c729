"""A vanilla network's weights, cut, make the octave network that is it on smooth features."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from backbones import build, twin

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import OctBatchNorm2D, OctConv2D
from paddleclas_octconv.weights.match import load_into, match_weights
from paddleclas_octconv.weights.vanilla import cut, vanilla_parts


def randomise(network, seed=0):
    """Give a network weights with which a constant image stays constant, whatever the padding.

    Of every kernel only the centre is not zero.
    """
    random = np.random.default_rng(seed)
    for key, tensor in network.state_dict().items():
        value = random.standard_normal(tensor.shape).astype(np.float32)
        if value.ndim == 4:
            centre = np.zeros_like(value)
            row, column = (size // 2 for size in value.shape[2:])
            centre[:, :, row, column] = value[:, :, row, column] / np.sqrt(value.shape[1])
            value = centre
        elif value.ndim == 2:
            value /= np.sqrt(value.shape[0])
        elif key.endswith("_variance"):
            value = 1 + value**2
        tensor.set_value(value)
    network.eval()


@pytest.mark.parametrize(
    "name, options",
    [
        ("OctResNet50", {}),
        ("OctResNet50", {"alpha": [0.125, 0.25, 0.5, 0.75], "conv_bias": True}),
        ("OctMobileNetV1_x0_25", {"conv_bias": True}),
        ("OctMobileNetV1", {"alpha": 0.25}),
        ("OctMobileNetV2_x0_5", {}),
        ("OctDenseNet121", {"alpha": [0.25, 0.5, 0.125, 0.5]}),
        ("OctResNeXt50_32x4d", {}),  # each group of 4 channels gives 2 to the low branch
        ("OctResNeXt50_32x4d", {"alpha": 0.125}),  # 8 channels, two vanilla groups, give 1
    ],
    ids=str,
)
def test_equals_the_vanilla_network_on_constant_images(name, options):
    vanilla, octave = twin(name), build(name, **options)
    randomise(vanilla)
    octave.eval()
    state = {key: value.numpy() for key, value in vanilla.state_dict().items()}
    fitted = match_weights(octave, state, "weights")
    assert fitted.vanilla
    assert set(fitted.weights) == set(octave.state_dict())
    load_into(octave, fitted.weights)
    colours = paddle.randn([2, 3, 1, 1]).expand([2, 3, 64, 64])
    with paddle.no_grad():
        expected, got = vanilla(colours).numpy(), octave(colours).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(got, expected, atol=2e-5 * np.abs(expected).max())


def test_the_names_of_the_twin_follow_the_depth_of_the_network():
    net = build("OctResNeXt50_32x4d", block_depth=[1, 2, 1, 1])
    found = {net.twin_key(key).split(".")[0] for key in net.state_dict()}
    assert found == {"conv", "bb_0_0", "bb_1_0", "bb_1_1", "bb_2_0", "bb_3_0", "out"}


class Alone(paddle.nn.Sequential):
    """Layers that are called alike in the vanilla network."""

    def twin_key(self, key):
        return key

    def twin_orders(self):
        return {}


def cut_kernel(kernel, out_channels, in_channels, **options):
    layer = OctConv2D(in_channels, out_channels, kernel.shape[-1], bias_attr=False, **options)
    parts = vanilla_parts(Alone(layer))
    weights = cut(parts, {"0.weight": kernel})
    assert {key: list(value.shape) for key, value in weights.items()} == {
        f"0.{key}": value.shape for key, value in layer.state_dict().items()
    }
    return weights


def test_every_number_of_a_kernel_is_carried_over_once():
    kernel = np.arange(12 * 8 * 9, dtype=np.float32).reshape(12, 8, 3, 3)
    weights = cut_kernel(kernel, 12, 8, alpha_in=0.25, alpha_out=0.5)
    np.testing.assert_array_equal(weights["0.hh.weight"], kernel[:6, :6])
    np.testing.assert_array_equal(weights["0.lh.weight"], kernel[:6, 6:])
    np.testing.assert_array_equal(weights["0.hl.weight"], kernel[6:, :6])
    np.testing.assert_array_equal(weights["0.ll.weight"], kernel[6:, 6:])


def test_one_frequency_and_depthwise():
    kernel = np.random.rand(6, 4, 1, 1).astype(np.float32)
    weights = cut_kernel(kernel, 6, 4, alpha_in=0.5, alpha_out=0)
    np.testing.assert_array_equal(weights["0.lh.weight"], kernel[:, 2:])
    weights = cut_kernel(kernel, 6, 4, alpha_in=0, alpha_out=0)
    np.testing.assert_array_equal(weights["0.hh.weight"], kernel)

    kernel = np.random.rand(8, 1, 3, 3).astype(np.float32)
    weights = cut_kernel(kernel, 8, 8, groups=8, alpha_in=0.25, alpha_out=0.25)
    np.testing.assert_array_equal(weights["0.ll.weight"], kernel[6:])
    weights = cut_kernel(kernel, 8, 8, groups=8, alpha_in=0, alpha_out=0)
    np.testing.assert_array_equal(weights["0.hh.weight"], kernel)


def test_batch_norm_and_biases():
    network = Alone(OctConv2D(4, 6, 1, alpha_in=0.5), OctBatchNorm2D(6, 0.5))
    parts = vanilla_parts(network)
    arrays = {key: np.random.rand(*part.shape).astype(np.float32) for key, part in parts.items()}
    assert sorted(arrays) == ["0.bias", "0.weight", "1._mean", "1._variance", "1.bias", "1.weight"]
    weights = cut(parts, arrays)
    assert set(weights) == set(network.state_dict())
    for parameter in ("weight", "bias", "_mean", "_variance"):
        high, low = weights[f"1.high.{parameter}"], weights[f"1.low.{parameter}"]
        np.testing.assert_array_equal(np.concatenate([high, low]), arrays[f"1.{parameter}"])
    np.testing.assert_array_equal(weights["0.hh.bias"] + weights["0.lh.bias"], arrays["0.bias"][:3])
    np.testing.assert_array_equal(weights["0.hl.bias"] + weights["0.ll.bias"], arrays["0.bias"][3:])

    del arrays["0.bias"]  # the vanilla network has none
    weights = cut(parts, arrays)
    assert not any(weights[f"0.{path}.bias"].any() for path in ("hh", "hl", "lh", "ll"))


def test_groups_that_hold_no_vanilla_kernel_are_refused():
    kernel = np.ones([8, 2, 1, 1], np.float32)  # no order of channels is given that splits groups
    with pytest.raises(OctConvError, match=r"0\.hh: its 4 groups"):
        cut_kernel(kernel, 8, 8, groups=4, alpha_in=0.5, alpha_out=0.5)
