"""Which channels become low: a network keeps what it computes, with its smoothest channels last."""

from __future__ import annotations

import numpy as np
import paddle
import paddleclas.ppcls.arch.backbone as zoo
import pytest
from backbones import settle
from paddle import nn
from paddle.nn import functional as F

from paddleclas_octconv import octavize
from paddleclas_octconv.calibrate.channels import roughness, smoothest_last

SMOOTH = [0, 3, 5]  # channels of the map below


@pytest.fixture(autouse=True)
def seed():
    paddle.seed(1)


def pictures(count=4, side=32):
    return np.random.default_rng(0).normal(size=[count, 3, side, side]).astype("float32")


def values(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


class Mixed(nn.Layer):
    """A map of which some channels are blurred; summed, normed, gated or not."""

    def __init__(self, gated=False):
        super().__init__()
        self.stem = nn.Conv2D(3, 8, 3, padding=1)
        self.made = nn.Conv2D(8, 8, 5, padding=2)
        self.norm = nn.BatchNorm2D(8)
        self.each = nn.Conv2D(8, 8, 3, padding=1, groups=8)
        self.more = nn.Conv2D(8, 8, 1)
        self.last = nn.Conv2D(8, 6, 3, padding=1)
        self.gate = paddle.linspace(0.5, 2, 8).reshape([1, 8, 1, 1]) if gated else None
        kernel = self.made.weight.numpy()
        kernel[SMOOTH] = np.abs(kernel[SMOOTH]).mean()
        self.made.weight.set_value(kernel)
        impulse = np.zeros(self.each.weight.shape, "float32")
        impulse[:, :, 1, 1] = 1
        self.each.weight.set_value(impulse)
        for conv in (self.more, self.last):
            conv.weight.set_value(paddle.full_like(conv.weight, 0.1))
        self.more.weight.set_value(0 * self.more.weight)
        settle(self, paddle.to_tensor(pictures()))
        self.norm.weight.set_value(paddle.linspace(1, 1.1, 8))

    def forward(self, x):
        y = F.relu(self.norm(self.made(self.stem(x))))
        y = self.each(y) + self.more(y)
        if self.gate is not None:
            y = y * self.gate
        return self.last(y)


def test_smooth_channels_are_last_and_all_else_stays():
    network, x = Mixed(), pictures()
    network.eval()
    before, said = values(network), network(paddle.to_tensor(x)).numpy()
    with smoothest_last(network, x):
        inside = values(network)
        np.testing.assert_allclose(network(paddle.to_tensor(x)).numpy(), said, atol=1e-5)
    places = [int(np.ptp(kernel) > 0) for kernel in inside["made.weight"][:, 0]]
    assert places == [1] * 5 + [0] * 3
    # Every layer of the map has the order that the first one has.
    order = np.searchsorted(before["norm.weight"], inside["norm.weight"])
    assert sorted(order) == list(range(8)) and sorted(order[5:]) == SMOOTH
    for key in ("made.weight", "made.bias", "norm.bias", "norm._mean", "norm._variance"):
        np.testing.assert_array_equal(inside[key], before[key][order])
    np.testing.assert_array_equal(inside["each.weight"], before["each.weight"][order])
    np.testing.assert_array_equal(inside["last.weight"], before["last.weight"][:, order])
    for key, value in values(network).items():
        np.testing.assert_array_equal(value, before[key])


def test_a_channel_that_is_hardly_read_may_be_rough():
    network, x = Mixed(), pictures()
    kernel = network.last.weight.numpy()
    kernel[:, [1, 2]] = 1e-6
    network.last.weight.set_value(kernel)
    network.eval()
    with smoothest_last(network, x):
        read = network.last.weight.numpy()[0, :, 0, 0]
    assert (read[-2:] < 1e-5).all() and (read[:-2] > 0.05).all()


def test_a_map_with_an_order_of_its_own_keeps_it():
    network, x = Mixed(gated=True), pictures()
    network.eval()
    before, said = values(network), network(paddle.to_tensor(x)).numpy()
    with smoothest_last(network, x):
        np.testing.assert_array_equal(values(network)["made.weight"], before["made.weight"])
        np.testing.assert_allclose(network(paddle.to_tensor(x)).numpy(), said, atol=1e-5)


def test_with_the_channels_last_they_come_in_the_same_order():
    """The second convolution needs five pixels in both directions: three are the channels."""
    x, found = pictures(), {}
    for data_format in ("NCHW", "NHWC"):
        paddle.seed(2)
        sizes = ((3, 8, 3), (8, 8, 5), (8, 6, 3))
        network = nn.Sequential(*(nn.Conv2D(*size, data_format=data_format) for size in sizes))
        network.eval()
        before = values(network)
        with smoothest_last(network, x if data_format == "NCHW" else x.transpose(0, 2, 3, 1)):
            found[data_format] = values(network)
        assert not np.array_equal(found[data_format]["1.weight"], before["1.weight"])
    for key, value in found["NCHW"].items():
        np.testing.assert_array_equal(found["NHWC"][key], value)


class InPart(nn.Layer):
    """A map of which one convolution reads a half, and a batch norm normalises another."""

    def __init__(self):
        super().__init__()
        self.stem, self.made = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2D(4)
        self.half, self.whole = nn.Conv2D(4, 6, 1), nn.Conv2D(8, 6, 1)

    def forward(self, x):
        y = F.relu(self.made(self.stem(x)))
        first, second = y[:, :4], y[:, 4:]
        return self.half(first) + self.half(self.norm(second)) + self.whole(y)


def test_a_map_that_is_read_in_part_keeps_its_order():
    network, x = InPart(), pictures()
    settle(network, paddle.to_tensor(x))
    network.eval()
    before, said = values(network), network(paddle.to_tensor(x)).numpy()
    with smoothest_last(network, x):
        np.testing.assert_array_equal(values(network)["made.weight"], before["made.weight"])
        np.testing.assert_allclose(network(paddle.to_tensor(x)).numpy(), said, atol=1e-5)


def test_what_fails_meanwhile_gives_the_network_back():
    network, x = Mixed(), pictures()
    network.eval()
    before = values(network)
    with pytest.raises(ZeroDivisionError), smoothest_last(network, x):
        raise ZeroDivisionError
    for key, value in values(network).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    "name, moved",
    [
        ("MobileNetV1_x0_25", 12),
        ("MobileNetV2_x0_25", 20),
        ("ResNet18_vd", 10),
        ("ShuffleNetV2_x0_25", 10),
        ("PPLCNet_x0_25", 5),
        ("DenseNet121", 20),
    ],
)
def test_networks_of_paddleclas_compute_the_same(name, moved):
    network, x = getattr(zoo, name)(class_num=10), pictures(side=64)
    settle(network, paddle.to_tensor(x))
    network.eval()
    before, said = values(network), network(paddle.to_tensor(x)).numpy()
    with smoothest_last(network, x):
        inside = values(network)
        got = network(paddle.to_tensor(x)).numpy()
    np.testing.assert_allclose(got, said, atol=1e-4 * np.ptp(said))
    makers = [key for key in inside if inside[key].ndim == 4 and inside[key].shape[1] > 1]
    changed = [key for key in makers if not np.array_equal(inside[key], before[key])]
    assert len(changed) >= moved


def test_octave_networks_that_are_solved_have_them_low():
    network, x = Mixed(), pictures(64)
    before = network.made.weight.numpy()
    order = np.argsort([np.ptp(kernel) == 0 for kernel in before[:, 0]], kind="stable")
    assert sorted(order[5:]) == SMOOTH
    expected = network(paddle.to_tensor(x)).numpy()
    octavize(network, 3 / 8, input_size=32, calibrate=x)
    low = network.norm.low.weight.numpy()
    np.testing.assert_allclose(sorted(low), np.linspace(1, 1.1, 8)[SMOOTH], rtol=1e-6)
    network.eval()
    assert np.abs(network(paddle.to_tensor(x)).numpy() - expected).mean() < 0.5 * np.ptp(expected)


def test_roughness_is_what_2x2_averages_lose():
    rows, columns = np.mgrid[:6, :8]
    maps = np.stack([rows % 2, columns % 2, (rows + columns) % 2, rows // 2, 0 * rows])
    x = paddle.to_tensor(np.stack([maps, 2 * maps]).astype("float32"))
    expected = 48 * np.array([1, 1, 1, 0, 0]) * (1 + 4) / 4
    np.testing.assert_allclose(roughness(x, "NCHW"), expected)
    np.testing.assert_allclose(roughness(x.transpose([0, 2, 3, 1]), "NHWC"), expected)
    odd = paddle.nn.functional.pad(x, [0, 1, 0, 1], value=9.0)  # beyond the last whole average
    np.testing.assert_allclose(roughness(odd, "NCHW"), expected)
