"""Octave weights out of those of the vanilla network, layer by layer.

How a layer is cut, it knows itself (``layers/cutting.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Mapping

import numpy as np
from paddle import nn

from ..common.errors import OctConvError
from ..layers import OctaveLayer, OctConv2D, Order
from ..layers.cutting import SAME_ORDER, Arrays
from .network import OctaveNetwork, state_of


@dataclass
class Part:
    """A tensor of the vanilla network.

    Attributes:
        shape: of the tensor.
        cut: turns it into tensors of the octave network, under their names.
        optional: whether zeros stand in for it where the vanilla network has none.
    """

    shape: list[int]
    cut: Callable[[np.ndarray], Arrays]
    optional: bool = False


def vanilla_parts(model: OctaveNetwork) -> dict[str, Part]:
    """The tensors of the vanilla twin of ``model``, by their names there."""
    orders = model.twin_orders()
    parts: dict[str, Part] = {}
    layers = dict(model.named_sublayers(include_self=True))
    octave = {
        f"{name}.{key}": name
        for name, layer in layers.items()
        if isinstance(layer, OctaveLayer)
        for key in layer.state_dict()
    }
    for key, value in state_of(model).items():
        if key in octave:
            name = octave[key]
            parts.update(_octave_parts(name, layers[name], orders.get(name, SAME_ORDER)))
        else:
            name, _, parameter = key.rpartition(".")
            optional = parameter == "bias" and isinstance(layers[name], nn.Conv2D)
            cut = partial(_reordered, key, orders.get(name, SAME_ORDER))
            parts[key] = Part(list(value.shape), cut, optional)
    return {model.twin_key(key): part for key, part in parts.items()}


def cut(parts: Mapping[str, Part], weights: Mapping[str, np.ndarray]) -> Arrays:
    """Octave weights from vanilla ones, which fit ``parts``; what belongs to none stays."""
    octave: dict[str, np.ndarray] = {}
    for key, part in parts.items():
        if key in weights or part.optional:
            octave.update(part.cut(weights.get(key, np.zeros(part.shape, np.float32))))
    octave.update({key: value for key, value in weights.items() if key not in parts})
    return octave


def _octave_parts(name: str, layer: OctaveLayer, order: Order) -> dict[str, Part]:
    def cut(parameter: str, value: np.ndarray) -> Arrays:
        try:
            tensors = layer.cut(parameter, value, order)
        except OctConvError as error:
            raise OctConvError(f"{name}.{error}") from None
        return {f"{name}.{key}": tensor for key, tensor in tensors.items()}

    return {
        f"{name}.{parameter}": Part(
            shape,
            partial(cut, parameter),
            # A batch norm always has its bias; a convolution may get one that its twin lacks.
            optional=parameter == "bias" and isinstance(layer, OctConv2D),
        )
        for parameter, shape in layer.vanilla_shapes().items()
    }


def _reordered(key: str, order: Order, value: np.ndarray) -> Arrays:
    """A linear layer [inputs, outputs] whose inputs come in another order, or any other tensor."""
    return {key: value if order.inputs is None or value.ndim != 2 else value[order.inputs]}
