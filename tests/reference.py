"""Octave convolution written down literally, and the two networks of the comparison from it.

Nothing here uses the package: a network is a dict of weights and what to do with them, a feature
map is a list [high, low], of which either may be None.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F


def pool(x):
    """2x2 average, stride 2; the border cells of an odd size average the cells there are."""
    return F.avg_pool2d(x, 2, 2, ceil_mode=True, exclusive=True)


def upsample(x, height: int, width: int):
    """Nearest, x2, cropped."""
    x = F.interpolate(x, scale_factor=2, mode="nearest")
    return x[:, :, :height, :width]


def octave_conv(x, kernels, stride: int = 1, padding: int = 0, dilation: int = 1, keeps=False):
    """
    Args:
        x: [high, low].
        kernels: {"hh": (weight, bias or None, groups), …} for the paths there are.
        keeps: whether a stride of 2 is that of the paths, in place of averaging before.
    """

    def path(name, x, stride=1):
        weight, bias, groups = kernels[name]
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    high, low = x
    pooled_high, pooled_low = high, low
    if stride == 2:
        pooled_high = pool(high)
        pooled_low = None if low is None else pool(low)

    if keeps:
        return _strided(path, high, low, kernels)
    y_high = path("hh", pooled_high)
    if "lh" in kernels:
        y = path("lh", low)
        y_high = y_high + (y if stride == 2 else upsample(y, *y_high.shape[2:]))
    y_low = None
    if "ll" in kernels:
        y_low = path("ll", pooled_low)
    if "hl" in kernels:
        y = path("hl", pool(pooled_high))
        y_low = y if y_low is None else y_low + y
    return [y_high, y_low]


def _strided(path, high, low, kernels):
    """Stride 2 without averaging before; the low input has the size of the high output."""
    is_point = list(kernels["hh"][0].shape[2:]) == [1, 1]
    y_high, y_low = path("hh", high, 2), None
    if "lh" in kernels:
        y_high = y_high + path("lh", low)
    if "ll" in kernels:
        y_low = path("ll", pool(low)) if is_point else path("ll", low, 2)
    if "hl" in kernels:  # for a point, the mean of what the vanilla convolution gives
        y = pool(path("hl", high, 2)) if is_point else path("hl", pool(high), 2)
        y_low = y if y_low is None else y_low + y
    return [y_high, y_low]


def batch_norm(x, state: dict, name: str, training: bool):
    """With the statistics of the batch if ``training``, else with those in a state dict."""
    mean, variance = state[f"{name}._mean"], state[f"{name}._variance"]
    if training:
        mean, variance = x.mean([0, 2, 3]), x.var([0, 2, 3], unbiased=False)
    column = [1, -1, 1, 1]
    x = (x - mean.reshape(column)) / paddle.sqrt(variance.reshape(column) + 1e-5)
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return x * weight.reshape(column) + bias.reshape(column)


def draw_state(layer):
    """Give a layer float64 tensors that are all random: none is the 0 or 1 that it begins with."""
    layer.to(dtype="float64")
    for key, value in layer.state_dict().items():
        is_scale = key.endswith("_variance") or (value.ndim == 1 and key.endswith("weight"))
        least = 0.5 if is_scale else -1.0
        value.set_value(paddle.uniform(value.shape, "float64", min=least, max=least + 1.5))
    return layer


class Network:
    """Evaluates a state dict; ``training`` makes batch norms use the statistics of the batch."""

    def __init__(self, state: dict, training: bool = False) -> None:
        self.state = state
        self.training = training

    def conv_bn(self, name, x, stride=1, act=F.relu, depthwise=False, shortcut=None):
        x = octave_conv(x, self.kernels(f"{name}.conv", depthwise), stride, self.padding(name))
        x = self.bn(f"{name}.bn", x)
        if shortcut is not None:
            x = [y if y is None else y + s for y, s in zip(x, shortcut)]
        return [y if y is None else act(y) for y in x]

    def stem(self, name, x):
        """A vanilla convolution, stride 2."""
        weight, bias = self.state[f"{name}.conv.weight"], self.state.get(f"{name}.conv.bias")
        x = F.conv2d(x, weight, bias, stride=2, padding=weight.shape[-1] // 2)
        return F.relu(self.plain_bn(f"{name}.bn", x))

    def kernels(self, name, depthwise=False):
        kernels = {}
        for path in ("hh", "hl", "lh", "ll"):
            weight = self.state.get(f"{name}.{path}.weight")
            if weight is not None:
                groups = weight.shape[0] if depthwise else 1
                kernels[path] = (weight, self.state.get(f"{name}.{path}.bias"), groups)
        return kernels

    def padding(self, name):
        return self.state[f"{name}.conv.hh.weight"].shape[-1] // 2

    def bn(self, name, x):
        branches = zip(("high", "low"), x)
        return [y if y is None else self.plain_bn(f"{name}.{branch}", y) for branch, y in branches]

    def plain_bn(self, name, x):
        return batch_norm(x, self.state, name, self.training)

    def head(self, x):
        return F.linear(x[0].mean([2, 3]), self.state["fc.weight"], self.state["fc.bias"])

    def mobilenet_v1(self, images):
        """3x3/2 stem, 13 depthwise separable blocks."""
        strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
        x = [self.stem("conv", images), None]
        for index, stride in enumerate(strides):
            x = self.conv_bn(f"blocks.{index}.depthwise_conv", x, stride, depthwise=True)
            x = self.conv_bn(f"blocks.{index}.pointwise_conv", x)
        return self.head(x)

    def resnet(self, images, layers):
        """7x7/2 stem, 3x3/2 max pool, bottlenecks with the stride on the 3x3."""
        x = F.max_pool2d(self.stem("stem.0", images), 3, 2, padding=1)
        x = [x, None]
        index = 0
        for stage, depth in enumerate(layers):
            for first in [True] + [False] * (depth - 1):
                block = f"blocks.{index}"
                stride = 2 if first and stage > 0 else 1
                shortcut = x
                if first:
                    shortcut = self.conv_bn(f"{block}.short", x, stride, act=lambda y: y)
                y = self.conv_bn(f"{block}.conv0", x)
                y = self.conv_bn(f"{block}.conv1", y, stride)
                x = self.conv_bn(f"{block}.conv2", y, shortcut=shortcut)
                index += 1
        return self.head(x)
