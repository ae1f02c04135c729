"""Images of any size: eager, trained and exported."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from backbones import DIFFERENT, KINDS, build, images, settle, shallow, twin, without_repeats
from paddle import nn
from paddle.static import InputSpec

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import Octave, OctBatchNorm2D

ALPHAS = (0.125, 0.25, 0.375, 0.5, 0.75)


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_parameter_learns_from_small_odd_images(name):
    network = without_repeats(name)
    network.train()
    loss = network(images(2, 3, 32, 47)).square().mean()
    loss.backward()
    assert np.isfinite(loss.item())
    for key, parameter in network.named_parameters():
        if parameter.trainable:
            assert parameter.grad is not None and np.isfinite(parameter.grad.numpy()).all(), key


@pytest.mark.parametrize("alpha", (0, *ALPHAS))
@pytest.mark.parametrize("name", KINDS)
def test_every_alpha_trains(name, alpha, undrawn):
    network = shallow(name, alpha=alpha)
    network.train()
    network(images(2, 3, 32, 32)).sum().backward()
    unused = [k for k, p in network.named_parameters() if p.trainable and p.grad is None]
    assert unused == []


@pytest.mark.parametrize("height,width", [(1, 1), (2, 5), (28, 3)])
@pytest.mark.parametrize("name", KINDS)
def test_the_smallest_images_work_as_in_the_vanilla_twin(name, height, width):
    network = shallow(name)
    network.eval()
    assert np.isfinite(network(images(1, 3, height, width)).numpy()).all()


def test_an_empty_image_is_refused():
    with pytest.raises(OctConvError, match="at least 1x1, got 0x32"):
        build("OctMobileNetV1_x0_25")(images(1, 3, 0, 32))


def test_an_image_without_batch_is_refused():
    with pytest.raises(OctConvError, match=r"must be 4-D, \(N, C, H, W\), got shape \[3, 32, 32\]"):
        build("OctMobileNetV1_x0_25")(images(3, 32, 32))


@pytest.mark.parametrize("height,width", [(32, 32), (97, 131), (225, 226)])
@pytest.mark.parametrize(
    "name",
    ["OctResNet50", "OctResNeXt50_32x4d", "OctMobileNetV1", "OctMobileNetV2", "OctDenseNet121"],
)
def test_every_feature_map_has_the_size_of_the_vanilla_twins(name, height, width, undrawn):
    x = images(1, 3, height, width)
    network = build(name)
    ours = {network.twin_key(f"{norm}.bias")[:-5]: size for norm, size in sizes(network, x)}
    assert ours == dict(sizes(twin(name), x))


def sizes(network, x):
    """(name, (H, W)) of what each batch norm returns; of an octave, that of its high branch."""
    seen = []
    inside = set()
    for name, layer in network.named_sublayers():
        if isinstance(layer, (OctBatchNorm2D, nn.BatchNorm2D, nn.BatchNorm)):
            if isinstance(layer, OctBatchNorm2D):
                inside |= {layer.high, layer.low}
            if layer not in inside:

                def hook(layer, inputs, output, name=name):
                    if isinstance(output, Octave):
                        high, low = output
                        assert low.shape[2:] == [-(-size // 2) for size in high.shape[2:]]
                        output = high
                    seen.append((name, tuple(output.shape[2:])))

                layer.register_forward_post_hook(hook)
    network.eval()
    with paddle.no_grad():
        network(x)
    return seen


@pytest.mark.parametrize(
    "name,alpha",
    [
        *((name, 0.5) for name in KINDS),
        ("OctResNet26", [0.125, 0.375, 0.75, 0.25]),
        ("OctMobileNetV1_x0_25", 0.125),
        ("OctMobileNetV2_x0_5", 0.75),
    ],
)
def test_exported_network_takes_any_batch_and_any_size(name, alpha, tmp_path):
    network = shallow(name, alpha=alpha)
    batches = [images(2, 3, *size) for size in ((32, 32), (97, 131), (225, 64))]
    settle(network, batches[0])
    network.eval()
    with paddle.no_grad():
        expected = [network(x).numpy() for x in batches]
    batches.append(batches[1][:1])
    expected.append(expected[1][:1])

    path = str(tmp_path / "inference")
    spec = InputSpec([None, 3, None, None], "float32")
    paddle.jit.save(paddle.jit.to_static(network, input_spec=[spec], full_graph=True), path)
    exported = paddle.jit.load(path)
    for x, logits in zip(batches, expected):
        np.testing.assert_allclose(
            exported(x).numpy(), logits, rtol=1e-4, atol=1e-6 * abs(logits).max()
        )
