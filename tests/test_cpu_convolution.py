"""Training's convolutions on a CPU: Paddle's results by other products."""

from __future__ import annotations

import itertools
import sys
import types
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleclas_octconv.patches import cpu_convolution

PADDLE_FORWARD = nn.Conv2D.forward


@pytest.fixture
def installed(monkeypatch):
    """The patch, and a list of what it did itself."""
    monkeypatch.setattr(nn.Conv2D, "forward", PADDLE_FORWARD)  # taken back afterwards
    monkeypatch.delenv(cpu_convolution.SWITCH, raising=False)
    monkeypatch.setattr(cpu_convolution, "LEAST_BATCH", 2)
    cpu_convolution.install.cache_clear()
    cpu_convolution.install()
    done: list = []
    for way in (cpu_convolution._Dense, cpu_convolution._Depthwise):
        apply = way.apply

        def counted(*args, way=way, apply=apply):
            done.append(way)
            return apply(*args)

        monkeypatch.setattr(way, "apply", counted)
    yield done
    cpu_convolution.install.cache_clear()


def _results(forward, layer: nn.Conv2D, image: np.ndarray, gradient: np.ndarray | None):
    """Output, its gradient, and the gradients of input and parameters."""
    x = paddle.to_tensor(image, stop_gradient=False)
    y = forward(layer, x)
    if gradient is None:
        gradient = np.random.RandomState(1).standard_normal(y.shape).astype("float32")
    y.backward(paddle.to_tensor(gradient))
    found = [y.numpy(), gradient, x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]
    layer.clear_gradients()
    return found


SIZES = [(1, 1), (2, 2), (3, 1), (4, 4), (5, 3), (9, 7)]


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, (3, 1), 7])
def test_results_are_those_of_paddle(installed, kernel, depthwise):
    settings = itertools.product([1, 2, (2, 1)], [0, 1, (1, 3)], [1, 2], SIZES, [False, None])
    for stride, padding, dilation, size, bias_attr in settings:
        spans = np.broadcast_to(kernel, 2) * dilation - dilation + 1
        if (np.array(size) + 2 * np.broadcast_to(padding, 2) < spans).any():
            continue
        groups, outputs = (6, 6) if depthwise else (1, 5)
        layer = nn.Conv2D(
            6, outputs, kernel, stride, padding, dilation, groups=groups, bias_attr=bias_attr
        )
        image = np.random.RandomState(0).standard_normal([3, 6, *size]).astype("float32")
        expected = _results(PADDLE_FORWARD, layer, image, None)
        found = _results(nn.Conv2D.forward, layer, image, expected[1])
        for one, other in zip(found, expected):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(1, other.max()))
    way = cpu_convolution._Depthwise if depthwise else cpu_convolution._Dense
    assert installed.count(way) == len(installed) > 10


@pytest.mark.parametrize(
    "options",
    [
        dict(groups=2),
        dict(groups=4, out_channels=8),
        dict(data_format="NHWC"),
        dict(padding="SAME"),
        dict(padding=[0, 1, 0, 1]),
        dict(padding_mode="reflect"),
    ],
)
def test_what_it_does_not_know_is_left_to_paddle(installed, options):
    layer = nn.Conv2D(
        **{"in_channels": 4, "out_channels": 4, "kernel_size": 3, "padding": 1, **options}
    )
    assert paddle.equal_all(
        layer(paddle.ones([2, 4, 4, 4])), PADDLE_FORWARD(layer, paddle.ones([2, 4, 4, 4]))
    )
    assert not installed


def test_large_maps_small_batches_and_mixed_precision_are_left_to_paddle(installed):
    layer = nn.Conv2D(4, 4, 3, padding=1)
    layer(paddle.ones([2, 4, 8, 8]))
    layer(paddle.ones([1, 4, 2, 2]))
    with paddle.amp.auto_cast(dtype="bfloat16"):
        layer(paddle.ones([2, 4, 2, 2]))
    assert not installed
    layer(paddle.ones([2, 4, 2, 2]))
    assert installed


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_bias_is_added_to_paddles_own_convolution_too(installed, monkeypatch, groups):
    layer = nn.Conv2D(4, 8, 3, stride=2, padding=(1, 2), dilation=2, groups=groups)
    layer.bias.set_value(paddle.arange(8, dtype="float32"))
    image = np.random.RandomState(0).standard_normal([2, 4, 40, 33]).astype("float32")
    expected = _results(PADDLE_FORWARD, layer, image, None)
    calls = []
    add = paddle.Tensor.__add__
    monkeypatch.setattr(
        paddle.Tensor, "__add__", lambda x, y: calls.append(list(y.shape)) or add(x, y)
    )
    found = _results(nn.Conv2D.forward, layer, image, expected[1])
    assert calls == [[8, 1, 1]] and not installed
    for one, other in zip(found, expected):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("frozen", ["the kernel", "what comes before"])
def test_what_is_frozen_has_no_gradient(installed, groups, frozen):
    layer = nn.Conv2D(4, 4, 3, padding=1, groups=groups)
    expected = _results(PADDLE_FORWARD, layer, np.ones([2, 4, 2, 2], "float32"), None)
    layer.weight.clear_gradient(False)
    x = paddle.ones([2, 4, 2, 2])
    x.stop_gradient = frozen != "the kernel"
    layer.weight.stop_gradient = frozen == "the kernel"
    layer(x).backward(paddle.to_tensor(expected[1]))
    assert installed
    kept, found = (x, expected[2]) if frozen == "the kernel" else (layer.weight, expected[3])
    assert (layer.weight if kept is x else x).grad is None
    np.testing.assert_allclose(kept.grad.numpy(), found, rtol=1e-4, atol=1e-5)


def test_static_graphs_hold_paddles_convolution(installed, tmp_path):
    net = nn.Sequential(nn.Conv2D(4, 4, 3, padding=1), nn.ReLU())
    x = paddle.ones([2, 4, 2, 2])
    expected = net(x)
    del installed[:]
    static = paddle.jit.to_static(net, full_graph=True)
    np.testing.assert_allclose(static(x).numpy(), expected.numpy(), rtol=1e-5)
    paddle.jit.save(
        net, str(tmp_path / "net"), [paddle.static.InputSpec([None, 4, 2, 2], "float32")]
    )
    assert not installed


def test_the_switch(installed, monkeypatch):
    monkeypatch.setattr(nn.Conv2D, "forward", PADDLE_FORWARD)
    monkeypatch.setenv(cpu_convolution.SWITCH, "0")
    cpu_convolution.install.cache_clear()
    cpu_convolution.install()
    assert nn.Conv2D.forward is PADDLE_FORWARD


def test_views_are_left_as_they_were(installed):
    flag = "FLAGS_use_stride_kernel"
    paddle.set_flags({flag: True})
    nn.Conv2D(4, 4, 3, padding=1)(paddle.ones([2, 4, 2, 2]))
    assert installed
    assert paddle.get_flags(flag) == {flag: True}


@pytest.mark.parametrize("groups", [1, 4])
def test_a_part_of_a_map_that_paddle_views_is_convolved_and_its_gradient_too(installed, groups):
    paddle.set_flags({"FLAGS_use_stride_kernel": True})
    layer = nn.Conv2D(4, 4, 3, padding=1, groups=groups)
    whole = np.random.RandomState(0).standard_normal([3, 8, 3, 2]).astype("float32")

    def results(forward):
        x = paddle.to_tensor(whole, stop_gradient=False)
        first, second = (paddle.slice(x + 0, [1], [start], [start + 4]) for start in (0, 4))
        given = forward(layer, second)
        y = paddle.concat([given[:, :2], forward(layer, first), given[:, 2:]], axis=1)
        (y * paddle.to_tensor(whole)).sum().backward()
        return [y.numpy(), x.grad.numpy(), layer.weight.grad.numpy()]

    expected = results(PADDLE_FORWARD)
    layer.clear_gradients()
    for one, other in zip(results(nn.Conv2D.forward), expected):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert len(installed) == 2


def test_a_training_installs_it(monkeypatch):
    from paddleclas_octconv.child import epochs, images, main, results, setup
    from paddleclas_octconv.config import Config
    from paddleclas_octconv.handover import Handover
    from paddleclas_octconv.patches import (
        paddle_save,
        paddle_workers,
        paddleclas_config,
        paddleclas_download,
    )

    installed = []
    monkeypatch.setattr(cpu_convolution, "install", lambda: installed.append(True))
    for module, name in [
        (paddle_workers, "tell_in_workers"),
        (epochs, "prepare_epochs"),
        (images, "count_unreadable_images"),
        (results, "tell_evaluations"),
        (setup, "explain_setup"),
        (paddle_save, "save_whole_checkpoints"),
        (paddleclas_config, "hand_over"),
        (paddleclas_download, "refuse_archives"),
    ]:
        monkeypatch.setattr(module, name, lambda *args, **kwargs: None)
    for name in ("ppcls", "ppcls.utils"):  # the trainer, which is not on the path here
        stand_in = types.ModuleType(name)
        stand_in.save_load = None
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setattr(main.logging, "raiseExceptions", True)
    for mode, wanted in (("eval", []), ("train", [True])):
        handed = Handover(mode, "", {}, "", allow_non_finite_loss=True, verbose=True)
        main._prepare_engine(handed, Config({}, Path()), None, None)
        assert installed == wanted
