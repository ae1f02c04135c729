"""How large and how costly a network is."""

from __future__ import annotations

from typing import NamedTuple

import paddle
from paddle import nn

from ..layers import Octave, OctConv2D


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
    """Count while one black image passes through the network.

    A multiply-add is counted for each weight that enters each element of an output; biases,
    batch norms, activations, pooling and upsampling count nothing.
    """
    octave = {
        id(path)
        for layer in network.sublayers(include_self=True)
        if isinstance(layer, OctConv2D)
        for path in layer.sublayers()
    }
    vanilla_parameters = parameters = sum(p.size for p in network.parameters() if p.trainable)
    multiply_adds = vanilla_multiply_adds = 0

    def count(layer, inputs, output):
        nonlocal multiply_adds, vanilla_multiply_adds
        if isinstance(layer, nn.Linear):
            cost = output.size * layer.weight.shape[0]
        else:  # one kernel of a convolution makes one channel of the output
            cost = output.size // layer.weight.shape[0] * layer.weight.size
        multiply_adds += cost
        if id(layer) not in octave:
            vanilla_multiply_adds += cost

    def count_vanilla(layer, inputs, output):
        nonlocal vanilla_parameters, vanilla_multiply_adds
        high = output.high if isinstance(output, Octave) else output
        kernels = layer.in_channels // layer.groups * layer.kernel_size**2 * layer.out_channels
        vanilla_multiply_adds += high.size // high.shape[channel_axis(layer)] * kernels
        vanilla_parameters += kernels - sum(p.size for p in layer.parameters())
        if any(len(p.shape) == 1 for p in layer.parameters()):
            vanilla_parameters += layer.out_channels

    hooks = []
    for layer in network.sublayers(include_self=True):
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            hooks.append(layer.register_forward_post_hook(count))
        elif isinstance(layer, OctConv2D):
            hooks.append(layer.register_forward_post_hook(count_vanilla))
    training = network.training
    network.eval()
    try:
        with paddle.no_grad():
            network(paddle.zeros([1, *image_shape]))
    finally:
        for hook in hooks:
            hook.remove()
        if training:
            network.train()
    total = sum(p.size for p in network.state_dict().values())
    return Complexity(parameters, total, multiply_adds, vanilla_parameters, vanilla_multiply_adds)


def channel_axis(layer: OctConv2D) -> int:
    return 3 if layer.data_format == "NHWC" else 1
