"""Networks that a search tries: how fast each is, and what it loses."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence

from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import write_atomically
from ..common.worker import Progress
from .engine import VANILLA, Exports
from .evaluation import fitting, score
from .images import Images
from .search import ALPHAS, Alphas, Measured, shown
from .task import Task, octave_arch

TRIED = "tried"
SAMPLE = 4000  # of the evaluation list, to judge networks by: of 1000, half a point is chance
ROUGHLY = 64  # images to calibrate on, and as many to judge by, where that will do
TRYING = 160  # images to calibrate whole networks on; the one that is chosen has all
ROUNDS, AT_ONCE = 8, 8  # of latencies; networks that are measured together


class Trials:
    """Networks that are octave at some resolutions, each measured once.

    Args:
        task: what is asked for.
        exports: where the vanilla network is exported.
        evaluated: the images of the evaluation list, in an order drawn by chance.
        strides: of the resolutions.
        tell: is told what is done now.
        file: what has been measured is kept there: a killed run goes on with it.
    """

    def __init__(
        self,
        task: Task,
        exports: Exports,
        evaluated: Images,
        strides: Sequence[int],
        tell: Callable[..., None],
        file: Path,
    ) -> None:
        self._task, self._exports, self._tell = task, exports, tell
        self._strides, self._kept = strides, Kept(file)
        self._able: dict[Alphas, bool] = {}
        self._sample = evaluated.chosen(range(min(SAMPLE, len(evaluated.paths))))
        self._vanilla = exports.ask(VANILLA, self._sample, self._telling(()))
        self._sample = fitting(self._sample, self._vanilla)

    def everything(self) -> Alphas:
        """The network in which all that can be octave is, as far as it is tried."""
        count = len(self._strides)
        alone = (
            tuple(ALPHAS[0] * (place == index) for place in range(count)) for index in range(count)
        )
        return tuple(ALPHAS[0] * self._is_octave(alphas) for alphas in alone)

    def arch(self, alphas: Alphas) -> dict[str, Any]:
        """``Arch`` of a network."""
        side = self._task.shape[-1]
        return octave_arch(self._task.vanilla, list(alphas), side, by_resolution=True)

    def time(self, networks: Sequence[Alphas]) -> None:
        """Measure latencies, of some networks in turns with each other; their weights do not
        matter."""
        octave = [each for each in dict.fromkeys(networks) if self._is_octave(each)]
        unknown = [each for each in octave if _latency(each) not in self._kept]
        for first in range(0, len(unknown), AT_ONCE):
            some = {f"{TRIED}{place}": each for place, each in enumerate(unknown[first:][:AT_ONCE])}
            self._exports.draft(self._drafts(some))
            vanilla, *others = self._exports.time(list(some), ROUNDS)
            for alphas, row in zip(some.values(), others):
                self._kept.add(_latency(alphas), vanilla.median_ms, row.median_ms)

    def _drafts(self, labelled: Mapping[str, Alphas]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The label and ``Arch`` of each network, told when it is asked for."""
        for label, alphas in labelled.items():
            self._tell(f"timing {shown(alphas, self._strides)}")
            yield label, self.arch(alphas)

    def latency(self, alphas: Alphas) -> float:
        """The latency of a network over that of the vanilla one."""
        if not self._is_octave(alphas):
            return 1.0
        self.time([alphas])
        vanilla_ms, ms = self._kept[_latency(alphas)]
        return ms / vanilla_ms

    def loss(self, alphas: Alphas) -> float:
        """The divergence of a network: roughly, on few images."""
        key = f"divergence of {json.dumps(alphas)}"
        if not self._is_octave(alphas):
            return 0.0
        if key not in self._kept:
            found = self._exports.loss(self.arch(alphas), ROUGHLY, self._telling(alphas))
            self._kept.add(key, found, ROUGHLY)
        return self._kept[key][0]

    def whole(self, alphas: Alphas) -> Measured:
        """A network that may be the one."""
        key = f"loss of {json.dumps(alphas)}"
        if not self._is_octave(alphas):
            return Measured(alphas, 1.0, 0.0, 0.0)
        if key not in self._kept:
            tell = self._telling(alphas)
            self._exports.solve(self.arch(alphas), min(self._task.images, TRYING), tell)
            self._exports.export(TRIED)
            given = self._exports.ask(TRIED, self._sample, tell)
            found = score(self._sample, self._vanilla, given)
            self._kept.add(key, found.drop, found.divergence)
        return Measured(alphas, self.latency(alphas), *self._kept[key])

    def _telling(self, alphas: Alphas) -> Progress:
        """Tells what is done now; the rest is told by what is returned."""
        what = f"trying {shown(alphas, self._strides)}"
        self._tell(what)
        return lambda done, of: self._tell(what, done, of)

    def _is_octave(self, alphas: Alphas) -> bool:
        """Whether anything of a network is: maps may have too few channels, or be for plain
        tensors alone."""
        if alphas not in self._able:
            self._able[alphas] = self._exports.can_be(self.arch(alphas))
        return self._able[alphas]


def _latency(alphas: Alphas) -> str:
    return f"latency of {json.dumps(alphas)}"


class Kept(Dict[str, List[float]]):
    """What was measured, two numbers each, in a file as well."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        # What is no such file, damaged or not of ours, is measured anew.
        with contextlib.suppress(OctConvError, AttributeError, TypeError, ValueError):
            for key, (first, second) in read_json(file, "").items():
                self[key] = [float(first), float(second)]

    def add(self, key: str, first: float, second: float) -> None:
        """Keep what was measured."""
        self[key] = [first, second]
        write_atomically(self._file, json.dumps(self, indent=1).encode())
