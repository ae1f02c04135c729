"""From a trained vanilla network to an octave network without training, in closed form.

Layer by layer, in the order in which the octave network calls its convolutions: the calibration
images that it needs come to a layer, through layers that are solved already; what the vanilla
network gives there is the target; then the layer is solved, and all go on. Each network runs once
(``lanes.py``).
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter, deque
from typing import Any, Callable, Iterator, cast

import numpy as np
import paddle
from paddle import Tensor, nn

from ..common.errors import OctConvError, explained
from ..layers import OctaveLayer, OctConv2D
from ..layers.cutting import SAME_ORDER
from ..weights.match import Match, load_into, match_weights
from ..weights.network import OctaveNetwork, keep_state, state_of
from .channels import smoothest_last
from .images import PIECE, Images, as_array
from .lanes import Lane, give_back, stopping
from .layer import Fit, Targets


def calibrate(
    octave: nn.Layer,
    vanilla: nn.Layer,
    images: Images,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    is_ordered: bool = False,
) -> nn.Layer:
    """Make an octave network compute what its trained vanilla twin does, without training.

    Low become the channels that lose least at half the resolution, where the network computes the
    same with its channels in that order (``channels.py``).
    Each octave convolution gets the kernels with which, on what the octave network brings to it,
    it comes closest (least squares) to what the vanilla convolution gives: at full resolution for
    its high channels, averaged over 2x2 for its low ones. They are held near the projected kernels
    (``projection.py``), to which they fall back where the images say nothing. Everything else,
    batch norms among it, is the vanilla network's.

    All images go through either network once. Of large maps, a few images give cells enough: the
    others come when a layer needs them, through layers that are solved already. So memory grows
    with what both networks keep, between two layers, of the images that the layer is solved on.

    Args:
        octave: the network to calibrate: one of this package's, or an octavised one. Whatever
            weights it has are lost.
        vanilla: its twin, trained. Its channels have another order meanwhile; then it is what it
            was.
        images: some hundred, as the networks take them, without labels: an array or tensor
            (N, C, H, W), or an iterable of batches.
        seed: of the cells of large maps that the equations are made of. The same seed gives the
            same weights, however the images come in batches.
        progress: called with the number of convolutions solved and that of all.
        is_ordered: whether the vanilla network has its smoothest channels last already
            (``put_smoothest_last``): once, where several octave networks are made of it.

    Returns:
        ``octave``, in the mode (training or evaluation) in which it was.

    Raises:
        OctConvError: the images are wrong or too few, the networks do not run on them, or are no
            twins; ``octave`` is unchanged then.
    """
    if type(seed) is not int or seed < 0:
        raise OctConvError(f"calibrate: seed must be a whole number from 0, got {seed!r}")
    array = as_array(images)
    _check(octave, vanilla)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_evaluating(octave, vanilla))
        stack.enter_context(_kept_unless_done(octave))
        stack.enter_context(explained(f"{type(octave).__name__} cannot be calibrated"))
        if not is_ordered:
            stack.enter_context(smoothest_last(vanilla, array))
        load_into(octave, _cut(octave, vanilla).weights)
        _Walk(octave, vanilla, array, seed, progress).run()
    return octave


def arrays_of(network: nn.Layer) -> dict[str, np.ndarray]:
    """The parameters and statistics of a network, by name."""
    return {key: value.numpy() for key, value in state_of(network).items()}


def _cut(octave: Any, vanilla: nn.Layer) -> Match:
    """The vanilla network's weights, cut for the octave network."""
    return match_weights(octave, arrays_of(vanilla), "the vanilla network", new_classes=False)


def _check(octave: nn.Layer, vanilla: nn.Layer) -> None:
    """Check that networks are twins, and that neither is in a form that cannot be solved."""
    kind = type(octave).__name__
    if not isinstance(octave, OctaveNetwork):
        raise OctConvError(f"calibrate takes an octave network and its vanilla twin, got {kind}")
    layers = octave.named_sublayers()
    if any(getattr(layer, "is_repped", False) for _, layer in layers):
        raise OctConvError(f"calibrate: {kind} is in its deploy form: build it anew")
    for key, value in arrays_of(vanilla).items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise OctConvError(f"calibrate: {key} of the vanilla network is not finite")
    if not _cut(octave, vanilla).vanilla:
        raise OctConvError(f"calibrate: the vanilla network is {octave.arch_name} itself")


@contextlib.contextmanager
def _evaluating(*networks: nn.Layer) -> Iterator[None]:
    layers = [layer for each in networks for layer in each.sublayers(include_self=True)]
    before = [layer.training for layer in layers]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for layer, was in zip(layers, before):
            layer.training = was


@contextlib.contextmanager
def _kept_unless_done(network: nn.Layer) -> Iterator[None]:
    """Give a network its weights back if something fails."""
    restore = keep_state(network)
    try:
        yield
    except BaseException:
        restore()
        raise


class _Walk:
    """Both networks on all images, from convolution to convolution."""

    def __init__(
        self,
        octave: Any,
        vanilla: nn.Layer,
        images: np.ndarray,
        seed: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.octave, self.vanilla, self.images = octave, vanilla, images
        self.progress = progress
        self.ours, self.theirs = _convolutions(octave), _convolutions(vanilla)
        orders = cast(OctaveNetwork, octave).twin_orders()
        self.fits: dict[str, Fit] = {}
        self.twins: dict[str, Fit] = {}  # by the names of the vanilla network
        for number, (name, layer) in enumerate(self.ours.items()):
            if isinstance(layer, OctConv2D) and not layer.is_vanilla:
                twin = octave.twin_key(f"{name}.weight").rpartition(".")[0]
                if twin not in self.theirs:
                    raise OctConvError(
                        f"calibrate: {twin} of the vanilla network is not a convolution"
                    )
                order = orders.get(name, SAME_ORDER)
                fit = Fit(layer, self.theirs[twin], order, (seed, number))
                self.fits[name] = self.twins[twin] = fit

    def run(self) -> None:
        calls = self._calls()
        total = sum(map(calls.count, self.fits))
        solved: Counter = Counter()
        with contextlib.ExitStack() as stack:
            stack.enter_context(paddle.no_grad())
            convolve = stack.enter_context(stopping(self.ours))
            teach = stack.enter_context(stopping(self.theirs))
            pieces: list[_Piece] = []
            for number, name in enumerate(calls):
                for piece in pieces:
                    piece.check(name)
                if name in self.fits:
                    fit = self.fits[name]
                    for first in range(len(pieces) * PIECE, fit.images, PIECE):
                        pieces.append(
                            _Piece(self, self._tensor(first, first + PIECE), first, teach)
                        )
                        stack.callback(pieces[-1].end)
                        pieces[-1].start()
                        for passed in calls[:number]:
                            pieces[-1].check(passed)
                            pieces[-1].go_on(convolve(passed, pieces[-1].stop.input))
                        pieces[-1].check(name)
                    for piece in pieces[: math.ceil(fit.images / PIECE)]:
                        fit.add(piece.stop.input, piece.targets(fit))
                    fit.solve()
                    solved[name] += 1
                    if solved[name] == calls.count(name):
                        fit.forget()
                    if self.progress:
                        self.progress(sum(solved.values()), total)
                if sum(solved.values()) == total:  # the rest of the network is the vanilla one's
                    break
                for piece in pieces:
                    piece.go_on(convolve(name, piece.stop.input))
                give_back()

    def _calls(self) -> list[str]:
        """The convolutions in the order in which the octave network calls them; each is told how
        many images it is solved on, no fewer than those before it."""
        calls = []
        images = 0
        with paddle.no_grad(), stopping(self.ours) as convolve:
            lane = Lane(self.octave, self._tensor(0, 1))
            try:
                stop = lane.start()
                while stop is not None:
                    calls.append(stop.name)
                    output = convolve(*stop)
                    if stop.name in self.fits:
                        fit = self.fits[stop.name]
                        images = fit.images = max(images, fit.needed(output, len(self.images)))
                    stop = lane.go_on(output)
            finally:
                lane.end()
        if not set(calls) & set(self.fits):
            kind = type(self.octave).__name__
            raise OctConvError(f"calibrate: the forward of {kind} calls no octave convolution")
        return calls

    def _tensor(self, first: int, end: int) -> Tensor:
        return paddle.to_tensor(self.images[first:end], dtype=self.octave.parameters()[0].dtype)


class _Piece:
    """Some of the images in both networks.

    Attributes:
        stop: where the octave network waits.
    """

    def __init__(self, walk: _Walk, images: Tensor, first: int, teach: Callable) -> None:
        self._twins, self._teach, self._first = walk.twins, teach, first
        self._learner, self._teacher = Lane(walk.octave, images), Lane(walk.vanilla, images)
        self.stop: Any = None
        self._lesson: Any = None
        self._uses: Counter = Counter()
        self._targets: dict[int, deque[dict[str, Targets]]] = {}

    def start(self) -> None:
        """Take both networks to their first convolutions."""
        self.stop = self._learner.start()
        self._lesson = self._teacher.start()

    def check(self, name: str) -> None:
        """Check that the octave network waits at a convolution."""
        if self.stop is None or self.stop.name != name:
            raise OctConvError(f"calibrate: whether {name} is called depends on the images")

    def go_on(self, output: Any) -> None:
        """Take the octave network from where it is to its next convolution."""
        self.stop = None  # so that its input is kept only by those who need it yet
        self.stop = self._learner.go_on(output)

    def targets(self, fit: Fit) -> dict[str, Targets]:
        """What the vanilla network gives at a convolution, to which it is taken."""
        mine = self._targets.setdefault(id(fit), deque())
        while not mine:
            if self._lesson is None:
                raise OctConvError("calibrate: the vanilla network calls fewer convolutions")
            name, x = self._lesson
            self._lesson = None
            output = self._teach(name, x)
            if name in self._twins and self._first < self._twins[name].images:
                passed = self._twins[name]
                passed.project_once(x)
                targets = passed.targets(output, self._first, self._uses[name])
                self._targets.setdefault(id(passed), deque()).append(targets)
                self._uses[name] += 1
            del x
            self._lesson = self._teacher.go_on(output)
            del output
        return mine.popleft()

    def end(self) -> None:
        self._learner.end()
        self._teacher.end()


def _convolutions(network: nn.Layer) -> dict[str, Any]:
    """The convolutions by name, an octave one as a whole."""
    layers = dict(network.named_sublayers(include_self=True))
    parts = {
        id(part)
        for layer in layers.values()
        if isinstance(layer, OctaveLayer)
        for part in layer.sublayers()
    }
    return {
        name: layer
        for name, layer in layers.items()
        if isinstance(layer, (nn.Conv2D, OctConv2D)) and id(layer) not in parts
    }
