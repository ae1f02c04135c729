"""Networks in the engine that they are to run in: exported, asked, and timed in turns."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Mapping, Sequence

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

VANILLA, OCTAVE = "vanilla", "octave"


def worker_for(engine: str) -> Worker:
    """A process with ``Networks`` that exports in the format that an engine reads best."""
    converted = CONVERTED.get(engine)
    environ = {"FLAGS_enable_pir_api": "0"} if converted and converted.needs_pdmodel else {}
    return Worker(Networks, machine.cpu_count(), **environ)


class Exports:
    """Exported networks in a folder, for one engine.

    Args:
        worker: that of ``worker_for``.
        engine: its name.
        shape: channels, height and width of an image.
        folder: an empty one.
    """

    def __init__(self, worker: Worker, engine: str, shape: Sequence[int], folder: Path) -> None:
        self._worker, self._engine, self._shape = worker, engine, list(shape)
        self._folder = folder

    def folder(self, label: str) -> Path:
        """Where a network is exported."""
        return self._folder / label

    def export(self, label: str) -> Path:
        """Export the vanilla network (``VANILLA``), or the octave one that is there now.

        Raises:
            OctConvError: it cannot be converted for the engine, or gives something else there.
        """
        folder = self.folder(label)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._worker.call("export", folder=str(folder), vanilla=label == VANILLA)
        if self._engine in CONVERTED:
            conversion.add(CONVERTED[self._engine], folder, self._shape)
        return folder

    def ask(
        self, label: str, images: Images, transforms: Mapping[str, Any], progress: Progress
    ) -> Predictions:
        """What an exported network says of images.

        Args:
            label: of the network.
            images: those that cannot be read are left out.
            transforms: as of ``Task.transforms``.
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
            **transforms,
        )
        return Predictions(places, np.load(file))

    def time(self, label: str, repeats: int) -> tuple[Row, Row]:
        """The vanilla network and another one, measured in turns, one image at a time."""
        size = self._shape[-1]
        contenders = [
            Contender(VANILLA, folder=str(self.folder(VANILLA))),
            Contender(label, folder=str(self.folder(label)), twin=VANILLA),
        ]
        contenders[0].twin = VANILLA
        cases = [Case(each.label, self._engine, image_size=size) for each in contenders]
        vanilla, other = measure(contenders, cases, Settings(repeats=repeats))
        return vanilla, other
