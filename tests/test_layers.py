"""The octave layers by themselves: shapes, parameters, and what they refuse."""

from __future__ import annotations

import paddle
import pytest
from paddle import nn

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import (
    Channels,
    Octave,
    OctBatchNorm2D,
    OctBNActConvLayer,
    OctConv2D,
    OctConvBNLayer,
    join,
)
from paddleclas_octconv.layers.octave import pool2, up2_to


def pair(channels=8, height=6, width=6, low=4):
    return Octave(
        paddle.rand([2, channels - low, height, width]),
        paddle.rand([2, low, (height + 1) // 2, (width + 1) // 2]),
    )


def parameters(layer):
    return sum(p.size for p in layer.parameters() if p.trainable)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 225])
def test_a_half_upsampled_to_what_it_is_the_half_of_repeats_every_cell(size):
    half = (size + 1) // 2
    x = paddle.arange(half * half, dtype="float32").reshape([1, 1, half, half])
    up = up2_to(x, paddle.zeros([1, 1, size, size])).numpy()[0, 0]
    for row in {0, size // 2, size - 1}:
        for column in {0, size // 2, size - 1}:
            assert up[row, column] == x[0, 0, row // 2, column // 2].item()


def test_pooling_an_odd_border_averages_what_is_there():
    x = paddle.to_tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    assert pool2(x)[0, 0].tolist() == [[3.0, 4.5], [7.5, 9.0]]


@pytest.mark.parametrize(
    ("channels", "alpha", "low"), [(64, 0.375, 24), (64, 0, 0), (10, 0.29, 2), (100, 0.29, 29)]
)
def test_the_low_branch_has_the_floor_of_its_share(channels, alpha, low):
    assert Channels.split(channels, alpha) == (channels - low, low)


@pytest.mark.parametrize("alpha", [-0.1, 1, 1.0, 1.1, "0.5", None, True, float("nan")])
def test_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(OctConvError, match=r"alpha must be a number in \[0, 1\), got"):
        OctConv2D(8, 8, 1, alpha_in=alpha)


@pytest.mark.parametrize(("alpha", "branch"), [(1 - 1e-9, "high"), (0.1, "low")])
def test_alpha_that_empties_a_branch_is_refused(alpha, branch):
    with pytest.raises(OctConvError, match=f"leaves the {branch} branch of 8 channels empty"):
        OctConv2D(8, 8, 1, alpha_out=alpha)


@pytest.mark.parametrize("channels", [*range(2, 70), 100, 1000, 2048])
def test_the_alphas_that_are_proposed_leave_no_branch_empty(channels):
    with pytest.raises(OctConvError) as error:
        Channels.split(channels, 1e-5)
    least, most = str(error.value).rpartition("take 0, or ")[2].split(" to ")
    for alpha in (least, most):
        assert min(Channels.split(channels, float(alpha))) > 0


def test_one_channel_takes_no_share_but_0():
    with pytest.raises(OctConvError, match=r"of 1 channels empty; take 0$"):
        Channels.split(1, 0.5)


@pytest.mark.parametrize("layer", [OctConv2D, OctConvBNLayer, OctBNActConvLayer])
def test_unless_told_half_of_the_channels_are_low(layer):
    y = layer(8, 12, 1)(pair(8))
    assert (y.high.shape, y.low.shape) == ([2, 6, 6, 6], [2, 6, 3, 3])


def test_layers_take_channels_that_are_split_already():
    conv = OctConv2D(Channels(6, 2), Channels(3, 9), 1)
    assert (conv.in_channels, conv.out_channels) == (8, 12)
    y = OctBatchNorm2D(Channels(3, 9))(conv(pair(8, low=2)))
    assert (y.high.shape, y.low.shape) == ([2, 3, 6, 6], [2, 9, 3, 3])


@pytest.mark.parametrize(("alpha_in", "alpha_out"), [(0, 0), (0, 0.25), (0.5, 0), (0.25, 0.75)])
@pytest.mark.parametrize("stride", [1, 2])
def test_multiply_adds_are_those_of_the_paths(alpha_in, alpha_out, stride):
    conv = OctConv2D(8, 16, 3, stride, 1, alpha_in=alpha_in, alpha_out=alpha_out)
    made = {}
    for name in ("hh", "hl", "lh", "ll"):
        path = getattr(conv, name)
        if path is not None:
            path.register_forward_post_hook(
                lambda layer, x, y, name=name: made.update(
                    {name: y.size // y.shape[1] * layer.weight.size}
                )
            )
    low = int(8 * alpha_in)
    x = pair(8, 7, 5, low) if low else paddle.rand([2, 8, 7, 5])
    y = conv(x)
    high = y.high if isinstance(y, Octave) else y
    costs = [2 * cost for cost in conv.multiply_adds(*high.shape[2:])]  # of a batch of 2
    assert costs == [made["hh"] + made.get("lh", 0), made.get("hl", 0) + made.get("ll", 0)]


@pytest.mark.parametrize("stride", [0, 3, (2, 2)])
def test_stride_other_than_1_and_2_is_refused(stride):
    with pytest.raises(OctConvError, match="stride of an octave convolution must be 1 or 2"):
        OctConv2D(8, 8, 3, stride=stride)


def test_depthwise_keeps_its_alpha():
    with pytest.raises(OctConvError, match="keeps its channels and its alpha"):
        OctConv2D(8, 8, 3, groups=8, alpha_in=0.5, alpha_out=0.25)


@pytest.mark.parametrize("alpha_in", [0, 0.25, 0.5])
@pytest.mark.parametrize("alpha_out", [0, 0.25, 0.75])
@pytest.mark.parametrize("stride", [1, 2])
def test_shapes_and_parameters_are_those_of_the_vanilla_convolution(alpha_in, alpha_out, stride):
    octave = OctConv2D(8, 16, 3, stride, 1, alpha_in=alpha_in, alpha_out=alpha_out, bias_attr=False)
    vanilla = nn.Conv2D(8, 16, 3, stride, 1, bias_attr=False)
    assert parameters(octave) == parameters(vanilla)
    for height, width in ((6, 6), (7, 5), (1, 1)):
        x = (
            pair(8, height, width, int(8 * alpha_in))
            if alpha_in
            else paddle.rand([2, 8, height, width])
        )
        y = octave(x)
        assert isinstance(y, Octave) == bool(alpha_out)
        assert join(y).shape == vanilla(paddle.rand([2, 8, height, width])).shape


def test_depthwise_branches_exchange_nothing():
    conv = OctConv2D(8, 8, 3, padding=1, groups=8)
    x = pair()
    silent = Octave(paddle.zeros_like(x.high), x.low)
    assert (conv(x).low == conv(silent).low).all()
    assert conv.hl is None and conv.lh is None


def test_the_variance_of_the_output_is_that_of_the_vanilla_convolution():
    paddle.seed(0)
    octave, vanilla = (
        OctConv2D(256, 256, 1, bias_attr=False),
        nn.Conv2D(256, 256, 1, bias_attr=False),
    )
    # The same noise in every cell of a 2x2 block: pooling changes nothing.
    low = paddle.randn([4, 256, 8, 8])
    x = nn.functional.interpolate(low, scale_factor=2)
    y = octave(Octave(x[:, :128], low[:, 128:]))
    expected = vanilla(x).var().item()
    assert y.high.var().item() == pytest.approx(expected, rel=0.1)
    assert y.low.var().item() == pytest.approx(expected, rel=0.1)


def test_batch_norm_of_a_pair_has_the_parameters_of_the_vanilla_one():
    assert parameters(OctBatchNorm2D(8, 0.25)) == parameters(nn.BatchNorm2D(8))
    assert OctBatchNorm2D(8, 0).low is None


def test_nhwc_gives_the_numbers_of_nchw():
    x = pair(8, 7, 5)
    nchw = OctConvBNLayer(8, 12, 3, stride=2, act="relu")
    nhwc = OctConvBNLayer(8, 12, 3, stride=2, act="relu", data_format="NHWC")
    nhwc.set_state_dict(nchw.state_dict())
    y = nhwc(Octave(*(branch.transpose([0, 2, 3, 1]) for branch in x)))
    for ours, theirs in zip(y, nchw(x)):
        assert paddle.allclose(ours.transpose([0, 3, 1, 2]), theirs, atol=1e-5)


def test_a_pair_can_be_frozen_like_a_tensor():
    x = pair()
    x.high.stop_gradient = False
    assert not x.stop_gradient
    x.stop_gradient = True
    assert x.high.stop_gradient and x.low.stop_gradient


def test_a_program_of_any_size_crops_height_and_width_each_to_its_own():
    class Up(nn.Layer):
        def forward(self, low, like):
            return up2_to(low, like)

    spec = [paddle.static.InputSpec([1, 2, -1, -1], "float32")] * 2
    program = paddle.jit.to_static(Up(), input_spec=spec, full_graph=True)
    low, like = paddle.randn([1, 2, 3, 4]), paddle.zeros([1, 2, 5, 8])
    whole = low.numpy().repeat(2, axis=2).repeat(2, axis=3)
    assert (program(low, like).numpy() == whole[:, :, :5, :8]).all()
