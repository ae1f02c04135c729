"""A method becomes part of a program once for all layers of a class, each with its own self."""

from __future__ import annotations

import numpy as np
import paddle
from backbones import images  # with PaddleClas, what is replaced in Paddle is
from paddle import nn
from paddle.jit.dy2static.program_translator import FunctionCache


class Scaled(nn.Layer):
    def __init__(self, factor: float, turned: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2D(3, 3, 3, padding=1)
        self.factor, self.turned = factor, turned

    def forward(self, x):
        if self.turned:
            x = x.transpose([0, 1, 3, 2])
        return self.scale(self.conv(x))

    def scale(self, x):
        return x * self.factor


class Other(Scaled):
    def scale(self, x):
        return x - self.factor


def test_layers_of_one_class_share_what_is_made_of_its_methods(monkeypatch):
    converted = []
    convert = FunctionCache._convert
    monkeypatch.setattr(
        FunctionCache,
        "_convert",
        lambda cache, function: converted.append(function.__qualname__) or convert(cache, function),
    )
    network = nn.Sequential(Scaled(2, True), Scaled(3, False), Other(5, True), Scaled(7, False))
    x = images(2, 3, 8, 6)
    expected = network(x).numpy()
    for _ in range(2):  # a second program, of the same network
        program = paddle.jit.to_static(
            network,
            input_spec=[paddle.static.InputSpec([2, 3, 8, 6], "float32")],
            full_graph=True,
        )
        np.testing.assert_allclose(program(x).numpy(), expected, rtol=1e-5, atol=1e-6)
    ours = sorted(name for name in converted if "Scaled" in name or "Other" in name)
    assert ours == ["Other.scale", "Scaled.forward", "Scaled.scale"]
