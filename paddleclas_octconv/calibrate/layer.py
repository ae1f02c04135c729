"""One convolution of an octave network, solved to give what the vanilla convolution gave."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Sequence

import numpy as np
from paddle import Tensor, nn

from ..layers import OctConv2D, Order
from ..layers.halving import Halving
from ..layers.octave import branches, pool2
from ..octavizer.convert import OctavizedConv2D
from ..octavizer.pair import Pair, convert
from .columns import Cells, Window, as_kernel, as_unknowns, channels_last, drawn
from .equations import Equations
from .projection import project, tap_matrix

# Samples for each unknown, and at least: more do not help, and cost time.
SAMPLES = 10
LEAST_SAMPLES = 20000
# Neighbouring cells say the same: at most one of so many is taken, and from so many images at
# least, where there are more.
APART = 8
LEAST_IMAGES = 64
# How many vanilla pixels a pixel of a path's input, and of its output, stands for, where these are
# not (2, 2). 1x1 kernels stay what they are in any case.
_CELLS: dict[Halving, dict[str, tuple[int, int]]] = {
    Halving.NONE: {"hh": (1, 1)},
    Halving.POOL: {"hh": (2, 1), "lh": (2, 1), "hl": (4, 2), "ll": (4, 2)},
    Halving.CONVOLVE: {"hh": (1, 1), "lh": (2, 1)},
    Halving.SAMPLE: {},
}


class Targets(NamedTuple):
    """What the vanilla convolution gives at some cells.

    Attributes:
        first: index of the first image of the piece among all images.
        cells: of the piece.
        values: (cells, channels).
    """

    first: int
    cells: Cells
    values: np.ndarray


class Fit:
    """A convolution of the octave network and the vanilla one that it stands for.

    Args:
        layer: the octave convolution.
        vanilla: the convolution of the trained network.
        order: which channels of the vanilla convolution are high, and which low.
        number: of the layer, by which cells are drawn.

    Attributes:
        images: the first so many of all give samples.
    """

    def __init__(
        self,
        layer: OctConv2D,
        vanilla: nn.Conv2D,
        order: Order,
        number: Sequence[int],
    ) -> None:
        self.layer, self.vanilla, self.order = layer, vanilla, order
        self.number = number
        self.images = 0
        self.sums = {"high": _Sum(hh=layer.hh, lh=layer.lh)}
        if layer.outputs.low:
            self.sums["low"] = _Sum(ll=layer.ll, hl=layer.hl)
        self.is_projected = False
        self.cut: dict[str, np.ndarray] = {}  # kernels, by path

    def needed(self, output: Any, images: int) -> int:
        """On how many images the layer is to be solved.

        Args:
            output: of the layer.
            images: how many there are.
        """
        high = output.high if isinstance(output, Pair) else branches(output)[0]
        size = high.shape[1:3] if self.layer.data_format == "NHWC" else high.shape[2:4]
        each = max(1, math.prod(size) // APART)
        most = max(part.samples for part in self.sums.values())
        return min(max(LEAST_IMAGES, math.ceil(most / each)), images)

    def project_once(self, x: Tensor) -> None:
        """Give the layer the projected kernels; ``x``: what the vanilla convolution takes."""
        if self.is_projected:
            return
        self.is_projected = True
        size = x.shape[1:3] if self.vanilla._data_format == "NHWC" else x.shape[2:4]
        window = Window(self.vanilla, size)
        kernel = self.vanilla.weight.numpy()
        for key, block in self.layer.cut("weight", kernel, self.order).items():
            name = key.partition(".")[0]
            self.cut[name] = block
            path = getattr(self.layer, name)
            cells_in, cells_out = self._cells(name)
            own = Window(path, [-(-side // cells_in) for side in size])
            rows = tap_matrix(window.vertical, own.vertical, cells_in, cells_out)
            columns = tap_matrix(window.horizontal, own.horizontal, cells_in, cells_out)
            path.weight.set_value(project(block, rows, columns).astype(kernel.dtype))

    def _cells(self, path: str) -> tuple[int, int]:
        """A path's of ``_CELLS``."""
        return _CELLS[self.layer.halving].get(path, (2, 2))

    def targets(self, output: Tensor, first: int, use: int) -> dict[str, Targets]:
        """What there is to match of a vanilla output.

        Args:
            output: of the vanilla convolution on a piece of the images.
            first: index of the first of these images among all.
            use: how often the layer was called on them before.
        """
        data_format = self.vanilla._data_format
        output = output[: self.images - first]
        maps = {"high": channels_last(output, data_format)}
        if "low" in self.sums:
            maps["low"] = channels_last(pool2(output, data_format), data_format)
        channels = self.order.outputs
        if channels is None:
            channels = np.arange(output.shape[3 if data_format == "NHWC" else 1])
        ends = {"high": (0, self.sums["high"].outputs), "low": (self.sums["high"].outputs, None)}
        found = {}
        for index, (frequency, each) in enumerate(maps.items()):
            images = range(first, first + len(each))
            seeds = [(*self.number, use, index, image) for image in images]
            count = math.ceil(self.sums[frequency].samples / self.images)
            cells = drawn(each.shape[1:3], count, seeds)
            values = each[tuple(cells)][:, channels[slice(*ends[frequency])]]
            found[frequency] = Targets(first, cells, values)
        return found

    def add(self, x: Any, targets: dict[str, Targets]) -> None:
        """Add what the octave network brings to the layer, and what should come of it."""
        inputs = {
            name: channels_last(each, self.layer.data_format)
            for name, each in self._inputs(x).items()
        }
        upsampled = {"lh"} if self.layer.stride == 1 else set()
        for frequency, (first, cells, values) in targets.items():
            for half in (0, 1):
                chosen = (first + cells.image) % 2 == half
                if chosen.any():  # a piece of one image is of one half alone
                    some = Cells(*(each[chosen] for each in cells))
                    self.sums[frequency].add(inputs, some, values[chosen], upsampled, half)

    def _inputs(self, x: Any) -> dict[str, Tensor]:
        """What each path convolves."""
        layer = self.layer
        if isinstance(layer, OctavizedConv2D):
            x = convert(x, layer.layout_in, layer.data_format)
        high, low = (x.high, x.low) if isinstance(x, Pair) else branches(x)
        high = layer.halving.high(high, layer.data_format)
        inputs = {"hh": high, "hl": pool2(high, layer.data_format)}
        if low is not None:
            inputs["lh"] = low
            inputs["ll"] = layer.halving.low(low, layer.data_format)
        if isinstance(layer, OctavizedConv2D) and not layer.keeps_geometry:
            for name in set(inputs) - {"hh"}:
                inputs[name] = layer._large_enough(inputs[name])
        return inputs

    def solve(self) -> None:
        """Give the layer what least squares make of all that was added."""
        for each in self.sums.values():
            each.solve(self.cut)

    def forget(self) -> None:
        """Let the equations go, and what they begin with."""
        self.cut = {}
        for each in self.sums.values():
            each.equations = each.starts = None


class _Sum:
    """The paths whose sum is one frequency of the output, and their equations.

    Attributes:
        outputs: channels.
        samples: how many cells of the output the equations should have.
    """

    def __init__(self, **paths: nn.Conv2D | None) -> None:
        self.paths = {name: path for name, path in paths.items() if path is not None}
        first = next(iter(self.paths.values()))
        self.bias = first.bias
        self.outputs = first.weight.shape[0]
        self.problems = int(np.lcm.reduce([path._groups for path in self.paths.values()]))
        self.unknowns = [math.prod(path.weight.shape[1:]) for path in self.paths.values()]
        self.samples = max(LEAST_SAMPLES, SAMPLES * sum(self.unknowns))
        self.equations: Equations | None = None
        self.starts: list[np.ndarray] | None = None

    def add(
        self,
        inputs: dict[str, np.ndarray],
        cells: Cells,
        values: np.ndarray,
        upsampled: set[str],
        half: int,
    ) -> None:
        """Add samples; ``upsampled``: the paths whose output is half as large as the sum."""
        rows = []
        for name, path in self.paths.items():
            x = inputs[name]
            window = Window(path, x.shape[1:3])
            seen = window.rows(x, cells.over(window.size, 1 + (name in upsampled)), path._groups)
            rows.append(np.repeat(seen, self.problems // path._groups, axis=0))
        if self.bias is not None:
            rows.append(np.ones([self.problems, len(values), 1], values.dtype))
        targets = values.reshape(len(values), self.problems, -1).transpose(1, 0, 2)
        if self.equations is None:
            free = int(self.bias is not None)
            unknowns = sum(self.unknowns) + free
            self.equations = Equations(self.problems, unknowns, targets.shape[2], free)
        self.equations.add(np.concatenate(rows, axis=2), targets, half)

    def solve(self, cut: dict[str, np.ndarray]) -> None:
        """Give the paths the kernels, and the first one the bias, that all samples ask for.

        Args:
            cut: the vanilla kernel's, by path; the first ones are projected.
        """
        assert self.equations is not None
        if self.starts is None:
            projected = {name: path.weight.numpy() for name, path in self.paths.items()}
            self.starts = [self._start(kernels) for kernels in (projected, cut)]
        *kernels, bias = np.split(
            self.equations.solve(self.starts), np.cumsum(self.unknowns), axis=1
        )
        for path, kernel in zip(self.paths.values(), kernels):
            _set(path.weight, as_kernel(kernel, path.weight.shape))
        if self.bias is not None:
            _set(self.bias, bias.ravel())

    def _start(self, kernels: dict[str, np.ndarray]) -> np.ndarray:
        """Kernels by path, and the bias, as unknowns."""
        start = [as_unknowns(kernels[name], self.problems) for name in self.paths]
        if self.bias is not None:
            start.append(self.bias.numpy().reshape(self.problems, 1, -1))
        return np.concatenate(start, axis=1)


def _set(tensor: Tensor, value: np.ndarray) -> None:
    tensor.set_value(value.astype(tensor.numpy().dtype))
