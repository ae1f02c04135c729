"""The backbones do what PaddleClas does with its own: stages, necks and heads, EMA, slimming, …"""

from __future__ import annotations

import copy

import numpy as np
import paddle
import pytest
from backbones import KINDS, build, few_blocks, images, settle, shallow, twin
from paddle import nn
from paddleclas.ppcls import arch
from paddleclas.ppcls.utils import ema

from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.common.errors import OctConvError

WITH_NHWC = [name for name in KINDS if "MobileNetV1" not in name and "DenseNet" not in name]


def trainable(network):
    return {key: p for key, p in network.named_parameters() if p.trainable}


# Stages


@pytest.mark.parametrize("name", ["OctResNet50", "OctMobileNetV1"])
def test_stages_are_those_of_the_vanilla_twin(name):
    x = images(1, 3, 64, 64)
    ours, theirs = build(name, return_stages=True)(x), twin(name, return_stages=True)(x)
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


@pytest.mark.parametrize("name", KINDS)
def test_a_stage_is_one_tensor_with_all_channels(name):
    network = shallow(name, return_stages=True)
    stages = network(images(1, 3, 64, 64))
    assert stages.pop("logits").shape == [1, 10]
    assert all(isinstance(stage, paddle.Tensor) for stage in stages.values())
    first = 32 if "MobileNet" in name else 16
    sizes = [stage.shape[2] for stage in stages.values()]
    assert sizes == [first // 2**number for number in range(len(sizes))]
    assert len(sizes) == network.family.octave_stages + network.family.plain_stages


def test_stage_channels_are_the_high_ones_then_the_low_ones_upsampled():
    network = shallow("OctResNet26", return_stages=[0])
    network.eval()
    pair = []
    network.blocks[1].conv2.register_forward_post_hook(lambda layer, x, y: pair.append(y))
    stage = network(images(1, 3, 64, 64))["blocks[1]"].numpy()
    high, low = (branch.numpy() for branch in pair[0])
    np.testing.assert_array_equal(stage[:, : high.shape[1]], high)
    np.testing.assert_array_equal(
        stage[:, high.shape[1] :], low.repeat(2, axis=2).repeat(2, axis=3)
    )


@pytest.mark.parametrize("asked,patterns", [(1, [1]), ([0, 3], [0, 3]), (0, [0])])
def test_return_stages_takes_numbers(asked, patterns):
    network = build("OctMobileNetV1_x0_25", return_stages=asked)
    names = ["blocks[0]", "blocks[2]", "blocks[4]", "blocks[10]"]
    assert list(network(images(1, 3, 32, 32))) == ["logits", *(names[stage] for stage in patterns)]


@pytest.mark.parametrize("asked", [4, [0, -1], "blocks[0]", 1.5])
def test_unknown_stages_are_refused(asked):
    with pytest.raises(OctConvError, match="return_stages must be stages from 0 to 3, got"):
        build("OctMobileNetV1_x0_25", return_stages=asked)


def test_return_patterns_name_layers():
    network = build("OctMobileNetV1_x0_25", return_patterns=["blocks[1].depthwise_conv", "conv"])
    assert set(network(images(1, 3, 32, 32))) == {"logits", "blocks[1].depthwise_conv", "conv"}


@pytest.mark.parametrize("name", KINDS)
def test_stop_after_returns_the_tensor_of_that_layer(name):
    network = shallow(name, return_patterns=["blocks[1]"])
    network.eval()
    x = images(1, 3, 64, 64)
    expected = network(x)["blocks[1]"].numpy()
    stopped = shallow(name)
    stopped.eval()
    assert stopped.stop_after("blocks[1]")
    np.testing.assert_array_equal(stopped(x).numpy(), expected)


@pytest.mark.parametrize("name", KINDS)
def test_freeze_befor_stops_gradients_there(name):
    network = shallow(name)
    assert network.freeze_befor("blocks[1]")
    network(images(2, 3, 32, 32)).sum().backward()
    for key, parameter in trainable(network).items():
        block = key.split(".")[1] if key.startswith("blocks.") else ""
        frozen = key.startswith(("stem", "conv.", "conv1")) or block in ("0", "1")
        assert (parameter.grad is None) == frozen, key


@pytest.mark.parametrize("name", KINDS)
def test_upgrade_sublayer_replaces_layers(name):
    network = shallow(name)
    seen = []

    class Watched(nn.Layer):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            seen.append(type(self.layer).__name__)
            return self.layer(x)

    patterns = ["blocks[0]", "flatten"]
    assert network.upgrade_sublayer(patterns, lambda layer, pattern: Watched(layer)) == patterns
    network(images(1, 3, 32, 32))
    assert len(seen) == 2


# PaddleClas's models and utilities around a backbone


@pytest.mark.parametrize("name", KINDS)
def test_recognition_model_with_neck_and_head(name):
    features = shallow(name).sublayers()[-1].weight.shape[0]
    model = arch.RecModel(
        Backbone={"name": name, **few_blocks(name)},
        BackboneStopLayer={"name": "flatten"},
        Neck={"name": "FC", "embedding_size": features, "class_num": 16},
        Head={
            "name": "ArcMargin",
            "embedding_size": 16,
            "class_num": 10,
            "margin": 0.2,
            "scale": 30,
        },
    )
    out = model(images(2, 3, 32, 32), paddle.to_tensor([[1], [2]]))
    assert out["features"].shape == [2, 16] and out["logits"].shape == [2, 10]
    out["logits"].sum().backward()


@pytest.mark.parametrize("name", KINDS)
def test_sync_batch_norm_replaces_every_batch_norm(name):
    network = shallow(name)
    norms = sum(isinstance(layer, nn.BatchNorm2D) for layer in network.sublayers())
    network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    kinds = [type(layer) for layer in network.sublayers()]
    assert kinds.count(nn.SyncBatchNorm) == norms > 0
    assert nn.BatchNorm2D not in kinds


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("name", KINDS)
def test_mixed_precision_step(name, level):
    network = shallow(name)
    optimizer = paddle.optimizer.Momentum(0.01, parameters=network.parameters())
    if level == "O2":
        network, optimizer = paddle.amp.decorate(
            network, optimizer, level=level, dtype="bfloat16", save_dtype="float32"
        )
    before = network.sublayers()[-1].weight.numpy()
    with paddle.amp.auto_cast(level=level, dtype="bfloat16"):
        logits = network(images(2, 3, 32, 32))
        loss = nn.functional.cross_entropy(logits, paddle.to_tensor([1, 2]))
    loss.backward()
    optimizer.step()
    assert np.isfinite(loss.item())
    assert not np.array_equal(network.sublayers()[-1].weight.numpy(), before)


@pytest.mark.parametrize("name", WITH_NHWC)
def test_channels_last_gives_the_same(name):
    first, last = (
        shallow(name, return_stages=True, data_format=order) for order in ("NCHW", "NHWC")
    )
    x = images(2, 3, 33, 46)
    settle(first, x)
    last.set_state_dict(first.state_dict())
    first.eval(), last.eval()
    theirs = last(x)
    for key, ours in first(x).items():
        if len(ours.shape) == 4:
            theirs[key] = theirs[key].transpose([0, 3, 1, 2])
        np.testing.assert_allclose(ours.numpy(), theirs[key].numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_exponential_moving_average(name):
    network = shallow(name)
    average = ema.ExponentialMovingAverage(network, decay=0.5)
    before = {key: value.numpy() for key, value in network.state_dict().items()}
    for parameter in trainable(network).values():
        parameter.set_value(parameter + 1)
    average.update(network)
    for key in trainable(network):
        np.testing.assert_allclose(
            average.module.state_dict()[key].numpy(), before[key] + 0.5, rtol=1e-5, atol=1e-6
        )
    x = images(1, 3, 32, 32)
    clone = copy.deepcopy(network)
    network.eval(), clone.eval()
    np.testing.assert_array_equal(clone(x).numpy(), network(x).numpy())


@pytest.mark.parametrize("name", KINDS)
def test_to_static_training(name):
    x = images(2, 3, 32, 32)
    expected = shallow(name)(x).numpy()
    network = shallow(name)
    config = {"Global": {"to_static": True, "image_shape": [3, 32, 32]}}
    static = arch.apply_to_static(config, network, is_rec=False)
    logits = static(x)
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-3, atol=1e-4)
    logits.sum().backward()
    assert [key for key, parameter in trainable(network).items() if parameter.grad is None] == []


# Weights of the vanilla twin


@pytest.mark.parametrize("name", [name for name in KINDS if CATALOGUE[name].twin])
def test_without_low_channels_and_with_its_strides_a_network_is_its_twin(name):
    vanilla = twin(name)
    settle(vanilla, images(2, 3, 64, 64))
    octave = build(name, alpha=0, keep_stride=True)
    octave.set_state_dict(vanilla.state_dict())
    vanilla.eval(), octave.eval()
    x = images(2, 3, 45, 32)
    np.testing.assert_allclose(octave(x).numpy(), vanilla(x).numpy(), rtol=1e-4, atol=1e-4)


def test_keep_stride_that_is_no_yes_or_no():
    with pytest.raises(OctConvError, match="keep_stride: 'yes' should be True or False"):
        build("OctMobileNetV1_x0_25", keep_stride="yes")
