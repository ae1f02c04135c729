"""Which channels become low: those that lose least at half the resolution.

Octave layers have their last channels low. A vanilla network computes the same with its channels
in any order, as long as every layer that a feature map goes through has them in that one. So the
network that is to be imitated gets the channels that are smooth, and hardly read, last.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Iterator

import numpy as np
import paddle
from paddle import Tensor, nn

from ..common.errors import OctConvError
from ..octavizer.options import Options
from ..octavizer.plan import look_at
from ..octavizer.planned import Plan
from ..octavizer.trial import NORMS
from ..weights.network import keep_state
from .columns import channels_last
from .images import PIECE
from .layer import LEAST_IMAGES

_SEEN = 2  # images on which a network must say what it said before
_ALIKE = 1e-5  # of the range of its answers
_ANY_STRIDE = 2**16


@contextlib.contextmanager
def smoothest_last(network: nn.Layer, images: np.ndarray) -> Iterator[None]:
    """Let a network, which computes the same meanwhile, have its smoothest channels last.

    How much a channel loses is the mean square by which it differs from its 2x2 averages, times
    the square of the kernels that read it, as a share of what all channels lose there.

    Args:
        network: a vanilla one, in evaluation.
        images: as it takes them.
    """
    restore = keep_state(network)
    try:
        put_smoothest_last(network, images)
        yield
    finally:
        restore()


def put_smoothest_last(network: nn.Layer, images: np.ndarray) -> None:
    """As ``smoothest_last``, for good."""
    some = paddle.to_tensor(images[:LEAST_IMAGES], dtype=network.parameters()[0].dtype)
    with paddle.no_grad():
        _order(network, some)


@dataclass
class _Map:
    """The layers that have the channels of one feature map, or of some that are summed.

    Attributes:
        made: convolutions whose outputs they are.
        kept: depthwise convolutions, and batch norms.
        read: convolutions that mix them.
    """

    made: list[Any] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    read: list[Any] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether it is read at all, and never in part."""
        sizes = {layer._out_channels for layer in self.made}
        sizes |= {len(layer._mean) for layer in self.kept if isinstance(layer, NORMS)}
        return bool(self.read) and sizes == {layer._in_channels for layer in self.read}

    def reorder(self, order: np.ndarray) -> None:
        for layer in (*self.made, *self.kept):
            for name in ("weight", "bias", "_mean", "_variance"):
                _take(getattr(layer, name, None), order)
        for layer in self.read:
            _take(layer.weight, (slice(None), order))


def _take(tensor: Tensor | None, places: Any) -> None:
    if tensor is not None:
        tensor.set_value(tensor.numpy()[places])


def _order(network: nn.Layer, images: Tensor) -> None:
    orders = _orders(network, _maps(network, images), images)
    before = _answers(network, images)

    def says_the_same() -> bool:
        return _are_alike(_answers(network, images), before)

    for each, order in orders:
        each.reorder(order)
    if says_the_same():
        return
    # Something has the channels of a map in an order of its own: find out of which.
    for each, order in orders:
        each.reorder(np.argsort(order))
    for each, order in orders:
        each.reorder(order)
        if not says_the_same():
            each.reorder(np.argsort(order))


def _maps(network: nn.Layer, images: Tensor) -> list[_Map]:
    """The maps whose channels can be in any order, as far as a plan tells."""
    layers = dict(network.named_sublayers(include_self=True))
    first = next((each for each in layers.values() if isinstance(each, nn.Conv2D)), None)
    is_last = first is not None and first._data_format == "NHWC"
    size = images.shape[1:3] if is_last else images.shape[2:4]
    try:
        plan = look_at(network, Options(input_size=size, max_stride=_ANY_STRIDE))
    except OctConvError:
        return []
    found, fixed = _sorted(plan)
    for name, convs in plan.normed.items():
        for place in {plan.together[each] for each in convs} & found.keys():
            found[place].kept.append(layers[name])
    return [each for name, each in found.items() if name not in fixed and each.is_whole]


def _sorted(plan: Plan) -> tuple[dict[str, _Map], set[str]]:
    """The convolutions by the maps that they make and read, and the maps that keep their order."""
    found: dict[str, _Map] = {}
    fixed: set[str] = set()
    for conv in plan.convs.values():
        layer = conv.layer
        made = {plan.together[name] for name in conv.decides}
        read = {plan.together[name] for name in conv.reads}
        if layer._groups == 1:
            parts = {"made": made, "read": read}
        elif made == read and layer._groups == layer._in_channels == layer._out_channels:
            parts = {"kept": made}
        else:
            parts = {}
            fixed |= made | read
        for part, names in parts.items():
            if len(names) > 1:
                fixed |= names
            for name in names:
                getattr(found.setdefault(name, _Map()), part).append(layer)
    return found, fixed


def _orders(network: nn.Layer, maps: list[_Map], images: Tensor) -> list[tuple[_Map, np.ndarray]]:
    """Each map with the order of its channels, what loses most first."""
    lost: dict[int, Any] = {}

    def look(layer: Any, inputs: tuple) -> None:
        lost[id(layer)] = lost.get(id(layer), 0.0) + roughness(inputs[0], layer._data_format)

    readers = {id(layer): layer for each in maps for layer in each.read}
    hooks = [layer.register_forward_pre_hook(look) for layer in readers.values()]
    try:
        for first in range(0, len(images), PIECE):
            network(images[first : first + PIECE])
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    for each in maps:
        shares = [_share(lost[id(layer)], layer) for layer in each.read if id(layer) in lost]
        if shares:
            found.append((each, np.argsort(-np.sum(shares, axis=0), kind="stable")))
    return found


def _share(lost: np.ndarray, layer: nn.Conv2D) -> np.ndarray:
    weighed = lost * np.square(layer.weight.numpy().astype(np.float64)).sum((0, 2, 3))
    return weighed / max(weighed.sum(), np.finfo(np.float64).tiny)


def roughness(x: Tensor, data_format: str) -> np.ndarray:
    """The sum of squares by which each channel differs from its 2x2 averages."""
    array = channels_last(x, data_format).astype(np.float64)
    n, height, width, channels = array.shape
    blocks = array[:, : height // 2 * 2, : width // 2 * 2]
    blocks = blocks.reshape(n, height // 2, 2, width // 2, 2, channels)
    return np.square(blocks - blocks.mean((2, 4), keepdims=True)).sum((0, 1, 2, 3, 4))


def _answers(network: nn.Layer, images: Tensor) -> list[np.ndarray]:
    flat = paddle.utils.flatten(network(images[:_SEEN]))
    return [each.numpy() for each in flat if isinstance(each, Tensor)]


def _are_alike(got: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    return all(
        np.abs(ours - theirs).max() <= _ALIKE * np.ptp(theirs) for ours, theirs in zip(got, wanted)
    )
