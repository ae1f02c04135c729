"""Adds the model of another engine to an exported folder, checked against Paddle Inference."""

from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Iterator, Sequence

import numpy as np

from ..common.errors import OctConvError
from ..common.files import demand_room, writing
from ..common.worker import Worker
from . import agreement, metadata
from .engines import CONVERTED, ConvertedEngine
from .predictor import create_predictor


def add(
    engine: ConvertedEngine,
    folder: Path,
    image_shape: Sequence[int],
    images: np.ndarray | None = None,
) -> float:
    """Write an engine's float32 model into an exported folder, and check it.

    The work is done in a process of its own: converters can end the one they run in, and set what
    holds for a whole process.

    Args:
        engine: converts.
        folder: holds the exported model.
        image_shape: channels, height and width; a size that is not positive stands for any.
        images: preprocessed real images (N, C, H, W) to compare on, if there are any.

    Returns:
        How far it is from Paddle Inference, as ``agreement.Difference.relative``.

    Raises:
        OctConvError: the model cannot be converted or gives something else.
        OSError: there is no room for it.
    """
    with room_demanded(folder, engine.option), TemporaryDirectory(
        prefix="conversion-"
    ) as scratch, Worker(Conversion) as worker:
        file = None
        if images is not None:
            file = str(Path(scratch, "images.npy"))
            np.save(file, images)
        return worker.call(
            "convert",
            engine=engine.name,
            folder=str(folder),
            image_shape=list(image_shape),
            images=file,
        )


@contextlib.contextmanager
def room_demanded(folder: Path, option: str) -> Iterator[None]:
    """Where an error within comes of a full disk, that is told.

    Args:
        folder: an exported one, in which a model of another engine is written.
        option: that asks for it.

    Raises:
        OctConvError: there is no room in the folder for temporary files.
        OSError: there is none in that folder.
    """
    try:
        yield
    except OctConvError:
        size = sum(file.stat().st_size for file in folder.glob("*.pdiparams"))
        demand_room(folder, size)
        with writing(f"--{option}: temporary files in", gettempdir()):
            demand_room(gettempdir(), size)
        raise


class Conversion:
    """What the process does."""

    def convert(
        self, engine: str, folder: str, image_shape: list[int], images: str | None = None
    ) -> float:
        """Convert and check, as ``add`` says; ``images`` is the path of a ``.npy`` file."""
        self.convert_unchecked(engine, folder)
        given = np.load(images) if images else None
        return check(CONVERTED[engine], Path(folder), image_shape, given)

    def convert_unchecked(self, engine: str, folder: str) -> None:
        """Convert alone, which takes a fifth of the time: for what is timed and thrown away."""
        CONVERTED[engine].convert(Path(folder))


def check(
    engine: ConvertedEngine,
    folder: Path,
    image_shape: Sequence[int],
    images: np.ndarray | None = None,
) -> float:
    """Compare an engine's float32 model with the Paddle model beside it; arguments as of ``add``.

    Raises:
        OctConvError: they give something else.
    """
    models: list[agreement.Forward] = [
        create_predictor(folder, engine="paddle").outputs,
        create_predictor(folder, engine=engine.name).outputs,
        engine.open_plainly(folder / engine.files["fp32"]).outputs,
    ]
    if metadata.threshold_of(metadata.read(folder) or {}) is not None:
        models = [agreement.before_sigmoid(model) for model in models]
    wanted, given, plain = models
    what = f"--{engine.option}: {engine.files['fp32']}"
    found = agreement.demand(what, wanted, given, image_shape, images)
    # Other programs open it so: an engine may then take another precision, and other kernels.
    noise = agreement.noise(image_shape, agreement.PLAIN_IMAGES)
    agreement.demand_steady(what, wanted, plain, noise)
    return found.relative
