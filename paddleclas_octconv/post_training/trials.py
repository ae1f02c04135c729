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
from .search import ALPHAS, Measured, Setting, shown
from .task import Task, octave_arch

TRIED = "tried"
SAMPLE = 4000  # of the evaluation list, to judge networks by: of 1000, half a point is chance
ROUGHLY = 64  # images to calibrate on, and as many to judge by, where that will do
TRYING = 160  # images to calibrate whole networks on; the one that is chosen has all
ROUNDS, AT_ONCE = 8, 8  # of latencies; networks that are measured together


class Trials:
    """Networks in which some parts are octave, each measured once.

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
        self._able: dict[Setting, bool] = {}
        self._sample = evaluated.chosen(range(min(SAMPLE, len(evaluated.paths))))
        self._vanilla = exports.ask(VANILLA, self._sample, self._telling(Setting(())))
        self._sample = fitting(self._sample, self._vanilla)

    def everything(self) -> Setting:
        """The network in which all that can be octave is, as far as it is tried."""
        count = len(self._strides)
        alone = (
            tuple(ALPHAS[0] * (place == index) for place in range(count)) for index in range(count)
        )
        able = [self._is_octave(Setting(alphas)) for alphas in alone]
        return Setting(tuple(ALPHAS[0] * each for each in able))

    def arch(self, setting: Setting) -> dict[str, Any]:
        """``Arch`` of a network."""
        side = self._task.shape[-1]
        vanilla, alphas = self._task.vanilla, list(setting.alphas)
        return octave_arch(vanilla, alphas, side, setting.plain, by_resolution=True)

    def time(self, settings: Sequence[Setting]) -> None:
        """Measure latencies, of some networks in turns with each other; their weights do not
        matter."""
        octave = [each for each in dict.fromkeys(settings) if self._is_octave(each)]
        unknown = [each for each in octave if _latency(each) not in self._kept]
        for first in range(0, len(unknown), AT_ONCE):
            some = {f"{TRIED}{place}": each for place, each in enumerate(unknown[first:][:AT_ONCE])}
            self._exports.draft(self._drafts(some))
            vanilla, *others = self._exports.time(list(some), ROUNDS)
            for setting, row in zip(some.values(), others):
                self._kept.add(_latency(setting), vanilla.median_ms, row.median_ms)

    def _drafts(self, labelled: Mapping[str, Setting]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The label and ``Arch`` of each network, told when it is asked for."""
        for label, setting in labelled.items():
            self._tell(f"timing {shown(setting, self._strides)}")
            yield label, self.arch(setting)

    def latency(self, setting: Setting) -> float:
        """The latency of a network over that of the vanilla one."""
        if not self._is_octave(setting):
            return 1.0
        self.time([setting])
        vanilla_ms, ms = self._kept[_latency(setting)]
        return ms / vanilla_ms

    def loss(self, setting: Setting) -> float:
        """The divergence of a network: roughly, on few images."""
        key = f"divergence of {json.dumps(setting)}"
        if not self._is_octave(setting):
            return 0.0
        if key not in self._kept:
            found = self._exports.loss(self.arch(setting), ROUGHLY, self._telling(setting))
            self._kept.add(key, found, ROUGHLY)
        return self._kept[key][0]

    def whole(self, setting: Setting) -> Measured:
        """A network that may be the one."""
        key = f"loss of {json.dumps(setting)}"
        if not self._is_octave(setting):
            return Measured(setting, 1.0, 0.0, 0.0)
        if key not in self._kept:
            tell = self._telling(setting)
            self._exports.solve(self.arch(setting), min(self._task.images, TRYING), tell)
            self._exports.export(TRIED)
            given = self._exports.ask(TRIED, self._sample, tell)
            found = score(self._sample, self._vanilla, given)
            self._kept.add(key, found.drop, found.divergence)
        return Measured(setting, self.latency(setting), *self._kept[key])

    def _telling(self, setting: Setting) -> Progress:
        """Tells what is done now; the rest is told by what is returned."""
        what = f"trying {shown(setting, self._strides)}"
        self._tell(what)
        return lambda done, of: self._tell(what, done, of)

    def _is_octave(self, setting: Setting) -> bool:
        """Whether anything of a network is: maps may have too few channels, or be for plain
        tensors alone."""
        if setting not in self._able:
            self._able[setting] = self._exports.can_be(self.arch(setting))
        return self._able[setting]


def _latency(setting: Setting) -> str:
    return f"latency of {json.dumps(setting)}"


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
