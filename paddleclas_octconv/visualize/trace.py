"""The layers that an image passes through, octave layers as one, in the order of the passage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from paddle import Tensor, nn

from ..layers import Octave, OctaveLayer
from ..measure.complexity import multiply_adds_of, pass_through, whole_layers
from ..octavizer.pair import Pair
from ..weights.network import state_of


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

    Raises:
        OctConvError: the network takes no image of that shape.
    """
    steps: list[Step] = []
    seen: set[int] = set()
    last: dict[str, Any] = {"layer": None}

    def add(name: str, layer: nn.Layer, output: Any) -> None:
        again = layer is last["layer"] and steps[-1].low is None
        last["layer"] = layer
        if again and not is_pair(output) and not isinstance(layer, OctaveLayer):
            steps[-1].low = _shape(output)
            return
        parameters = 0 if id(layer) in seen else sum(v.size for v in state_of(layer).values())
        seen.add(id(layer))
        if is_pair(output):
            step = Step(name, type(layer).__name__, _shape(output.high), _shape(output.low))
        else:
            step = Step(name, type(layer).__name__, _shape(output))
        step.parameters = parameters
        step.multiply_adds = multiply_adds_of(layer, output)
        steps.append(step)

    def hook(name: str):
        return lambda layer, inputs, output: add(name, layer, output)

    hooks = [layer.register_forward_post_hook(hook(name)) for name, layer in whole_layers(network)]
    network.eval()
    try:
        pass_through(network, image)
    finally:
        for each in hooks:
            each.remove()
    return steps


def is_pair(value: Any) -> bool:
    """Whether it is a map of two frequencies, of a network of this package or an octavised one."""
    return isinstance(value, (Octave, Pair))


def _shape(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape[1:])
