"""Octave weights out of those of the vanilla network.

A vanilla kernel W [C_out, C_in / groups, k, k] is cut into the four kernels of an octave
convolution, which is the same network wherever a feature map is constant in space:

    hh = W[high outputs, high inputs]    lh = W[high outputs, low inputs]
    hl = W[low outputs, high inputs]     ll = W[low outputs, low inputs]

Batch norm is cut alike. The high channels are the first ones, unless the network says otherwise
(``OctBackbone.twin_orders``): where octaves are concatenated, and inside grouped convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Mapping

import numpy as np
from paddle import nn

from ..common.errors import OctConvError
from ..layers import OctBatchNorm2D, OctConv2D
from .order import Order

Arrays = Dict[str, np.ndarray]


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


def vanilla_parts(model) -> dict[str, Part]:
    """The tensors of the vanilla twin of ``model``, by their names there."""
    orders = model.twin_orders()
    parts: dict[str, Part] = {}
    layers = dict(model.named_sublayers(include_self=True))
    for key, value in model.state_dict().items():
        name, _, parameter = key.rpartition(".")
        octave = name.rpartition(".")[0]  # if it is the layer of a path or of a branch
        if isinstance(layers.get(octave), OctConv2D):
            parts.update(_conv_parts(octave, layers[octave], orders.get(octave, Order())))
        elif isinstance(layers.get(octave), OctBatchNorm2D):
            parts.update(_norm_parts(octave, layers[octave], orders.get(octave, Order())))
        else:
            parts[key] = Part(
                value.shape,
                _reordered(key, value.shape, orders.get(name, Order())),
                optional=parameter == "bias" and isinstance(layers[name], nn.Conv2D),
            )
    return {model.twin_key(key): part for key, part in parts.items()}


def cut(parts: Mapping[str, Part], weights: Mapping[str, np.ndarray]) -> Arrays:
    """Octave weights from vanilla ones, which fit ``parts``; what belongs to none stays."""
    octave: dict[str, np.ndarray] = {}
    for key, part in parts.items():
        if key in weights or part.optional:
            octave.update(part.cut(weights.get(key, np.zeros(part.shape, np.float32))))
    octave.update({key: value for key, value in weights.items() if key not in parts})
    return octave


def _conv_parts(name: str, layer: OctConv2D, order: Order) -> dict[str, Part]:
    channels, kernel_size = layer.out_channels, layer.hh.weight.shape[2:]
    parts = {
        f"{name}.weight": Part(
            [channels, layer.in_channels // layer.groups, *kernel_size],
            lambda kernel: _cut_kernel(name, layer, order, kernel),
        )
    }
    if layer.hh.bias is not None:
        parts[f"{name}.bias"] = Part(
            [channels], lambda bias: _cut_bias(name, layer, order, bias), optional=True
        )
    return parts


def _cut_kernel(name: str, layer: OctConv2D, order: Order, kernel: np.ndarray) -> Arrays:
    high_outputs, per_group = layer.hh.weight.shape[:2]
    high_inputs = per_group * layer.hh._groups
    if layer.groups == layer.in_channels > 1:  # depthwise
        high, low = np.split(kernel, [high_outputs])
        blocks = {"hh": high, "ll": low}
        return {f"{name}.{path}.weight": block for path, block in blocks.items() if len(block)}
    dense = _take(_dense(kernel, layer.groups), order.outputs, order.inputs)
    to_high, to_low = np.split(dense, [high_outputs])
    cut = {}
    for target, rows in (("h", to_high), ("l", to_low)):
        high, low = np.split(rows, [high_inputs], axis=1)
        for path, block in ((f"h{target}", high), (f"l{target}", low)):
            conv = getattr(layer, path)
            if conv is not None:
                cut[f"{name}.{path}.weight"] = _grouped(f"{name}.{path}", block, conv._groups)
    return cut


def _cut_bias(name: str, layer: OctConv2D, order: Order, bias: np.ndarray) -> Arrays:
    """The bias goes to one of the two convolutions that are summed, zeros to the other."""
    high, low = np.split(_take(bias, order.outputs), layer.hh.bias.shape)
    low_path = "hl" if layer.ll is None else "ll"
    biases = {
        "hh": high,
        "lh": np.zeros_like(high),
        "hl": np.zeros_like(low),
        "ll": np.zeros_like(low),
        low_path: low,
    }
    return {
        f"{name}.{path}.bias": value
        for path, value in biases.items()
        if getattr(layer, path) is not None
    }


def _norm_parts(name: str, layer: OctBatchNorm2D, order: Order) -> dict[str, Part]:
    branches = {"high": layer.high, "low": layer.low}
    sizes = [branch.weight.shape[0] for branch in branches.values() if branch is not None]

    def part(parameter: str) -> Part:
        def cut(value: np.ndarray) -> Arrays:
            pieces = np.split(_take(value, order.outputs), np.cumsum(sizes)[:-1])
            return {
                f"{name}.{branch}.{parameter}": piece for branch, piece in zip(branches, pieces)
            }

        return Part([sum(sizes)], cut)

    return {f"{name}.{parameter}": part(parameter) for parameter in layer.high.state_dict()}


def _reordered(key: str, shape: list[int], order: Order) -> Callable[[np.ndarray], Arrays]:
    """For a linear layer [inputs, outputs] whose inputs come in another order, or any other."""
    rows = order.inputs if len(shape) == 2 else None
    return lambda value: {key: _take(value, rows)}


def _take(array: np.ndarray, rows=None, columns=None) -> np.ndarray:
    array = array if rows is None else array[np.asarray(rows)]
    return array if columns is None else array[:, np.asarray(columns)]


def _dense(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A grouped kernel [C_out, C_in / groups, …] as one without groups: blocks in a diagonal."""
    if groups == 1:
        return kernel
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1]
    dense = np.zeros([kernel.shape[0], inputs * groups, *kernel.shape[2:]], kernel.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        dense[rows, group * inputs : (group + 1) * inputs] = kernel[rows]
    return dense


def _grouped(name: str, dense: np.ndarray, groups: int) -> np.ndarray:
    """The inverse of ``_dense``."""
    if groups == 1:
        return dense
    outputs, inputs = dense.shape[0] // groups, dense.shape[1] // groups
    kernel = np.concatenate(
        [
            dense[group * outputs : (group + 1) * outputs, group * inputs : (group + 1) * inputs]
            for group in range(groups)
        ]
    )
    if np.count_nonzero(kernel) != np.count_nonzero(dense):
        raise OctConvError(
            f"{name}: its {groups} groups do not hold those of the vanilla convolution"
        )
    return kernel
