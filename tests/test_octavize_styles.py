"""``octavize``: ways of writing a forward, in Python and in a program."""

from __future__ import annotations

import functools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddleclas_octconv import octavize
from paddleclas_octconv.common.errors import OctConvError

SIZE = 48


class Net(nn.Layer):
    """A stem, two maps of half the size, and a head; ``middle`` is what the tests are about."""

    def __init__(self, kernel=3):
        super().__init__()

        def conv(channels, out, stride=1):
            return nn.Conv2D(channels, out, kernel, stride=stride, padding=kernel // 2)

        self.stem, self.first, self.second = conv(3, 8, 2), conv(8, 16), conv(16, 16)
        self.last, self.fc = conv(16, 16, 2), nn.Linear(16, 4)

    def middle(self, x):
        return self.second(x)

    def forward(self, x):
        x = self.middle(self.first(self.stem(x)))
        return self.fc(self.last(x).mean([2, 3]))


class InPlace(Net):
    def middle(self, x):
        y = self.second(x)
        y.add_(x)
        F.relu_(y)
        y *= 2
        return y.scale_(0.5)


class ByIndex(Net):
    def middle(self, x):
        y = self.second(x)
        y[:, 4:8] = x[:, 4:8]
        y[:, :4] = 0.0
        return y


class ByMask(Net):
    def middle(self, x):
        y = F.relu(self.second(x))
        y[y == 0] = 0.5
        y[y != y] = 7.0
        same = paddle.equal(x, x).astype(x.dtype)
        return y + same - paddle.not_equal(x, x).astype(x.dtype)


class OfItsParent(Net):
    def forward(self, x):
        return F.softmax(super().forward(x))


class OfItsParentInside(Net):
    """The same in a layer of the network."""

    class Scaled(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 2

    def __init__(self, kernel=3):
        super().__init__(kernel)
        self.second = self.Scaled(self.second, nn.ReLU())


def rectified(method):
    @functools.wraps(method)
    def inner(self, *args):
        return F.relu(method(self, *args))

    return inner


class Decorated(Net):
    @rectified
    def middle(self, x):
        return self.second(x)


class OfMany(Net):
    def forward(self, x, scale=1.0, *, shift=0.0):
        return super().forward(x) * scale + shift


class Hooked(Net):
    def __init__(self, kernel=3):
        super().__init__(kernel)
        self.second.register_forward_pre_hook(lambda layer, inputs: (F.relu(inputs[0]),))
        self.second.register_forward_post_hook(lambda layer, inputs, y: F.relu(y) + inputs[0])


class Recomputed(Net):
    def middle(self, x):
        from paddle.distributed.fleet.utils import recompute

        return recompute(self.second, x) if self.training else self.second(x)


STYLES = [
    InPlace,
    ByIndex,
    ByMask,
    OfItsParent,
    OfItsParentInside,
    Decorated,
    OfMany,
    Hooked,
    Recomputed,
]


def make(style, **options) -> nn.Layer:
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        return style(**options)


@pytest.mark.parametrize("style", STYLES)
def test_every_convolution_behind_the_stem_becomes_octave(style):
    network = octavize(make(style), input_size=SIZE)
    assert network.octave_report.octave == 3, network.octave_report


@pytest.mark.parametrize("style", STYLES)
def test_a_constant_image_gives_what_the_vanilla_network_gives(style):
    """Kernels of one pixel, so that there are no borders."""
    for value in (0.7, -0.4):
        x = paddle.full([1, 3, SIZE, SIZE], value)
        wanted = make(style, kernel=1)(x)
        found = octavize(make(style, kernel=1), input_size=SIZE)(x)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-6)


def export(network: nn.Layer, path: str):
    """The program that Paddle makes of a network."""
    network.eval()
    spec = paddle.static.InputSpec([None, 3, SIZE, SIZE])
    paddle.jit.save(paddle.jit.to_static(network, input_spec=[spec]), path)
    return paddle.jit.load(path)


@pytest.mark.parametrize("style", STYLES)
def test_a_program_computes_the_same(style, tmp_path):
    try:
        export(make(style), str(tmp_path / "vanilla"))
    except Exception as error:  # Paddle 2.6 takes no super()
        pytest.skip(f"Paddle makes no program of the vanilla network: {type(error).__name__}")
    network = octavize(make(style), input_size=SIZE)
    network.eval()
    x = paddle.rand([2, 3, SIZE, SIZE])
    wanted = network(x)
    found = export(network, str(tmp_path / "model"))(x)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-6)


def test_hooks_of_a_network_that_cannot_be_octavised_stay_its_own():
    network = make(Hooked)
    hooks = dict(network.second._forward_post_hooks)
    with pytest.raises(OctConvError):
        octavize(network, input_size=SIZE, plain="*")
    assert network.second._forward_post_hooks == hooks


@pytest.mark.parametrize("style", STYLES)
def test_it_learns(style):
    network = octavize(make(style), input_size=SIZE)
    network(paddle.rand([2, 3, SIZE, SIZE])).square().sum().backward()
    weights = {key: p for key, p in network.named_parameters() if key.endswith("weight")}
    assert sum(".hl." in key for key in weights) == 3
    assert all(float(p.grad.abs().max()) > 0 for p in weights.values())


def test_in_place_leaves_maps_that_share_its_branches():
    class Kept(Net):
        def middle(self, x):
            y = self.second(x)
            z = y.clone()
            y.add_(x)
            return z - y + x  # nothing, as z is what y was

    network = octavize(make(Kept), input_size=SIZE)
    features = []
    network.last.register_forward_pre_hook(lambda layer, inputs: features.append(inputs[0]))
    network(paddle.rand([1, 3, SIZE, SIZE]))
    assert float(features[0].high.abs().max()) < 1e-5 > float(features[0].low.abs().max())


class Rectified(nn.BatchNorm2D):
    """A batch norm with a forward of its own, as PaddleClas's MetaBN has."""

    def forward(self, x):
        return F.relu(super().forward(x))


class OwnNorm(Net):
    def __init__(self):
        super().__init__(kernel=1)
        self.norm, self.flat = Rectified(16), nn.BatchNorm1D(16)

    def middle(self, x):
        x = self.norm(self.second(x))
        return self.flat(x.flatten(2)).reshape(x.shape)


def test_a_batch_norm_with_a_forward_of_its_own_keeps_it():
    paddle.seed(1)
    network = OwnNorm()
    network.eval()
    image = paddle.ones([2, 3, SIZE, SIZE])
    expected = network(image).numpy()
    octave = octavize(network, input_size=SIZE)
    octave.eval()
    assert octave.octave_report.octave >= 1
    np.testing.assert_allclose(octave(image).numpy(), expected, atol=1e-5)


def test_running_statistics_are_as_they_were():
    network = OwnNorm()
    mean, variance = network.flat._mean, network.flat._variance
    octavize(network, input_size=SIZE)
    assert (mean.numpy() == 0).all() and (variance.numpy() == 1).all()


def test_a_network_of_float64():
    network = nn.Sequential(nn.Conv2D(3, 8, 3), nn.Conv2D(8, 8, 3), nn.BatchNorm2D(8))
    network.to(dtype="float64")
    octave = octavize(nn.Sequential(network, nn.Conv2D(8, 8, 3).to(dtype="float64")), input_size=32)
    assert octave(paddle.ones([2, 3, 32, 32], "float64")).dtype == paddle.float64


SWITCH = 1.0


class Switched(Net):
    def middle(self, x):
        return self.second(x) * SWITCH


def test_what_a_module_has_changed_since_is_known(monkeypatch):
    def output():
        paddle.seed(0)
        net = octavize(Switched(), 0.5, input_size=SIZE)
        net.eval()
        return float(net(paddle.ones([1, 3, SIZE, SIZE])).abs().sum())

    first = output()
    monkeypatch.setitem(globals(), "SWITCH", 0.0)
    assert output() != first
