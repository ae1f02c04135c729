"""How large and how costly a network is."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Sequence

import paddle
from paddle import Tensor, nn

from ..common.errors import explained
from ..layers import Octave, OctaveLayer, OctConv2D
from ..weights.network import state_of


class Complexity(NamedTuple):
    """Of one image.

    Attributes:
        parameters: the trainable ones.
        total_parameters: those and the running statistics of batch norms, as
            ``paddle.summary`` counts.
        multiply_adds: of convolutions and linear layers.
        vanilla_parameters, vanilla_multiply_adds: with every octave convolution replaced by the
            vanilla one it stands for.
    """

    parameters: int
    total_parameters: int
    multiply_adds: int
    vanilla_parameters: int
    vanilla_multiply_adds: int


def measure(network: nn.Layer, image_shape: tuple[int, int, int] = (3, 224, 224)) -> Complexity:
    """Count while one black image passes through the network, which is left as it was.

    A multiply-add is counted for each weight that enters each element of an output; biases,
    batch norms, activations, pooling and upsampling count nothing.

    Args:
        network: any network of Paddle.
        image_shape: channels, height and width.

    Raises:
        OctConvError: the network takes no image of that shape.
    """
    parameters = vanilla_parameters = sum(p.size for p in network.parameters() if p.trainable)
    multiply_adds = vanilla_multiply_adds = 0

    def count(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal multiply_adds, vanilla_parameters, vanilla_multiply_adds
        multiply_adds += sum(multiply_adds_of(layer, output))
        if isinstance(layer, OctConv2D):
            shapes = layer.vanilla_shapes()
            vanilla_multiply_adds += _area(layer, output) * math.prod(shapes["weight"])
            vanilla_parameters += sum(map(math.prod, shapes.values()))
            vanilla_parameters -= sum(p.size for p in layer.parameters())
        else:
            vanilla_multiply_adds += sum(multiply_adds_of(layer, output))

    hooks = [layer.register_forward_post_hook(count) for _, layer in whole_layers(network)]
    training = network.training
    network.eval()
    try:
        pass_through(network, paddle.zeros([1, *image_shape]))
    finally:
        for hook in hooks:
            hook.remove()
        if training:
            network.train()
    total = sum(value.size for value in state_of(network).values())
    return Complexity(parameters, total, multiply_adds, vanilla_parameters, vanilla_multiply_adds)


def pass_through(network: nn.Layer, images: Tensor) -> None:
    """Let images, (N, C, H, W), pass, for what hooks on the layers see.

    Raises:
        OctConvError: the network takes none of their shape.
    """
    name = getattr(network, "arch_name", type(network).__name__)
    shape = "x".join(map(str, images.shape[1:]))
    with paddle.no_grad(), explained(f"{name} cannot take images of {shape}"):
        network(images)


def whole_layers(network: nn.Layer) -> list[tuple[str, nn.Layer]]:
    """The layers that hold no others, by name, each octave layer as one."""
    named = list(network.named_sublayers(include_self=True))
    inside = {
        id(part)
        for _, layer in named
        if isinstance(layer, OctaveLayer)
        for part in layer.sublayers()
    }
    return [
        (name, layer)
        for name, layer in named
        if id(layer) not in inside and (isinstance(layer, OctaveLayer) or not layer.sublayers())
    ]


def multiply_adds_of(layer: nn.Layer, output: Any) -> tuple[int, int]:
    """The multiply-adds behind an output of one image: of its high and of its low branch."""
    if isinstance(layer, OctConv2D):
        return layer.multiply_adds(*_size(layer, output))
    if isinstance(layer, nn.Linear):
        return of_product(output.size, layer.weight.shape), 0
    if isinstance(layer, nn.Conv2D):
        return of_convolution(output.size, layer.weight.shape), 0
    return 0, 0


def of_convolution(elements: int, kernel: Sequence[int]) -> int:
    """Multiply-adds of an output of so many elements, by a kernel [C_out, C_in / groups, …]."""
    return elements * math.prod(kernel[1:])


def of_product(elements: int, matrix: Sequence[int]) -> int:
    """The same by a matrix [inputs, outputs]."""
    return elements * matrix[0]


def _size(layer: OctConv2D, output: Any) -> tuple[int, int]:
    """Height and width of the output, of its high branch if it is a pair."""
    high = output.high if isinstance(output, Octave) else output
    first = 1 if layer.data_format == "NHWC" else 2
    return tuple(high.shape[first : first + 2])


def _area(layer: OctConv2D, output: Any) -> int:
    return math.prod(_size(layer, output))
