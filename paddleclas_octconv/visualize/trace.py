"""The layers that an image passes through, octave layers as one, in the order of the passage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import paddle
from paddle import Tensor, nn

from ..layers import Octave, OctConv2D
from ..layers.norm import OctBatchNorm2D

_OCTAVE = (OctConv2D, OctBatchNorm2D)


@dataclass
class Step:
    """What one layer did. Shapes are (C, H, W) or (C,), without the batch; low: of the low branch.

    name: its path in the network; parameters: with running statistics, and 0 if counted before.
    multiply_adds: of one image, for the high and for the low branch of the output.
    """

    name: str
    kind: str
    high: tuple[int, ...]
    low: tuple[int, ...] | None = None
    parameters: int = 0
    multiply_adds: tuple[int, int] = (0, 0)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [self.high] if self.low is None else [self.high, self.low]

    @property
    def elements(self) -> tuple[int, int]:
        """Numbers in the high and in the low branch of the output."""
        return math.prod(self.high), 0 if self.low is None else math.prod(self.low)


def trace(network: nn.Layer, image: Tensor) -> list[Step]:
    """Let one image, (1, C, H, W), pass, and write down what every layer does to it.

    An activation that takes both branches, one after the other, is one step.
    """
    steps: list[Step] = []
    seen: set[int] = set()
    inner: dict[int, int] = {}  # a plain convolution's multiply-adds, by id, inside an octave one
    last: dict[str, Any] = {"layer": None}

    def add(name: str, layer: nn.Layer, output: Any) -> None:
        again = layer is last["layer"] and steps[-1].low is None
        last["layer"] = layer
        if again and not isinstance(output, Octave) and not isinstance(layer, _OCTAVE):
            steps[-1].low = _shape(output)
            return
        parameters = 0 if id(layer) in seen else sum(v.size for v in layer.state_dict().values())
        seen.add(id(layer))
        if isinstance(output, Octave):
            step = Step(name, type(layer).__name__, _shape(output.high), _shape(output.low))
        else:
            step = Step(name, type(layer).__name__, _shape(output))
        step.parameters = parameters
        step.multiply_adds = _multiply_adds(layer, output, inner)
        steps.append(step)

    def hook(name: str):
        return lambda layer, inputs, output: add(name, layer, output)

    def count(layer: nn.Layer, inputs: Any, output: Tensor) -> None:
        inner[id(layer)] = _cost(layer, output)

    inside = {
        id(part)
        for layer in network.sublayers()
        if isinstance(layer, _OCTAVE)
        for part in layer.sublayers()
    }
    hooks = []
    for name, layer in network.named_sublayers():
        is_leaf = not layer.sublayers() or isinstance(layer, _OCTAVE)
        if id(layer) in inside:
            hooks.append(layer.register_forward_post_hook(count))
        elif is_leaf:
            hooks.append(layer.register_forward_post_hook(hook(name)))
    network.eval()
    try:
        with paddle.no_grad():
            network(image)
    finally:
        for each in hooks:
            each.remove()
    return steps


def _shape(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape[1:])


def _multiply_adds(layer: nn.Layer, output: Any, inner: dict[int, int]) -> tuple[int, int]:
    if not isinstance(layer, OctConv2D):
        return _cost(layer, output), 0
    high, low = (
        sum(inner[id(path)] for path in paths if path is not None)
        for paths in ((layer.hh, layer.lh), (layer.hl, layer.ll))
    )
    return high, low


def _cost(layer: nn.Layer, output: Any) -> int:
    """A multiply-add for each weight that enters each element of the output."""
    if isinstance(layer, nn.Linear):
        return output.size * layer.weight.shape[0]
    if isinstance(layer, nn.Conv2D):
        return output.size // layer.weight.shape[0] * layer.weight.size
    return 0
