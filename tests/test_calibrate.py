"""Octave networks solved from trained ones: what they compute, and what is left as it was."""

from __future__ import annotations

import copy
import inspect
import platform
import resource
import threading
from pathlib import Path

import numpy as np
import paddle
import pytest
from backbones import settle, twin, zoo
from paddle import nn

import paddleclas_octconv
from paddleclas_octconv.calibrate import calibrate, equations, lanes, octavize
from paddleclas_octconv.calibrate import network as walk
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import OctConv2D
from paddleclas_octconv.octavizer.network import octavize as cut


def pictures(count=16, side=16, channels=3, seed=1):
    """Images in which neighbours are alike, as in photographs."""
    rng = np.random.default_rng(seed)
    coarse = paddle.to_tensor(rng.normal(size=(count, channels, side // 4, side // 4)))
    smooth = nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic").numpy()
    return (smooth + 0.1 * rng.normal(size=smooth.shape)).astype(np.float32)


class Chain(nn.Layer):
    """Convolutions in a row; ``tested`` is one of them."""

    def __init__(self, **options):
        super().__init__()
        self.stem = nn.Conv2D(3, 8, 3, padding=1)
        self.first = nn.Conv2D(8, 8, 3, padding=1, bias_attr=False)
        self.norm = nn.BatchNorm2D(8)
        self.tested = nn.Conv2D(8, 8, **options)

    def forward(self, x):
        x = self.norm(self.first(nn.functional.relu(self.stem(x))))
        return self.tested(nn.functional.relu(x)).mean([2, 3])


def chain(**options):
    paddle.seed(3)
    network = Chain(**options)
    settle(network, paddle.to_tensor(pictures()))
    network.eval()
    return network.to(dtype="float64") or network


def seen(layer, network, x):
    """What a layer takes and gives while a network runs."""
    calls = []
    hook = layer.register_forward_post_hook(lambda _, given, got: calls.append((given[0], got)))
    with paddle.no_grad():
        network(paddle.to_tensor(x, dtype="float64"))
    hook.remove()
    return calls


def output(network, x):
    network.eval()
    with paddle.no_grad():
        return network(paddle.to_tensor(x, dtype=network.parameters()[0].dtype)).numpy()


def error(network, expected, x):
    return np.abs(output(network, x) - expected).max() / np.abs(expected).max()


# Least squares


def least_squares(layer, start, given, wanted):
    """The parameters of a layer nearest to what is wanted, by probing it with each of them alone.

    Nothing of the package's own equations: the columns are what the layer computes.
    """

    def run(values):
        layer.set_state_dict(values)
        with paddle.no_grad():
            got = layer(given)
        return [got.high.numpy().ravel(), got.low.numpy().ravel()]

    zero = {key: np.zeros_like(value) for key, value in start.items()}
    solved = {key: value.copy() for key, value in start.items()}
    for frequency, paths in enumerate((("hh", "lh"), ("ll", "hl"))):
        places = [
            (key, index)
            for key in start
            if key.partition(".")[0] in paths
            for index in np.ndindex(start[key].shape)
        ]
        columns = []
        for key, index in places:
            probe = {**zero, key: zero[key].copy()}
            probe[key][index] = 1
            columns.append(run(probe)[frequency])
        matrix = np.stack(columns, axis=1)
        # One output channel has one set of unknowns, and one penalty.
        owners = np.array([index[0] for _, index in places])
        begin = np.array([start[key][index] for key, index in places])
        for owner in set(owners):
            mine = owners == owner
            rows = (matrix[:, mine] != 0).any(1)
            weights = np.array([key.endswith("weight") for key, _ in places])[mine]
            penalty = 1e-3 * (matrix[rows][:, mine][:, weights] ** 2).sum(0).mean() * weights
            stacked = np.vstack([matrix[:, mine], np.diag(np.sqrt(penalty))])
            rest = wanted[frequency] - matrix[:, mine] @ begin[mine]
            rest[~rows] = 0
            change = np.linalg.lstsq(stacked, np.append(rest, 0 * penalty), rcond=None)[0]
            for (key, index), value in zip(
                [place for place, is_mine in zip(places, mine) if is_mine], begin[mine] + change
            ):
                solved[key][index] = value
    return solved


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1, "bias_attr": False},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 3, "padding": 1, "groups": 2},
        {"kernel_size": 3, "padding": 1, "groups": 8},
        {"kernel_size": 3, "padding": 0},
        {"kernel_size": 2, "stride": 2, "bias_attr": False},
    ],
    ids=str,
)
def test_kernels_are_those_of_least_squares(options, monkeypatch):
    monkeypatch.setattr(equations.Equations, "_nearest", lambda *arguments: arguments[-1][0])
    monkeypatch.setattr(equations.Equations, "_ridge", lambda *_: 1e-3)
    x = pictures()
    network = chain(**options)
    vanilla = copy.deepcopy(network)
    with monkeypatch.context() as patch:
        patch.setattr(walk.Fit, "solve", lambda fit: None)
        projected = octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=x)
    start = {key: value.numpy() for key, value in projected.tested.state_dict().items()}
    octavize(network, 0.5, input_size=16, calibrate=x)
    solved = {key: value.numpy() for key, value in network.tested.state_dict().items()}
    ((given, _),) = seen(network.tested, network, x)
    ((_, target),) = seen(vanilla.tested, vanilla, x)
    half = nn.functional.avg_pool2d(target, 2, 2, ceil_mode=True)
    order = network.tested.layout_out.order
    high = network.tested.layout_out.high
    wanted = [target.numpy()[:, order[:high]].ravel(), half.numpy()[:, order[high:]].ravel()]
    expected = least_squares(projected.tested, start, given, wanted)
    assert set(solved) == set(expected)
    for key, value in solved.items():
        np.testing.assert_allclose(value, expected[key], atol=1e-7, err_msg=key)
    assert any(np.abs(solved[key] - start[key]).max() > 1e-3 for key in solved)


@pytest.mark.parametrize("name, alpha", [("ShuffleNetV2_x0_25", 0.25), ("SqueezeNet1_0", 0.5)])
def test_nearer_to_the_vanilla_network_than_cut_kernels(name, alpha):
    x, unseen = pictures(64, side=64), pictures(side=64, seed=2)
    with paddle.utils.unique_name.guard():
        paddle.seed(0)
        network = getattr(zoo, name)(class_num=10)
    settle(network, paddle.to_tensor(x))
    expected = output(network, unseen)
    before = error(cut(copy.deepcopy(network), alpha), expected, unseen)
    after = error(octavize(network, alpha, calibrate=x), expected, unseen)
    assert after < 0.6 * before


def centre(network):
    """Kernels of which only the centre is not zero keep a constant image constant."""
    for value in network.state_dict().values():
        if value.ndim == 4 and value.shape[2] > 1:
            kernel = value.numpy()
            kept = np.zeros_like(kernel)
            row, column = (side // 2 for side in kernel.shape[2:])
            kept[:, :, row, column] = kernel.sum((2, 3))
            value.set_value(kept)


@pytest.mark.parametrize("samples", [10, 40, 160])
@pytest.mark.parametrize("nearest", [0, 1])
def test_few_samples_make_it_no_worse_than_either_start(samples, nearest):
    """By the error on the population, with half of the targets noise."""
    rng = np.random.default_rng(samples)
    ratios = []
    for _ in range(20):
        true = rng.normal(size=[1, 80, 8])
        starts = [true + scale * rng.normal(size=true.shape) for scale in (0.1, 1.0)]
        starts = starts[:: 1 - 2 * nearest]
        problem = equations.Equations(1, 80, 8)
        for half in (0, 1):
            rows = rng.normal(size=[1, samples, 80])
            noise = np.sqrt(80) * rng.normal(size=[1, samples, 8])
            problem.add(rows, rows @ true + noise, half)
        solved = problem.solve(starts)
        lost = [80 + np.square(each - true).sum() / 8 for each in (solved, *starts)]
        ratios.append(lost[0] / min(lost[1:]))
    assert np.mean(ratios) < 1.02


@pytest.mark.parametrize("name", ["MobileNetV3_small_x0_35", "ShuffleNetV2_x0_25"])
def test_exact_where_the_vanilla_maps_are_constant(name):
    with paddle.utils.unique_name.guard():
        network = getattr(zoo, name)(class_num=10)
    x = pictures(side=4)[:, :, :1, :1].repeat(64, 2).repeat(64, 3)
    settle(network, paddle.to_tensor(x))
    centre(network)
    expected = output(network, x)
    octavize(network, 0.5, calibrate=x)
    assert np.ptp(expected) > 1e-4
    assert error(network, expected, x) < 1e-4


class Blocks(nn.Layer):
    """1x1 convolutions keep a map constant over blocks; ``tested`` sees it in two frequencies."""

    def __init__(self, stride):
        super().__init__()
        self.stem, self.middle = nn.Conv2D(3, 8, 1), nn.Conv2D(8, 8, 1)
        self.tested = nn.Conv2D(8, 8, 3, stride=stride, padding=1)

    def forward(self, x):
        return self.tested(self.middle(self.stem(x)))


@pytest.mark.parametrize("stride, keeps", [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("solved", [False, True])
def test_exact_where_the_input_is_constant_over_blocks(stride, keeps, solved, monkeypatch):
    vanilla = Blocks(stride)
    vanilla.to(dtype="float64")
    x = pictures().repeat(4, 2).repeat(4, 3)
    if not solved:
        monkeypatch.setattr(walk.Fit, "solve", lambda fit: None)
    octave = octavize(copy.deepcopy(vanilla), 0.5, calibrate=x, keep_stride=keeps)
    ((_, wanted),) = seen(vanilla.tested, vanilla, x)
    ((_, got),) = seen(octave.tested, octave, x)
    half = nn.functional.avg_pool2d(wanted, 2, 2).numpy()
    np.testing.assert_allclose(got.low.numpy(), half[:, 4:], atol=1e-6)
    if stride == 2:
        np.testing.assert_allclose(got.high.numpy(), wanted.numpy()[:, :4], atol=1e-6)
    elif not solved:  # at stride 1 what comes of the low map is constant over 2x2: the mean
        pooled = nn.functional.avg_pool2d(got.high, 2, 2).numpy()
        np.testing.assert_allclose(pooled, half[:, :4], atol=1e-6)


@pytest.mark.parametrize(
    "side, there, needed",
    [
        (16, 1000, 625),  # 20,000 samples, of which one map gives 16 * 16 / 8
        (16, 300, 300),
        (3, 30000, 20000),
        (128, 1000, 64),  # ten would do, but are all too alike
        (128, 20, 20),
    ],
)
def test_a_layer_is_solved_on_as_many_images_as_it_needs(side, there, needed):
    vanilla = chain(kernel_size=3, padding=1)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    fit = walk.Fit(octave.tested, vanilla.tested, walk.SAME_ORDER, (0, 0))
    assert fit.needed(paddle.zeros([1, 8, side, side]), there) == needed


def test_a_large_kernel_is_solved_on_ten_samples_for_each_of_its_numbers(monkeypatch):
    monkeypatch.setattr("paddleclas_octconv.calibrate.layer.LEAST_SAMPLES", 1)
    vanilla = chain(kernel_size=3, padding=1)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    fit = walk.Fit(octave.tested, vanilla.tested, walk.SAME_ORDER, (0, 0))
    numbers = 9 * 8  # that an output sees
    assert fit.needed(paddle.zeros([1, 8, 3, 3]), 30000) == 10 * numbers
    assert fit.needed(paddle.zeros([1, 8, 4, 6]), 30000) == 10 * numbers / (4 * 6 / 8)


# Networks written by hand


def test_a_network_written_by_hand_from_its_twin():
    name = "OctMobileNetV1_x0_25"
    x, unseen = pictures(48, 64), pictures(side=64, seed=2)
    vanilla, octave = twin(name), getattr(zoo, name)(class_num=10, alpha=0.25)
    settle(vanilla, paddle.to_tensor(x))
    expected = output(vanilla, unseen)
    octave.set_state_dict(vanilla.state_dict())
    before = error(octave, expected, unseen)
    octave = getattr(zoo, name)(class_num=10, alpha=0.25)  # not a weight of the twin's yet
    assert calibrate(octave, vanilla, x) is octave
    assert error(octave, expected, unseen) < 0.7 * before


def test_convolutions_that_are_the_vanilla_ones_keep_its_kernels():
    name = "OctMobileNetV1_x0_25"  # its last stage is plain, which averages at stride 2 by design
    vanilla, x = twin(name), pictures(48, 64)
    settle(vanilla, paddle.to_tensor(x))
    for keeps in (False, True):
        octave = getattr(zoo, name)(class_num=10, alpha=0.25, keep_stride=keeps)
        calibrate(octave, vanilla, x)
        kernel = octave.blocks[11].depthwise_conv.conv.hh.weight.numpy()
        expected = vanilla.state_dict()["blocks.11.depthwise_conv.conv.weight"].numpy()
        assert np.array_equal(np.sort(kernel, axis=None), np.sort(expected, axis=None)) == keeps


# One pass, the same result


class Twice(nn.Layer):
    """A convolution called twice, a branch, and convolutions that some frameworks call sooner."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2D(3, 8, 3, padding=1)
        self.shared = nn.Conv2D(8, 8, 3, padding=1)
        self.side = nn.Conv2D(8, 8, 1)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.linear = nn.Linear(8, 4)

    def forward(self, x):
        x = nn.functional.relu(self.stem(x))
        y = nn.functional.relu(self.shared(x))
        y = self.shared(y) + self.side(x)
        return self.linear(self.pool(y).flatten(1))


def test_a_convolution_called_twice():
    paddle.seed(5)
    network, x = Twice(), pictures(32)
    expected = output(network, x)
    before = error(cut(copy.deepcopy(network), 0.5, input_size=16), expected, x)
    octavize(network, 0.5, input_size=16, calibrate=x)
    assert error(network, expected, x) < 0.8 * before


def test_each_network_runs_once(monkeypatch):
    paddle.seed(5)
    vanilla, x = Twice(), pictures(40)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    passed = {"octave": 0, "vanilla": 0}

    def count(name):
        def hook(layer, given, got):
            passed[name] += len(got)

        return hook

    octave.stem.register_forward_post_hook(count("octave"))
    vanilla.stem.register_forward_post_hook(count("vanilla"))
    monkeypatch.setattr(walk, "PIECE", 16)
    with walk.smoothest_last(vanilla, x):  # asks more of the vanilla one, whatever its depth
        pass
    before = passed["vanilla"]
    calibrate(octave, vanilla, x)
    # One image more finds out in which order the octave network calls its convolutions.
    assert passed["octave"] == len(x) + 1
    assert passed["vanilla"] - 2 * before == len(x)


def resident():
    """Bytes of memory that this process has of the system."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="keeps no memory of threads")
def test_what_a_lane_has_freed_goes_back_to_the_system():
    before, last = resident(), []

    def run():
        blocks = [np.ones(1 << 13) for _ in range(2000)]
        last.append(blocks.pop())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert resident() - before > 100e6  # which the last block holds
    lanes.give_back()
    assert resident() - before < 20e6


def weights(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def test_neither_batches_nor_pieces_matter(monkeypatch):
    monkeypatch.setattr("paddleclas_octconv.calibrate.layer.LEAST_SAMPLES", 500)
    monkeypatch.setattr("paddleclas_octconv.calibrate.layer.SAMPLES", 1)
    halves = []
    solve = equations.Equations.solve
    monkeypatch.setattr(
        equations.Equations,
        "solve",
        lambda self, starts: halves.append(self._many.gram[0]) or solve(self, starts),
    )
    x = pictures(40)
    network = chain(kernel_size=3, padding=1)
    whole = weights(octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=x))
    again = weights(octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=x))
    monkeypatch.setattr(walk, "PIECE", 13)  # the last piece is one image
    batches = ([paddle.to_tensor(x[i : i + 9]), np.zeros(9)] for i in range(0, 40, 9))
    pieces = weights(octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=batches))
    other = weights(octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=x, seed=1))
    for key, value in whole.items():
        np.testing.assert_array_equal(again[key], value)
        np.testing.assert_allclose(pieces[key], value, atol=1e-9)
    runs = np.array_split(np.arange(len(halves)), 4)
    for first, third in zip(runs[0], runs[2]):
        np.testing.assert_allclose(halves[first], halves[third], rtol=1e-9, atol=1e-6)
    assert any(np.abs(other[key] - whole[key]).max() > 1e-6 for key in whole)


def test_what_the_user_has_stays_as_it_was():
    x, vanilla = pictures(), chain(kernel_size=3, padding=1)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    vanilla.norm.train()
    octave.train()
    before = weights(vanilla)
    paddle.seed(7)
    expected = paddle.rand([3]).numpy()
    paddle.seed(7)
    told = []
    calibrate(octave, vanilla, x, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    assert octave.training and vanilla.norm.training and not vanilla.training
    for key, value in before.items():
        np.testing.assert_array_equal(weights(vanilla)[key], value)
    assert "forward" not in vars(vanilla.tested) and "forward" not in vars(octave.tested)
    np.testing.assert_array_equal(paddle.rand([3]).numpy(), expected)


def test_nothing_but_the_images_is_needed():
    assert "calibrate" in inspect.signature(paddleclas_octconv.octavize).parameters
    network = chain(kernel_size=3, padding=1)
    with pytest.raises(OctConvError, match="stem"):
        octavize(network, 0.5, stem=-1, calibrate=pictures())
    octavize(network, 0, calibrate=pictures())
    assert not any(isinstance(layer, OctConv2D) for layer in network.sublayers())


# What least squares cannot say


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e18, 1e30])
def test_systems_that_say_nothing_end_in_the_projected_kernel(scale, monkeypatch):
    network = chain(kernel_size=3, padding=1)
    network.to(dtype="float32")
    network.stem.bias.set_value(np.full([8], -1e-3, np.float32))  # zeros at scale 0
    x = pictures() * np.float32(scale)
    with monkeypatch.context() as patch:
        patch.setattr(walk.Fit, "solve", lambda fit: None)
        projected = weights(octavize(copy.deepcopy(network), 0.5, input_size=16, calibrate=x))
    solved = weights(octavize(network, 0.5, input_size=16, calibrate=x))
    for key, value in solved.items():
        assert np.isfinite(value).all(), key
        if scale in (0.0, 1e30) and key.startswith("first"):
            np.testing.assert_array_equal(value, projected[key])


# Bad input


@pytest.mark.parametrize(
    "images, says",
    [
        ([], "at least 16 images"),
        (np.zeros([0, 3, 16, 16], np.float32), "at least 16 images"),
        (pictures(15), "at least 16 images.*got 15"),
        (pictures()[0], "(N, C, H, W)"),
        (np.zeros([16, 3, 16, 0], np.float32), "(N, C, H, W)"),
        (5, "(N, C, H, W).*int"),
        ([pictures(8), pictures(8, side=8)], "several shapes"),
        (pictures().astype(np.int64), "floating-point"),
        (np.where(np.arange(16).reshape(-1, 1, 1, 1) == 3, np.nan, pictures()), "image 3"),
        (pictures(channels=4), "Chain cannot be calibrated"),
        (["cat.jpg"] * 16, "(N, C, H, W)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_images_that_are_none(images, says):
    network = chain(kernel_size=3, padding=1)
    before, kind = weights(network), type(network)
    with pytest.raises(OctConvError) as raised:
        octavize(network, 0.5, input_size=16, calibrate=images)
    message = str(raised.value)
    assert "\n" not in message
    for part in says.split(".*"):
        assert part in message
    assert type(network) is kind and set(before) == set(weights(network))


def test_weights_that_are_no_numbers():
    network = chain(kernel_size=3, padding=1)
    network.tested.weight.set_value(network.tested.weight * float("nan"))
    with pytest.raises(OctConvError, match="tested.weight of the vanilla network is not finite"):
        octavize(network, 0.5, input_size=16, calibrate=pictures())


@pytest.mark.parametrize("seed", [-1, 0.5, None, True])
def test_seeds_that_are_none(seed):
    with pytest.raises(OctConvError, match="seed must be a whole number from 0"):
        octavize(chain(kernel_size=1), 0.5, input_size=16, calibrate=pictures(), seed=seed)


def test_networks_that_are_no_twins():
    x, vanilla = pictures(), chain(kernel_size=3, padding=1)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    before = weights(octave)
    for other, says in (
        (chain(kernel_size=5, padding=2), "tested.weight is"),
        (octave, "Chain itself"),
        (twin("OctMobileNetV1_x0_25"), "missing"),
    ):
        with pytest.raises(OctConvError, match=says):
            calibrate(octave, other, x)
    with pytest.raises(OctConvError, match="takes an octave network"):
        calibrate(vanilla, vanilla, x)
    for key, value in before.items():
        np.testing.assert_array_equal(weights(octave)[key], value)


def test_an_error_on_the_way_gives_the_weights_back():
    x, vanilla = pictures(), chain(kernel_size=3, padding=1)
    octave = cut(copy.deepcopy(vanilla), 0.5, input_size=16)
    before = weights(octave)

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(octave, vanilla, x, progress=stop)
    for key, value in before.items():
        np.testing.assert_array_equal(weights(octave)[key], value)
    assert "forward" not in vars(octave.tested)
    output(octave, x)
