"""What is decided about the convolutions of a network."""

from __future__ import annotations

from dataclasses import dataclass, field

from paddle import nn

from .layout import Layout


@dataclass
class Conv:
    """A convolution of the network, and what becomes of it.

    Attributes:
        layer: the layer itself, vanilla until the plan is carried out.
        inputs, outputs: layouts of the pairs that it takes and gives; None for a plain tensor.
        keeps_geometry: whether its kernel is odd and padded so that the map keeps its size, up to
            its stride of 1 or 2; what is not takes the stride and padding that it has in each path.
        exchanges: whether the frequencies exchange information.
        size: height and width of its output in the trial.
        multiply_adds: of the vanilla convolution, in the trial.
        reason: why its output is plain; empty if it is not.
        octave: whether it becomes an octave convolution.
        decides: names of the convolutions that decide on the layout of its output.
        reads: of those that decide on that of its input.
    """

    layer: nn.Layer
    name: str
    alpha: float = 0.0
    reason: str = ""
    inputs: Layout | None = None
    outputs: Layout | None = None
    exchanges: bool = True
    keeps_geometry: bool = True
    size: tuple[int, int] = (0, 0)
    multiply_adds: int = 0
    octave: bool = False
    decides: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Join:
    """A place where a pair became a tensor. function: what was called there, on what layer."""

    layer: str
    function: str
    reason: str


@dataclass
class Plan:
    """What is decided.

    Attributes:
        convs: every convolution that ran, in the order of their first calls.
        norms: batch norms that normalise pairs, with the layout of those.
        opaque: layers that take and give plain tensors, and why.
        folds: for an octave convolution the batch norm that alone reads it.
        kept: attributes of layers that hold pairs after a call, by (layer, attribute).
        normed: for a batch norm the convolutions that decide on the layout of its input.
        together: for each convolution one that stands for all whose outputs have one layout.
        linear: multiply-adds of linear layers.
        channels: of an image.
        strides: total strides of the convolutions that may become octave, by name; ``alpha`` has
            one number for each of these strides.
    """

    convs: dict[str, Conv]
    norms: dict[str, Layout] = field(default_factory=dict)
    opaque: dict[str, str] = field(default_factory=dict)
    folds: dict[str, str] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    normed: dict[str, frozenset[str]] = field(default_factory=dict)
    together: dict[str, str] = field(default_factory=dict)
    linear: int = 0
    channels: int = 3
    strides: dict[str, int] = field(default_factory=dict)
