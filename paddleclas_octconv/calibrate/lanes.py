"""Networks that stop at their convolutions, so that all images pass a layer before the next one.

A lane is one network on one piece of the images. It runs in a thread of its own, but never at the
same time as another: it goes on when it is told to and stops at the next convolution, whose input
it hands over and whose output it waits for. So a lane holds just what the network still needs, and
every network runs once, whatever is done between two of its layers.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from queue import SimpleQueue
from typing import Any, Callable, Iterator, Mapping, NamedTuple

import paddle
from paddle import nn


class Stop(NamedTuple):
    """A lane has come to a convolution.

    Attributes:
        name: of the layer.
        input: what it is called on.
    """

    name: str
    input: Any


class _Ended(BaseException):
    """Ends a lane that nobody will hear of any more; no network's ``except Exception`` takes it."""


_here = threading.local()  # .lane: the one that runs in this thread


class Lane:
    """A network on a piece of the images.

    Args:
        network: one whose convolutions are ``stopping``.
        images: (N, C, H, W).
    """

    def __init__(self, network: nn.Layer, images: paddle.Tensor) -> None:
        self._orders: SimpleQueue = SimpleQueue()
        self._reports: SimpleQueue = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(network, images), daemon=True)

    def start(self) -> Stop | None:
        """Run to the first convolution; None if there is none."""
        self._thread.start()
        return self._heard()

    def go_on(self, output: Any) -> Stop | None:
        """Run from the convolution where it stopped, which gave ``output``, to the next one.

        Returns:
            Where it stopped, or None if the network is through.
        """
        self._orders.put(output)
        return self._heard()

    def end(self) -> None:
        """Leave the network where it is."""
        if self._thread.is_alive():
            self._orders.put(_Ended())
            self._thread.join()

    def call(self, name: str, x: Any) -> Any:
        """What the convolution of this name gives: called in the lane's own thread."""
        self._reports.put(Stop(name, x))
        del x
        output = self._orders.get()
        if isinstance(output, _Ended):
            raise output
        return output

    def _heard(self) -> Stop | None:
        report = self._reports.get()
        if isinstance(report, BaseException):
            raise report
        return report

    def _run(self, network: nn.Layer, images: paddle.Tensor) -> None:
        _here.lane = self
        try:
            with paddle.no_grad():
                network(images)
            self._reports.put(None)
        except _Ended:
            pass
        except BaseException as error:
            self._reports.put(error)


def give_back() -> None:
    """Give the memory that lanes have freed back to the system: glibc keeps it for each thread."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # other C libraries keep none
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def stopping(layers: Mapping[str, nn.Layer]) -> Iterator[Callable[[str, Any], Any]]:
    """Make lanes stop at these layers.

    Args:
        layers: by the names under which lanes tell of them.

    Yields:
        What computes a layer, given its name and its input.
    """
    forwards = {name: layer.forward for name, layer in layers.items()}
    had = {name: vars(layer).get("forward") for name, layer in layers.items()}

    def stopped(name: str) -> Callable:
        def forward(x: Any) -> Any:
            lane = getattr(_here, "lane", None)
            return forwards[name](x) if lane is None else lane.call(name, x)

        return forward

    try:
        for name, layer in layers.items():
            vars(layer)["forward"] = stopped(name)
        yield lambda name, x: forwards[name](x)
    finally:
        for name, layer in layers.items():
            vars(layer).pop("forward", None)
            if had[name] is not None:
                vars(layer)["forward"] = had[name]
