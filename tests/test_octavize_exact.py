"""``octavize``: the values, gradients and statistics of the vanilla network, where they are equal.

A convolution of 1x1 kernels loses nothing on images of equal blocks, one of any kernel nothing on
images of one colour: there the octave network, cut from the vanilla one, equals it. Biases and the
batch norms' parameters and statistics are random; the arithmetic is that of float64.
"""

from __future__ import annotations

import copy

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn
from pairs import Maps, of_blocks, same

from paddleclas_octconv import octavize
from paddleclas_octconv.layers import Reparameterizable
from paddleclas_octconv.octavizer.convert import OctavizedBatchNorm2D, OctavizedConv2D
from paddleclas_octconv.octavizer.pair import cut

SIZE = 32


def settled(network):
    """The network in float64, with nothing of it zero or one."""
    network.to(dtype="float64")
    random = np.random.RandomState(0)
    for key, value in network.state_dict().items():
        low, high = (0.5, 1.5) if "variance" in key else (-0.5, 0.5)
        value.set_value(random.uniform(low, high, value.shape))
    return network


class Net(nn.Layer):
    """Wiring of every kind between convolutions of 1x1."""

    def __init__(self, data_format="NCHW"):
        super().__init__()
        self.axis = 1 if data_format == "NCHW" else 3
        self.space = [2, 3] if data_format == "NCHW" else [1, 2]

        def conv(channels, out, groups=1, bias_attr=None):
            return nn.Conv2D(
                channels, out, 1, groups=groups, bias_attr=bias_attr, data_format=data_format
            )

        def norm(channels):
            return nn.BatchNorm2D(channels, data_format=data_format)

        self.stem, self.a, self.b = conv(3, 8), conv(8, 12), conv(12, 12, bias_attr=False)
        self.norm_a, self.norm_b = norm(12), nn.BatchNorm(12, act="relu", data_layout=data_format)
        self.grouped, self.narrow = conv(12, 24, groups=3), conv(12, 12, groups=6)
        self.depthwise, self.multiplied = conv(12, 12, groups=12), conv(12, 24, groups=12)
        self.joining, self.after = conv(36, 12), conv(12, 12)
        self.gate, self.shared = conv(12, 12), conv(12, 12)
        self.fc = nn.Linear(24, 5)

    def forward(self, x):
        a = self.norm_a(self.a(self.stem(x)))
        b = self.norm_b(self.b(a))
        grouped = F.relu(self.grouped(b))
        x = F.tanh(self.joining(paddle.concat([grouped, self.narrow(a)], axis=self.axis)))
        x = self.depthwise(x) + self.gate(x.mean(self.space, keepdim=True)) * x
        left, right = paddle.split(self.shared(self.shared(x)), [4, 8], axis=self.axis)
        x = self.after(paddle.concat([right, left], axis=self.axis)) - x
        return self.fc(F.sigmoid(self.multiplied(x)).mean(self.space))


def outputs_and_gradients(network, x):
    x = x.clone()
    x.stop_gradient = False
    y = network(x)
    (y * paddle.arange(1.0, 1.0 + y.size, dtype=y.dtype).reshape(y.shape)).sum().backward()
    return y.numpy(), x.grad


def compare(vanilla, octave, maps):
    """Outputs, gradients of the image and of every parameter, and statistics afterwards."""
    x = maps.of(3)
    expected, found = (outputs_and_gradients(network, x) for network in (vanilla, octave))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9, atol=1e-9)
    same(*(of_blocks(gradient, maps) for gradient in (found[1], expected[1])), rtol=1e-7)
    own = dict(octave.named_parameters()), dict(octave.state_dict())
    sizes = ([p.size for p in each.parameters() if p.trainable] for each in (vanilla, octave))
    assert len(set(map(sum, sizes))) == 1
    layers = dict(octave.named_sublayers())
    for key, parameter in vanilla.named_parameters():
        if parameter.stop_gradient:
            continue
        name, _, kind = key.rpartition(".")
        gradient = parameter.grad.numpy()
        if key in own[0]:
            np.testing.assert_allclose(own[0][key].grad.numpy(), gradient, rtol=1e-7, atol=1e-9)
            continue
        layer = layers[name]
        for part, piece in layer.cut(kind, gradient, layer.order).items():
            twin = own[0].get(f"{name}.{part}")
            # Of the biases that are summed one is that of the vanilla layer.
            if twin is not None and not (kind == "bias" and not piece.any()):
                np.testing.assert_allclose(twin.grad.numpy(), piece, rtol=1e-7, atol=1e-9)
    for key, value in vanilla.state_dict().items():
        name, _, kind = key.rpartition(".")
        if kind in ("_mean", "_variance") and isinstance(layers[name], OctavizedBatchNorm2D):
            for part, piece in layers[name].cut(kind, value.numpy(), layers[name].order).items():
                np.testing.assert_allclose(own[1][f"{name}.{part}"].numpy(), piece, rtol=1e-9)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("alpha", [0.5, 0.25, [0.34]], ids=str)
@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
def test_values_gradients_and_statistics_of_the_vanilla_network(data_format, alpha, training):
    vanilla = settled(Net(data_format))
    octave = octavize(copy.deepcopy(vanilla), alpha, input_size=SIZE)
    vanilla.train() if training else vanilla.eval()
    octave.train() if training else octave.eval()
    compare(vanilla, octave, Maps(data_format, (SIZE, SIZE)))
    made = sum(isinstance(layer, OctavizedConv2D) for layer in octave.sublayers())
    assert made >= 8 and not octave.octave_report.joins


class Halving(nn.Sequential):
    """Pools and upsampling between convolutions of 1x1."""

    def __init__(self):
        super().__init__(
            nn.Conv2D(3, 8, 1),
            nn.Conv2D(8, 8, 1),
            nn.AvgPool2D(2, 2),
            nn.Conv2D(8, 12, 1),
            nn.ReLU(),
            nn.MaxPool2D(2, 2),
            nn.Conv2D(12, 12, 1),
            nn.Upsample(scale_factor=2),
            nn.Conv2D(12, 12, 1),
            nn.AdaptiveAvgPool2D(1),
            nn.Flatten(),
        )


def test_maps_that_shrink_and_grow():
    vanilla = settled(Halving())
    octave = octavize(copy.deepcopy(vanilla), 0.5, input_size=SIZE)
    compare(vanilla, octave, Maps(size=(SIZE, SIZE), block=8))
    assert octave.octave_report.octave == 4


GEOMETRIES = {
    "3x3": {"kernel_size": 3, "padding": 1},
    "no padding": {"kernel_size": 3},
    "even": {"kernel_size": 2, "stride": 2},
    "wide, no padding": {"kernel_size": 7},
    "tall": {"kernel_size": (3, 1), "padding": (1, 0)},
    "dilated": {"kernel_size": 3, "padding": 2, "dilation": 2},
    "stride 2": {"kernel_size": 3, "stride": 2, "padding": 1},
    "stride 3": {"kernel_size": 3, "stride": 3, "padding": 1},
    "stride of rows": {"kernel_size": 3, "stride": (2, 1), "padding": 1},
    "SAME": {"kernel_size": 5, "padding": "SAME"},
    "VALID": {"kernel_size": 3, "padding": "VALID"},
    "four sides": {"kernel_size": 3, "padding": [1, 1, 1, 1]},
    "uneven": {"kernel_size": 4, "padding": [1, 2, 1, 2]},
    "grouped": {"kernel_size": 3, "padding": 1, "groups": 2},
    "depthwise": {"kernel_size": 5, "padding": 2, "groups": 8},
}


def geometry(options):
    """A network whose third convolution has this geometry."""
    if isinstance(options.get("padding"), int):  # what is no number, Paddle pads with zeros alone
        options = {"padding_mode": "replicate", **options}
    return nn.Sequential(
        nn.Conv2D(3, 8, 1), nn.Conv2D(8, 8, 1), nn.Conv2D(8, 8, **options), nn.Conv2D(8, 8, 1)
    )


@pytest.mark.parametrize("name", GEOMETRIES)
def test_any_kernel_on_images_of_one_colour(name):
    vanilla = settled(geometry(GEOMETRIES[name]))
    octave = octavize(copy.deepcopy(vanilla), 0.5, input_size=SIZE)
    assert isinstance(octave[2], OctavizedConv2D) and octave[2].layout_in is not None
    for size in (SIZE, 19):
        x = Maps().of(3, size=(1, 1)).expand([2, 3, size, size])
        expected, found = vanilla(x).numpy(), octave(x).numpy()
        if not isinstance(GEOMETRIES[name].get("padding", 0), int):  # the border is of zeros
            expected, found = (y[:, :, 4:-4, 4:-4] for y in (expected, found))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_high_path_is_the_vanilla_convolution(name):
    """Where nothing is in the low channels, the high ones are what the vanilla network has."""
    vanilla = settled(geometry(GEOMETRIES[name]))
    octave = octavize(copy.deepcopy(vanilla), 0.5, input_size=SIZE)
    conv, twin = octave[2], vanilla[2]
    if conv.stride == 2:
        return  # pools and then convolves: test_layers.py
    x = Maps(size=(SIZE, 23), block=1).of(8)
    x = x * paddle.to_tensor(~conv.layout_in.mask).astype(x.dtype).reshape([8, 1, 1])
    expected = twin(x).numpy()
    pair = conv(cut(x, conv.layout_in))
    high = conv.layout_out.order[: conv.layout_out.high]
    np.testing.assert_allclose(pair.high.numpy(), expected[:, high], rtol=1e-9, atol=1e-9)
    half = [(side + 1) // 2 for side in expected.shape[2:]]
    assert list(pair.low.shape[2:]) == half


@pytest.mark.parametrize("name", ["3x3", "no padding", "even", "stride 2", "depthwise", "grouped"])
def test_a_batch_norm_becomes_part_of_the_convolution(name):
    options = GEOMETRIES[name]
    network = nn.Sequential(
        nn.Conv2D(3, 8, 1),
        nn.Conv2D(8, 8, 1),
        nn.BatchNorm2D(8),
        nn.Conv2D(8, 8, **options),
        nn.BatchNorm(8, act="relu"),
        nn.Conv2D(8, 8, 1),
        nn.BatchNorm2D(8),
    )
    octave = octavize(settled(network), 0.5, input_size=SIZE)
    octave.eval()
    x = Maps(block=1, size=(21, 30)).of(3)
    expected = octave(x).numpy()
    for layer in octave.sublayers():
        if isinstance(layer, Reparameterizable):
            layer.re_parameterize()
    norms = [layer for layer in octave.sublayers() if isinstance(layer, OctavizedBatchNorm2D)]
    assert len(norms) == 3 and norms[0].high is None and norms[2].high is None
    np.testing.assert_allclose(octave(x).numpy(), expected, rtol=1e-9, atol=1e-9)
