"""Pooling and upsampling by matrix products: their definition, forward and backward."""

from __future__ import annotations

from typing import Callable

import numpy as np
import paddle
import pytest

from paddleclas_octconv.layers import octave
from paddleclas_octconv.layers.octave import plus_up2, pool2, up2_to
from paddleclas_octconv.layers.products import Moves

SERVED = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (4, 5), (5, 4), (7, 7), (14, 14), (15, 17)]
SERVED += [(56, 56), (2, 128), (6, 127), (3, 85), (1, 256)]
LEFT = [(2, 129), (17, 17), (3, 86), (1, 257)]


def random(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).standard_normal(shape).astype("float32")


def halves(height: int, width: int) -> tuple[int, int]:
    return -(-height // 2), -(-width // 2)


def pooled(x: np.ndarray) -> np.ndarray:
    """The mean of what there is of every 2x2 cell, in float64."""
    height, width = halves(*x.shape[2:])
    y = np.zeros([*x.shape[:2], height, width])
    for i in range(height):
        for j in range(width):
            y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((2, 3), "float64")
    return y


def repeated(x: np.ndarray, height: int, width: int) -> np.ndarray:
    return x.repeat(2, 2).repeat(2, 3)[:, :, :height, :width]


def cells(height: int, width: int) -> np.ndarray:
    """How many pixels the cell of each pixel has."""
    rows, columns = (np.minimum(2, size - np.arange(size) // 2 * 2) for size in (height, width))
    return np.outer(rows, columns)


def summed(x: np.ndarray) -> np.ndarray:
    """The sum of every 2x2 cell."""
    counts = cells(*x.shape[2:])[::2, ::2]
    return pooled(x) * counts


@pytest.fixture
def used(monkeypatch) -> list[str]:
    """The products that were made."""
    made: list[str] = []

    def noting(name: str, function: Callable) -> Callable:
        return lambda *arguments: made.append(name) or function(*arguments)

    for name in ("pool2", "up2", "plus_up2"):
        monkeypatch.setattr(Moves, name, noting(name, getattr(Moves, name)))
    return made


@pytest.mark.parametrize("size", [*SERVED, *LEFT])
def test_a_mean_of_four_and_its_gradient(used, size):
    image, gradient = random(2, 3, *size), random(2, 3, *halves(*size))
    x = paddle.to_tensor(image, stop_gradient=False)
    y = pool2(x)
    y.backward(paddle.to_tensor(gradient))
    assert used == ["pool2"] * (size in SERVED)
    np.testing.assert_allclose(y.numpy(), pooled(image), rtol=1e-6, atol=1e-6)
    wanted = repeated(gradient, *size) / cells(*size)
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", [*SERVED, *LEFT])
def test_a_low_pixel_in_every_high_one_and_its_gradient(used, size):
    low, high, gradient = random(2, 3, *halves(*size)), random(2, 3, *size), random(2, 3, *size)
    x = paddle.to_tensor(low, stop_gradient=False)
    y = up2_to(x, paddle.to_tensor(high))
    assert (y.numpy() == repeated(low, *size)).all()
    y.backward(paddle.to_tensor(gradient))
    np.testing.assert_allclose(x.grad.numpy(), summed(gradient), rtol=1e-5, atol=1e-6)
    x = paddle.to_tensor(low, stop_gradient=False)
    z = paddle.to_tensor(high, stop_gradient=False)
    y = plus_up2(z, x)
    y.backward(paddle.to_tensor(gradient))
    assert (y.numpy() == high + repeated(low, *size)).all()
    assert (z.numpy() == high).all() and (z.grad.numpy() == gradient).all()
    np.testing.assert_allclose(x.grad.numpy(), summed(gradient), rtol=1e-5, atol=1e-6)
    assert used == (["up2", "plus_up2"] if size in SERVED else [])


def test_only_a_training_in_float32_on_a_cpu_is_served(used, monkeypatch):
    x = paddle.rand([1, 2, 4, 4])
    pool2(x)  # of no gradient
    x.stop_gradient = False
    with paddle.no_grad():
        pool2(x)
    pool2(x, "NHWC")
    pool2(x.astype("float64"))
    with paddle.amp.auto_cast(level="O1", dtype="bfloat16"):
        pool2(x)
    with monkeypatch.context() as patched:
        patched.setenv("PADDLECLAS_OCTCONV_FAST_CPU", "0")
        pool2(x)
    assert used == []
    pool2(x)
    assert used == ["pool2"]


def test_an_exported_network_has_paddles_own_operators(used):
    class Network(paddle.nn.Layer):
        def forward(self, x):
            return plus_up2(x, pool2(x))

    spec = [paddle.static.InputSpec([None, 3, 8, 8], "float32")]
    network = paddle.jit.to_static(Network(), input_spec=spec, full_graph=True)
    program = str(network.forward.concrete_program.main_program)
    assert used == [] and "pool2d" in program and "nearest" in program and "addmm" not in program


def test_a_network_trains_to_the_same(used, monkeypatch):
    """Its gradients with and without, of an octave network whose last maps are odd."""
    from paddleclas_octconv import registry

    image = paddle.to_tensor(random(4, 3, 96, 96))

    def gradients() -> list[np.ndarray]:
        paddle.seed(1)
        network = registry.build("OctResNet50", class_num=4)
        network.train()
        network(image).square().mean().backward()
        return [p.grad.numpy() for p in network.parameters() if p.grad is not None]

    ours = gradients()
    assert {"pool2", "plus_up2"} <= set(used)
    count = len(used)
    monkeypatch.setattr(octave, "moves_of", lambda *arguments: None)
    theirs = gradients()
    assert len(used) == count and len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        np.testing.assert_allclose(one, other, atol=2e-3 * abs(other).max() + 1e-9)
