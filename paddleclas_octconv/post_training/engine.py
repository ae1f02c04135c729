"""Networks in the engine that they are to run in: exported, asked, and timed in turns."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from ..common import machine
from ..common.worker import Progress, Worker
from ..deploy import conversion
from ..deploy.engines import CONVERTED
from ..measure.benchmark import measure
from ..measure.cases import Case, Contender, Settings
from ..measure.rows import Row
from .evaluation import Predictions
from .images import Images
from .networks import Networks
from .task import Task

VANILLA, OCTAVE = "vanilla", "octave"


def worker_for(engine: str) -> Worker:
    """A process with ``Networks`` that exports in the format that an engine reads best."""
    converted = CONVERTED.get(engine)
    environ = {"FLAGS_enable_pir_api": "0"} if converted and converted.needs_pdmodel else {}
    return Worker(Networks, machine.cpu_count(), **environ)


class Exports:
    """The octave network that is there now, and exported ones in a folder, for one engine.

    Args:
        worker: that of ``worker_for``.
        task: its engine, image size, transforms and seed.
        folder: an empty one.
    """

    def __init__(self, worker: Worker, task: Task, folder: Path) -> None:
        self._worker, self._engine, self._shape = worker, task.engine, task.shape
        self._seed, self._folder, self._transforms = task.seed, folder, task.transforms
        self._solved: dict[str, Path] = {}  # weights

    def can_be(self, arch: Mapping[str, Any]) -> bool:
        """Whether anything becomes octave by an ``Arch``."""
        return self._worker.call("can_be", arch=arch)

    def solve(self, arch: Mapping[str, Any], images: int, progress: Progress) -> int:
        """Make an octave network, solved, once; its multiply-adds.

        Args:
            arch: its ``Arch``.
            images: of those that were read, at most.
            progress: is told how many convolutions are solved, and of how many.
        """
        kept = self._folder / f"{len(self._solved)}.pdparams"
        file = self._solved.setdefault(json.dumps([arch, images]), kept)
        arguments = {"arch": arch, "images": images, "seed": self._seed, "file": str(file)}
        return self._worker.call("solve", progress, **arguments)["multiply_adds"]

    def loss(self, arch: Mapping[str, Any], images: int, progress: Progress) -> float:
        """By how much a network diverges, as of ``Networks.loss``; arguments as of ``solve``."""
        arguments = {"arch": arch, "images": images, "seed": self._seed}
        return self._worker.call("loss", progress, **arguments)

    def folder(self, label: str) -> Path:
        """Where a network is exported."""
        return self._folder / label

    def export(self, label: str) -> Path:
        """Export the vanilla network (``VANILLA``), or the octave one that is there now.

        Raises:
            OctConvError: it cannot be converted for the engine, or gives something else there.
        """
        folder = self._exported(label)
        if self._engine in CONVERTED:
            conversion.add(CONVERTED[self._engine], folder, self._shape)
        return folder

    def draft(self, archs: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Export octave networks to be timed alone: with cut weights, which are as fast as solved
        ones, and unchecked. Each is converted while the next is exported.

        Args:
            archs: the label and ``Arch`` of each.
        """
        begun = []
        with contextlib.ExitStack() as stack:
            converter = None
            if self._engine in CONVERTED:
                converter = stack.enter_context(Worker(conversion.Conversion))
            for label, arch in archs:
                self._worker.call("cut", arch=arch)
                folder = self._exported(label)
                if converter:
                    what = {"engine": self._engine, "folder": str(folder)}
                    converter.begin("convert_unchecked", **what)
                    begun.append(converter)
            for each in begun:
                each.result("convert_unchecked")

    def _exported(self, label: str) -> Path:
        folder = self.folder(label)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._worker.call("export", folder=str(folder), vanilla=label == VANILLA)
        return folder

    def ask(self, label: str, images: Images, progress: Progress) -> Predictions:
        """What an exported network says of images.

        Args:
            label: of the network.
            images: those that cannot be read are left out.
            progress: is told how many images are done, and of how many.
        """
        file = self._folder / "said.npy"
        places = self._worker.call(
            "ask",
            progress,
            folder=str(self.folder(label)),
            engine=self._engine,
            paths=[str(path) for path in images.paths],
            file=str(file),
            **self._transforms,
        )
        return Predictions(places, np.load(file))

    def time(self, labels: Sequence[str], repeats: int) -> list[Row]:
        """The vanilla network and after it others, measured in turns, one image at a time."""
        size = self._shape[-1]
        contenders = [
            Contender(label, folder=str(self.folder(label)), twin=VANILLA)
            for label in (VANILLA, *labels)
        ]
        cases = [Case(each.label, self._engine, image_size=size) for each in contenders]
        return measure(contenders, cases, Settings(repeats=repeats))
