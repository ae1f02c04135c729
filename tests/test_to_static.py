"""A method becomes part of a program once for all layers of a class, each with its own self;
nothing is looked up, or noted, for each layer anew."""

from __future__ import annotations

import contextlib

import numpy as np
import paddle
import pytest
from backbones import images  # with PaddleClas, what is replaced in Paddle is
from paddle import nn
from paddle.jit.dy2static import convert_call_func
from paddle.jit.dy2static.program_translator import FunctionCache
from paddle.nn.layer import layers

from paddleclas_octconv.common import machine


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


def program_of(network: nn.Layer):
    """What ``to_static`` makes of a network for images of 8x6."""
    spec = paddle.static.InputSpec([2, 3, 8, 6], "float32")
    made = paddle.jit.to_static(network, input_spec=[spec], full_graph=True)
    return made.forward.concrete_program.main_program


since_paddle_3 = pytest.mark.skipif(
    not machine.paddle_writes_pir(), reason="Paddle 2 is left as it is"
)


@since_paddle_3
def test_a_function_is_looked_for_among_those_of_numpy_once(monkeypatch):
    looked = []
    find = convert_call_func.get_module_functions
    monkeypatch.setattr(
        convert_call_func, "get_module_functions", lambda module: looked.append(1) or find(module)
    )
    program_of(nn.Sequential(Scaled(2, True), Other(3, False)))
    looked.clear()
    program_of(nn.Sequential(Scaled(5, True), Other(7, True), Scaled(11, False)))
    assert looked == []


def test_what_numpy_has_is_left_as_it_is():
    assert convert_call_func.is_unsupported(np.stack) is True
    assert convert_call_func.is_unsupported(nn.Conv2D(3, 3, 3)) is True  # Paddle's own
    assert convert_call_func.is_unsupported(Scaled(2, True)) is False
    assert convert_call_func.is_unsupported(Scaled(2, True).scale) is False


@since_paddle_3
def test_operators_do_not_name_their_layers():
    """Paddle lists the whole program after each layer for that."""
    operators = program_of(nn.Sequential(Scaled(2, True), Scaled(3, False))).global_block().ops
    assert len(operators) > 5
    assert not any(operator.has_attr("struct_name") for operator in operators)
    assert layers.name_struct is contextlib.nullcontext
