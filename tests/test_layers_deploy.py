"""The deploy form: the same outputs, and no kernel that could be saved."""

from __future__ import annotations

import copy
from collections import Counter

import paddle
import pytest
from backbones import DIFFERENT, KINDS, build, images, settle, shallow, without_repeats
from paddle import nn

from paddleclas_octconv.layers import OctConv2D, OctConvBNLayer


def re_parameterized(network, method="re_parameterize"):
    """As PaddleClas's exporter does it, on a copy."""
    network = copy.deepcopy(network)
    network.eval()
    for layer in network.sublayers():
        if hasattr(layer, method) and not layer.is_repped:
            getattr(layer, method)()
    return network


def give_statistics(network):
    """Some running statistics, scales and shifts, none of which magnifies rounding errors."""
    for layer in network.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            shape, dtype = layer.weight.shape, layer.weight.dtype
            layer._mean.set_value(paddle.uniform(shape, dtype, min=-0.1, max=0.1))
            layer._variance.set_value(paddle.uniform(shape, dtype, min=0.8, max=1.2))
            layer.weight.set_value(paddle.uniform(shape, dtype, min=0.8, max=1.2))
            layer.bias.set_value(paddle.uniform(shape, dtype, min=-0.1, max=0.1))
    network.eval()


def assert_same_outputs(network, x, tolerance, **protocol):
    with paddle.no_grad():
        ours, theirs = re_parameterized(network, **protocol)(x), network(x)
    assert ((ours - theirs).abs().max() / theirs.abs().max()).item() <= tolerance


@pytest.mark.parametrize("name", DIFFERENT)
def test_outputs_are_those_of_the_training_form(name):
    network = without_repeats(name)
    give_statistics(network)
    assert_same_outputs(network, images(2, 3, 64, 64), 1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_outputs_are_exact_with_biases_at_odd_sizes_and_any_statistics(name):
    network = shallow(name, conv_bias=True).to(dtype="float64")
    x = images(2, 3, 65, 97, dtype="float64")
    settle(network, x)
    network.eval()
    assert_same_outputs(network, x, 1e-9)


@pytest.mark.parametrize("alpha", [0, 0.125, 0.25, 0.375, 0.75])
@pytest.mark.parametrize("name", ["OctMobileNetV1", "OctMobileNetV2", "OctResNet26"])
def test_outputs_are_those_of_the_training_form_at_any_alpha(name, alpha):
    network = shallow(name, alpha=alpha)
    give_statistics(network)
    assert_same_outputs(network, images(2, 3, 64, 64), 1e-5, method="rep")


POST_ACTIVATION = [name for name in KINDS if "DenseNet" not in name and "Pre" not in name]


@pytest.mark.parametrize("name", POST_ACTIVATION)
def test_no_batch_norm_is_left(name):
    network = re_parameterized(shallow(name))
    assert not [layer for layer in network.sublayers() if isinstance(layer, nn.BatchNorm2D)]


def test_a_dense_layer_keeps_only_the_batch_norm_of_its_input():
    network = re_parameterized(build("OctDenseNet121"))
    for layer in network.blocks[0]:
        assert layer.bn_ac_func1.bn is not None
        assert layer.bn_ac_func2.bn is None


def operators(network, size=64):
    spec = paddle.static.InputSpec([None, 3, size, size], "float32")
    program = paddle.jit.to_static(network, input_spec=[spec], full_graph=True).forward
    ops = program.concrete_program.main_program.global_block().ops
    name = (lambda op: op.name()) if callable(getattr(ops[0], "name", None)) else lambda op: op.type
    return Counter(name(op).replace("pd_op.", "").rstrip("_") for op in ops)


@pytest.mark.parametrize("name", ["OctMobileNetV1", "OctResNet26"])
def test_the_graph_has_the_kernels_of_the_definition_and_no_others(name):
    network = shallow(name)
    convs = [layer for layer in network.sublayers() if isinstance(layer, OctConv2D)]
    units = [layer for layer in network.sublayers() if isinstance(layer, OctConvBNLayer)]
    paths = [path for conv in convs for path in (conv.hh, conv.hl, conv.lh, conv.ll) if path]
    pools = sum(
        (conv.hl is not None) + (conv.stride == 2) * (1 + (conv.ll is not None)) for conv in convs
    )
    joined = sum(
        conv.kernel_size == 1 and conv.in_channels <= conv.out_channels
        for conv in convs
        if conv.hl is not None and conv.ll is not None
    )
    branches = sum(1 + (unit.bn.low is not None) for unit in units)
    found = operators(re_parameterized(network))

    stem = 1
    assert found["conv2d"] + found["depthwise_conv2d"] == len(paths) - joined + stem
    assert found["concat"] == joined > 0
    assert found["batch_norm"] == 0
    assert found["nearest_interp"] + found["nearest_interp_v2"] == sum(
        conv.lh is not None and conv.stride == 1 for conv in convs
    )
    global_pool, max_pool = 1, name.startswith("OctResNet")
    assert found["pool2d"] == pools + global_pool + max_pool
    assert found["relu"] <= branches + stem
    assert not {"split", "slice", "transpose", "transpose2", "batch_norm"} & set(found)


def test_layers_that_were_replaced_are_left_alone():
    """PaddleSlim puts its own layer in the place of a convolution before the exporter comes."""
    layer = OctConvBNLayer(8, 8, 1)
    layer.conv.hh = nn.Sequential(layer.conv.hh)
    layer.eval()
    layer.re_parameterize()
    assert layer.bn is not None


def test_a_repped_layer_is_not_folded_again():
    layer = OctConvBNLayer(8, 8, 1)
    layer.eval()
    layer.re_parameterize()
    folded = layer.conv
    layer.rep()
    assert layer.is_repped and layer.conv is folded
