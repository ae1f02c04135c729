"""Pictures of what the two branches of a network hold of an image."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
import paddle
from matplotlib.figure import Figure
from paddle import nn

from ..layers import OctBNActConvLayer, OctConvBNLayer
from ..layers.octave import pool2, up2_to
from ..measure.complexity import pass_through
from ..octavizer.convert import OctavizedBatchNorm2D
from .trace import is_pair

# What octave networks are built of.
UNITS = (OctConvBNLayer, OctBNActConvLayer, OctavizedBatchNorm2D)
CHANNELS = 3  # of each branch that are shown, beside the mean of all


class Stage(NamedTuple):
    """The last pair of a resolution. name: of its layer; high, low: (C, H, W)."""

    name: str
    high: np.ndarray
    low: np.ndarray


def stages(network: nn.Layer, image: paddle.Tensor) -> list[Stage]:
    """The pairs that an image, (1, C, H, W), leaves in a network: the last of each resolution.

    Raises:
        OctConvError: the network takes no image of that shape.
    """
    found: dict[tuple, Stage] = {}

    def keep(name: str):
        def hook(layer, inputs, output):
            if is_pair(output):
                size = tuple(output.high.shape[2:])
                found[size] = Stage(name, output.high[0].numpy(), output.low[0].numpy())

        return hook

    hooks = [
        layer.register_forward_post_hook(keep(name))
        for name, layer in network.named_sublayers()
        if isinstance(layer, UNITS)
    ]
    network.eval()
    try:
        pass_through(network, image)
    finally:
        for hook in hooks:
            hook.remove()
    return list(found.values())


def smoothness(maps: np.ndarray) -> float:
    """The share of the maps' variation, (C, H, W), that is slow: up to half the highest frequency
    that the grid can hold. From 0 to 1."""
    maps = maps - maps.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(maps)) ** 2
    slow = [np.abs(np.fft.fftfreq(size)) <= 0.25 for size in maps.shape[1:]]
    return float(power[:, slow[0]][:, :, slow[1]].sum() / max(power.sum(), 1e-12))


def enlarged(stage: Stage) -> np.ndarray:
    """The low branch on the grid of the high one, where the two can be compared."""
    low, high = (paddle.to_tensor(maps[None]) for maps in (stage.low, stage.high))
    return up2_to(low, high)[0].numpy()


def draw_stages(found: Sequence[Stage], title: str) -> Figure:
    """A row for each stage: the mean and the strongest channels of the high and the low branch."""
    columns = CHANNELS + 1
    figure = Figure(
        figsize=(1.75 * 2 * columns + 0.5, 2.15 * len(found) + 0.9), layout="constrained"
    )
    figure.suptitle(title)
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    for half, branch, color in ((left, "high", "#d55e00"), (right, "low", "#0072b2")):
        half.suptitle(f"{branch} branch", color=color, fontsize=11)
        panels = half.subplots(len(found), columns, squeeze=False)
        for row, stage in zip(panels, found):
            maps = getattr(stage, branch)
            strongest = np.argsort(-maps.std((1, 2)), kind="stable")[:CHANNELS]
            shown = [maps.mean(0), *maps[strongest]]
            names = ["mean of all", *(f"channel {channel}" for channel in strongest)]
            for axes, values, name in zip(row, shown, names):
                axes.imshow(values, cmap="magma", interpolation="nearest")
                axes.set_title(name, fontsize=8)
                axes.set(xticks=[], yticks=[])
            for axes in row[len(shown) :]:
                axes.axis("off")
            count, height, width = maps.shape
            block = stage.name.rpartition(".")[0] or stage.name  # of "blocks.3.conv2"
            row[0].set_ylabel(f"{block}\n{count} x {height}x{width}", fontsize=8)
    return figure


def draw_input(image: np.ndarray) -> Figure:
    """An image, (H, W, 3) in [0, 1], its low frequencies as octave layers pool it, and the rest."""
    tensor = paddle.to_tensor(image.transpose(2, 0, 1)[None].astype("float32"))
    pooled = pool2(tensor)
    low = up2_to(pooled, tensor)[0].numpy().transpose(1, 2, 0)
    taken = image - low
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    height, width = image.shape[:2]
    panels = {
        f"image, {height}x{width}": image,
        f"low: {pooled.shape[2]}x{pooled.shape[3]}, as pooled": low,
        "high: what pooling takes away": 0.5 + taken / max(2 * np.abs(taken).max(), 1e-6),
    }
    for axes, (title, values) in zip(figure.subplots(1, 3), panels.items()):
        axes.imshow(values, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.axis("off")
    return figure
