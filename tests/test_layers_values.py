"""What the layers compute, against their definition evaluated in float64, forward and backward.

No tensor of a layer is the 0 or 1 that it begins with, so that none can be left out unseen.
"""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import ParamAttr, nn
from reference import batch_norm, draw_state, octave_conv

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import (
    Channels,
    ConvBNLayer,
    Octave,
    OctAvgPool2D,
    OctBatchNorm2D,
    OctBNActConvLayer,
    OctConv2D,
    OctConvBNLayer,
    OctSELayer,
    Order,
    add,
    concat,
    each,
    grouped_order,
    join,
    keep_strides,
)

ALPHAS = [(0, 0), (0, 0.25), (0.5, 0), (0.25, 0.75), (0.5, 0.5)]


@pytest.fixture(autouse=True)
def seed():
    paddle.seed(3)


def feature(channels: int = 8, alpha: float = 0.5, height: int = 7, width: int = 5):
    """A random feature map: a pair, or a tensor at alpha 0."""
    low = int(channels * alpha)
    x = paddle.randn([2, channels - low, height, width], "float64")
    if not low:
        return x
    return Octave(x, paddle.randn([2, low, (height + 1) // 2, (width + 1) // 2], "float64"))


def branches(x) -> list:
    return list(x) if isinstance(x, Octave) else [x, None]


def tensors(x) -> list[paddle.Tensor]:
    return [branch for branch in branches(x) if branch is not None]


def pair(branches):
    return branches[0] if branches[1] is None else Octave(*branches)


def convolved(conv: OctConv2D, x, groups: int = 1, **options):
    """The reference's octave convolution with the parameters of a layer."""
    paths = {name: getattr(conv, name) for name in ("hh", "hl", "lh", "ll")}
    kernels = {name: (path.weight, path.bias, groups) for name, path in paths.items() if path}
    return pair(octave_conv(branches(x), kernels, conv.stride, **options))


def normed(bn: OctBatchNorm2D, x):
    names = zip(("high", "low"), tensors(x))
    state, training = bn.state_dict(), bn.training
    found = [batch_norm(branch, state, name, training) for name, branch in names]
    return Octave(*found) if isinstance(x, Octave) else found[0]


def assert_close(ours, theirs, tolerance: float = 1e-10) -> None:
    assert len(tensors(ours)) == len(tensors(theirs))
    for one, other in zip(tensors(ours), tensors(theirs)):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=tolerance, atol=tolerance)


def assert_computes(layer: nn.Layer, definition, *inputs) -> None:
    """Outputs and the gradients of inputs and parameters are those of a definition."""
    sources = [branch for x in inputs for branch in tensors(x)]
    for source in sources:
        source.stop_gradient = False
    sources += [parameter for parameter in layer.parameters() if parameter.trainable]
    gradients = []
    outputs = layer(*inputs), definition(*inputs)
    assert_close(*outputs)
    for y in outputs:
        loss = sum(
            (b * paddle.linspace(-1, 2, b.size, b.dtype).reshape(b.shape)).sum() for b in tensors(y)
        )
        gradients.append(paddle.grad(loss, sources, retain_graph=True))
    for ours, theirs in zip(*gradients):
        assert_close(ours, theirs, 1e-9)


# Octave convolution


@pytest.mark.parametrize("size", [(7, 5), (6, 8), (1, 1)])
@pytest.mark.parametrize("kernel_size, dilation, groups", [(1, 1, 1), (3, 1, 1), (3, 2, 2)])
@pytest.mark.parametrize("stride, keeps", [(1, True), (2, False), (2, True)])
@pytest.mark.parametrize("alpha_in, alpha_out", ALPHAS)
def test_octave_convolution(
    alpha_in, alpha_out, stride, keeps, kernel_size, dilation, groups, size
):
    padding = dilation * (kernel_size // 2)
    options = {"padding": padding, "dilation": dilation, "groups": groups}
    alphas = {"alpha_in": alpha_in, "alpha_out": alpha_out}
    conv = draw_state(OctConv2D(8, 8, kernel_size, stride, **alphas, **options))
    if keeps:
        conv.keep_stride()
    x = feature(8, alpha_in, *size)
    options["keeps"] = keeps and stride == 2
    assert_computes(conv, lambda x: convolved(conv, x, **options), x)


@pytest.mark.parametrize("height, width", [(8, 6), (7, 5)])
def test_a_1x1_convolution_that_keeps_its_stride_is_the_vanilla_one(height, width):
    conv = draw_state(OctConv2D(8, 6, 1, 2))
    conv.keep_stride()
    x = feature(8, 0.5, height, width)
    parts = (conv.hh, conv.lh), (conv.hl, conv.ll)
    kernel = paddle.concat([paddle.concat([p.weight for p in row], axis=1) for row in parts])
    whole = F.conv2d(join(x), kernel, stride=2)
    bias = [sum(path.bias for path in row).reshape([1, -1, 1, 1]) for row in parts]
    low = F.avg_pool2d(whole[:, 3:], 2, 2, ceil_mode=True, exclusive=True)
    assert_close(conv(x), Octave(whole[:, :3] + bias[0], low + bias[1]))


def test_a_path_has_the_most_groups_that_divide_its_channels():
    conv = OctConv2D(Channels(12, 4), Channels(8, 24), 1, groups=4)
    shapes = {name: getattr(conv, name).weight.shape[:2] for name in ("hh", "hl", "lh", "ll")}
    assert shapes == {"hh": [8, 3], "hl": [24, 3], "lh": [8, 1], "ll": [24, 1]}
    conv = OctConv2D(Channels(12, 6), Channels(6, 12), 1, groups=6)
    shapes = {name: getattr(conv, name).weight.shape[:2] for name in ("hh", "hl", "lh", "ll")}
    assert shapes == {"hh": [6, 2], "hl": [12, 2], "lh": [6, 1], "ll": [12, 1]}
    conv = OctConv2D(Channels(9, 3), Channels(4, 8), 1, groups=4)
    assert [conv.hh.weight.shape[1], conv.hl.weight.shape[1], conv.ll.weight.shape[1]] == [9, 9, 3]


@pytest.mark.parametrize("kernel_size, groups", [(1, 1), (3, 1), (3, 4), (5, 256)])
def test_kernels_begin_as_slices_of_a_he_normal_one(kernel_size, groups):
    conv = OctConv2D(256, 256, kernel_size, groups=groups)
    spread = math.sqrt(2 / (256 // groups * kernel_size**2))
    for path in filter(None, (conv.hh, conv.hl, conv.lh, conv.ll)):
        assert path.weight.std().item() == pytest.approx(spread, rel=0.1)


def test_an_initializer_that_is_given_counts():
    given = ParamAttr(initializer=nn.initializer.Constant(0.5), learning_rate=0.25)
    conv = OctConv2D(4, 4, 1, weight_attr=given)
    assert {path.weight.unique().item() for path in (conv.hh, conv.hl, conv.lh, conv.ll)} == {0.5}
    assert conv.hl.weight.optimize_attr["learning_rate"] == 0.25
    assert OctConv2D(4, 4, 1, weight_attr=None).hh.weight.optimize_attr["learning_rate"] == 1


# Units


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("with_shortcut", [True, False])
@pytest.mark.parametrize(
    "kernel_size, stride, act", [(1, 1, "relu"), (3, 1, None), (3, 2, "relu6")]
)
@pytest.mark.parametrize("alpha_in, alpha_out", ALPHAS)
@pytest.mark.parametrize("bias", [True, False])
def test_the_unit_of_convolution_batch_norm_shortcut_and_activation(
    alpha_in, alpha_out, kernel_size, stride, act, with_shortcut, training, bias
):
    alphas = {"alpha_in": alpha_in, "alpha_out": alpha_out}
    options = {"act": act, "conv_bias": bias}
    unit = draw_state(OctConvBNLayer(8, 12, kernel_size, stride, **alphas, **options))
    unit.train() if training else unit.eval()
    x = feature(8, alpha_in)
    inputs = [x]
    if with_shortcut:
        inputs.append(feature(12, alpha_out, *((7, 5) if stride == 1 else (4, 3))))
    function = {"relu": F.relu, "relu6": F.relu6, None: lambda x: x}[act]

    def definition(x, *shortcuts):
        y = tensors(normed(unit.bn, convolved(unit.conv, x, padding=kernel_size // 2)))
        for shortcut in shortcuts:
            y = [branch + more for branch, more in zip(y, tensors(shortcut))]
        return pair([*map(function, y), None][:2])

    assert_computes(unit, definition, *inputs)
    if not training:
        expected = definition(*inputs)
        unit.re_parameterize()
        assert not [layer for layer in unit.sublayers() if isinstance(layer, nn.BatchNorm2D)]
        assert_close(unit(*inputs), expected)


def test_a_batch_norm_moves_its_statistics_towards_those_of_the_batch():
    bn = draw_state(OctBatchNorm2D(8, 0.25))
    before = {key: value.clone() for key, value in bn.state_dict().items()}
    x = feature(8, 0.25)
    bn(x)
    for branch, values in zip(("high", "low"), x):
        mean = 0.9 * before[f"{branch}._mean"] + 0.1 * values.mean([0, 2, 3])
        assert_close(bn.state_dict()[f"{branch}._mean"], mean, 1e-6)  # the 0.9 is a float32


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("alpha_in, alpha_out", ALPHAS)
def test_the_unit_of_batch_norm_relu_and_convolution(alpha_in, alpha_out, training):
    alphas = {"alpha_in": alpha_in, "alpha_out": alpha_out}
    unit = draw_state(OctBNActConvLayer(8, 12, 3, 2, **alphas, conv_bias=True))
    unit.train() if training else unit.eval()

    def definition(x):
        y = [None if b is None else F.relu(b) for b in branches(normed(unit.bn, x))]
        return convolved(unit.conv, pair(y), padding=1)

    assert_computes(unit, definition, feature(8, alpha_in))


def test_a_batch_norm_is_folded_into_the_convolution_before_it():
    first = draw_state(OctBNActConvLayer(8, 12, 1, alpha_out=0.25, conv_bias=True))
    second = draw_state(OctBNActConvLayer(12, 4, 3, alpha_in=0.25))
    first.eval(), second.eval()
    x = feature(8)
    expected = second(first(x))
    second.fold_norm_into(first)
    assert second.bn is None and first.bn is not None
    assert_close(second(first(x)), expected)
    second.fold_norm_into(first)  # there is none any more
    assert_close(second(first(x)), expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("stride, act", [(1, None), (2, "relu")])
def test_the_unit_of_the_stems(stride, act, training):
    unit = draw_state(ConvBNLayer(3, 8, 3, stride, act=act, conv_bias=True))
    unit.train() if training else unit.eval()

    def definition(x):
        y = F.conv2d(x, unit.conv.weight, unit.conv.bias, stride=stride, padding=1)
        y = batch_norm(y, unit.state_dict(), "bn", training)
        return F.relu(y) if act else y

    x = feature(3, 0)
    assert_computes(unit, definition, x)
    expected = unit(x)
    unit.re_parameterize()
    assert (unit.bn is None) == (not training)  # in training nothing is folded
    if not training:
        assert_close(unit(x), expected)


@pytest.mark.parametrize("layer", [OctConvBNLayer, OctBNActConvLayer, ConvBNLayer])
def test_a_learning_rate_is_that_of_every_parameter(layer):
    parameters = layer(8, 8, 3, conv_bias=True, lr_mult=0.1).parameters()
    rates = {p.optimize_attr["learning_rate"] for p in parameters if p.trainable}
    assert rates == {0.1} and len(parameters) > 4


def test_a_unit_has_a_bias_only_if_asked_for():
    for layer in (OctConvBNLayer, OctBNActConvLayer, ConvBNLayer):
        has = [
            any(key.endswith("bias") for key in layer(8, 8, 3, **options).conv.state_dict())
            for options in ({}, {"conv_bias": True})
        ]
        assert has == [False, True]


# Other layers


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
@pytest.mark.parametrize("alpha", [0, 0.25])
def test_squeeze_and_excitation(alpha, data_format):
    layer = draw_state(OctSELayer(16, alpha, reduction_ratio=4, data_format=data_format))
    x = feature(16, alpha)
    means = paddle.concat([branch.mean([2, 3]) for branch in tensors(x)], axis=1)
    (first, first_bias), (second, second_bias) = (
        (linear.weight, linear.bias) for linear in (layer.squeeze, layer.excitation)
    )
    assert first.shape == [16, 4] and second.shape == [4, 16]
    gates = F.sigmoid(F.relu(means @ first + first_bias) @ second + second_bias)
    high = 16 - int(16 * alpha)
    expected = [
        branch * gate.unsqueeze([2, 3])
        for branch, gate in zip(tensors(x), (gates[:, :high], gates[:, high:]))
    ]
    to_last, to_first = (
        ([0, 2, 3, 1], [0, 3, 1, 2]) if data_format == "NHWC" else ([0, 1, 2, 3],) * 2
    )
    y = layer(each(lambda branch: branch.transpose(to_last), x))
    assert_close(each(lambda branch: branch.transpose(to_first), y), pair([*expected, None][:2]))


def test_the_gates_begin_within_the_bound_of_their_inputs():
    layer = OctSELayer(256, reduction_ratio=4)
    for linear, inputs in ((layer.squeeze, 256), (layer.excitation, 64)):
        most = linear.weight.abs().max().item()
        assert most == pytest.approx(1 / math.sqrt(inputs), rel=0.01)
        assert linear.weight.min().item() == pytest.approx(-most, rel=0.02)


@pytest.mark.parametrize("height, width", [(6, 8), (7, 5), (2, 3), (1, 1)])
def test_pooling_averages_whole_blocks_of_both_branches(height, width):
    x = feature(8, 0.5, height, width)
    y = OctAvgPool2D()(x)
    rows, columns = max(1, height // 2), max(1, width // 2)
    assert_close(
        y.high,
        paddle.stack(
            [
                x.high[:, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean([2, 3])
                for r in range(rows)
                for c in range(columns)
            ],
            axis=2,
        ).reshape([2, 4, rows, columns]),
    )
    kept = x.low[:, :, :rows, :columns]  # of the high branch's cells that are left
    assert_close(
        y.low,
        paddle.stack(
            [
                kept[:, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean([2, 3])
                for r in range((rows + 1) // 2)
                for c in range((columns + 1) // 2)
            ],
            axis=2,
        ).reshape([2, 4, (rows + 1) // 2, (columns + 1) // 2]),
    )
    assert_close(OctAvgPool2D()(x.high), y.high)


def test_sums_and_concatenations_go_branch_by_branch():
    x, y = feature(8), feature(8)
    assert_close(add(x, y), Octave(x.high + y.high, x.low + y.low))
    assert_close(add(x.high, y.high), x.high + y.high)
    both = concat(x, y)
    assert_close(both, Octave(paddle.concat([x.high, y.high], 1), paddle.concat([x.low, y.low], 1)))
    assert_close(concat(x.high, y), Octave(paddle.concat([x.high, y.high], 1), y.low))
    assert_close(concat(x.high, y.high), paddle.concat([x.high, y.high], 1))
    assert Channels(4, 4).plus(Channels(3, 1)) == (7, 5)


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
def test_joined_the_low_channels_come_last_each_cell_four_times(data_format):
    x = feature(8, 0.25)
    high, low = (branch.numpy() for branch in x)
    expected = np.concatenate([high, low.repeat(2, 2).repeat(2, 3)[:, :, :7, :5]], axis=1)
    if data_format == "NHWC":
        x = each(lambda branch: branch.transpose([0, 2, 3, 1]), x)
        expected = expected.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(join(x, data_format).numpy(), expected)
    np.testing.assert_array_equal(join(x.high).numpy(), x.high.numpy())


# Vanilla parameters, cut


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("alpha_in, alpha_out", ALPHAS)
def test_cut_a_convolution_is_the_vanilla_one_where_maps_are_constant(alpha_in, alpha_out, groups):
    """On 2x2 blocks of one value, with channels in the order of the groups."""
    vanilla = draw_state(nn.Conv2D(16, 32, 1, groups=groups))
    octave = OctConv2D(16, 32, 1, groups=groups, alpha_in=alpha_in, alpha_out=alpha_out)
    octave.to(dtype="float64")
    orders = [grouped_order(c.total, c.low, groups) for c in (octave.inputs, octave.outputs)]
    load_cut(octave, vanilla, Order(*orders))
    half = paddle.randn([2, 16, 3, 3], "float64")
    x = half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    inputs, high = [paddle.to_tensor(order) for order in orders][0], octave.inputs.high
    low = half.index_select(inputs[high:], 1) if octave.inputs.low else None
    y = octave(pair([x.index_select(inputs[:high], 1), low]))
    assert_close(join(y), vanilla(x).index_select(paddle.to_tensor(orders[1]), 1))


def test_cut_a_depthwise_convolution_is_the_vanilla_one_where_maps_are_constant():
    vanilla = draw_state(nn.Conv2D(8, 8, 1, groups=8))
    octave = OctConv2D(8, 8, 1, groups=8, alpha_in=0.25, alpha_out=0.25)
    load_cut(octave.to(dtype="float64"), vanilla)
    half = paddle.randn([2, 8, 3, 3], "float64")
    x = half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert_close(join(octave(Octave(x[:, :6], half[:, 6:]))), vanilla(x))


def test_cut_a_batch_norm_goes_with_its_channels():
    vanilla, octave = draw_state(nn.BatchNorm2D(8)), OctBatchNorm2D(8, 0.25).to(dtype="float64")
    order = paddle.to_tensor([7, 6, 5, 4, 3, 2, 1, 0])
    load_cut(octave, vanilla, Order(outputs=order.numpy()))
    vanilla.eval(), octave.eval()
    x = feature(8, 0)
    y = x.index_select(order, 1)
    expected = vanilla(x).index_select(order, 1)
    assert_close(octave(Octave(y[:, :6], y[:, 6:])), Octave(expected[:, :6], expected[:, 6:]))


def load_cut(octave, vanilla, order=Order()) -> None:  # noqa: B008
    """Give an octave layer what a vanilla one has; all of it, and nothing else."""
    state = vanilla.state_dict()
    assert octave.vanilla_shapes() == {key: value.shape for key, value in state.items()}
    weights = {}
    for key, value in state.items():
        weights.update(octave.cut(key, value.numpy(), order))
    assert octave.set_state_dict(weights) == ([], [])


def test_groups_that_the_paths_cannot_have_are_refused():
    octave = OctConv2D(8, 8, 1, groups=4, alpha_in=0.5, alpha_out=0.5)
    with pytest.raises(OctConvError, match="hh: its 4 groups do not hold those of the vanilla"):
        octave.cut("weight", np.ones([8, 2, 1, 1]))


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("alpha_in, alpha_out", ALPHAS)
def test_the_deploy_form_keeps_strides_too(alpha_in, alpha_out, kernel_size):
    unit = draw_state(OctConvBNLayer(8, 12, kernel_size, 2, alpha_in=alpha_in, alpha_out=alpha_out))
    keep_strides(unit)
    unit.eval()
    x = feature(8, alpha_in)
    expected = unit(x)
    unit.re_parameterize()
    assert unit.bn is None
    assert_close(unit(x), expected)
