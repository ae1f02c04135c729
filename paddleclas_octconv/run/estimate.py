"""What a training will take on this machine's CPU, before it starts: time and memory, roughly."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

import psutil

from ..backbones.catalogue import CATALOGUE
from ..backbones.counts import COUNTS, IMAGE_SIZE, Counts
from ..common import machine
from ..common.errors import OctConvError
from ..config import Config
from ..config.image_size import size_after, size_of
from ..config.recipe import Recipe
from ..data.list_files import delimiter_of, read_lines

# Multiply-adds a second and core that training reaches at least, with AVX2 alone, too.
SPEED = 5e9
_PASSES = 3  # a step forward and its two back
_BYTES_AN_ELEMENT = 8  # of a feature map: its float32 and its gradient's
_BYTES_A_PARAMETER = 16  # itself, its gradient, two moments
_PROCESS = 600 << 20  # Paddle itself
PATIENCE = 3 * 3600.0  # seconds; what takes longer is not started without being asked for


@dataclass
class Estimate:
    """Of a whole training.

    Attributes:
        seconds: with all CPUs that this process may use.
        memory: bytes at the largest.
    """

    seconds: float
    memory: float


def estimate(config: Config, images: Mapping[str, int] | None = None) -> Estimate | None:
    """What training with a config takes on the CPU; None where its network is not known here.

    Args:
        config: the whole config.
        images: how many, as of ``count_images``; None: as the config's lists say.
    """
    counts, is_vanilla = _counts(config.at("Arch.name"))
    images = count_images(config) if images is None else images
    count = images.get("Train")
    if counts is None or count is None:
        return None
    size = size_after(config.dataset("Train").get("transform_ops")) or size_of(config)
    if size is None:
        return None
    height, width = size
    share = height * width / IMAGE_SIZE**2
    cost = (counts.vanilla_multiply_adds if is_vanilla else counts.multiply_adds) * share
    passes = count * _PASSES * config.epochs
    if config.at("Global.eval_during_train"):
        evaluations = config.epochs // config.at("Global.eval_interval")
        passes += images.get("Eval", 0) * evaluations
    batch_size = config.batch_size or 1
    memory = (
        _PROCESS
        + counts.parameters * _BYTES_A_PARAMETER
        + min(batch_size, count) * counts.elements * share * _BYTES_AN_ELEMENT
    )
    return Estimate(passes * cost / (SPEED * machine.cpu_count()), memory)


def check_cpu(config: Config, config_file: str, is_asked_for: bool) -> str | None:
    """See that a training can be done where it will run.

    Args:
        config: the whole config.
        config_file: as the user names it.
        is_asked_for: whether the user has said that it shall run on the CPU.

    Returns:
        A warning, where there is something to be warned of.

    Raises:
        OctConvError: a recipe for GPUs would take very long, or more memory than there is; with
            the command that fits.
    """
    device = config.device
    if device not in ("cpu", "gpu") or (device == "gpu" and machine.has_gpu()):
        return None
    images = count_images(config)
    expected = estimate(config, images)
    if expected is None:
        return None
    total = psutil.virtual_memory().total
    too_long, too_much = expected.seconds > PATIENCE, expected.memory > total
    if not (too_long or too_much):
        return None
    where = told_on_cpu(expected.seconds)
    memory = f"{expected.memory / 2**30:.0f} of {total / 2**30:.0f} GiB of memory"
    what = f"{where} and {memory}" if too_much or device == "gpu" else where
    if is_asked_for or (device == "cpu" and not too_much):
        return what
    key = "DataLoader.Train.sampler.batch_size: too large for this machine" if too_much else ""
    if device == "gpu":
        key = "Global.device: gpu, but Paddle sees none here"
    raise _refusal(config, images, config_file, f"{key}: {what}")


def _refusal(
    config: Config, images: Mapping[str, int], config_file: str, what: str
) -> OctConvError:
    fitting = next(_fitting(config, images), None)
    if fitting is None:
        return OctConvError(f"{what}; --device cpu starts it anyway")
    recipe, expected = fitting
    options = [
        f"--{name.replace('_', '-')} {value}"
        for name in ("image_size", "batch_size", "epochs")
        for value in [getattr(recipe, name)]
        if value is not None
    ]
    command = f"paddleclas train -c {shlex.quote(config_file)} --device cpu {' '.join(options)}"
    return OctConvError(
        f"{what}. '{command.strip()}' takes up to {told(expected.seconds)}; --device cpu "
        "alone starts it unchanged"
    )


def _fitting(config: Config, images: Mapping[str, int]) -> Iterator[tuple[Recipe, Estimate]]:
    """Smaller recipes that this machine can do, the one nearest to the config first."""
    memory = psutil.virtual_memory().total / 2
    size = size_of(config) if config.at("Global.image_shape") else None
    _, width = size or (0, 0)
    sizes = [None, *(side for side in (128, 96, 64, 32) if side < width)]
    batch_size = config.batch_size or 1
    batches = [None, *(2**power for power in range(10, 2, -1) if 2**power < batch_size)]
    for count in (None, *(number for number in (12, 5, 2, 1) if number < config.epochs)):
        for side in sizes:
            for batch in batches:
                recipe = Recipe(epochs=count, image_size=side, batch_size=batch)
                try:
                    expected = estimate(config.with_recipe(recipe), images)
                except OctConvError:  # images that are not square
                    continue
                if expected and expected.seconds <= PATIENCE and expected.memory <= memory:
                    yield recipe, expected


def told(seconds: float) -> str:
    """A time as people say it."""
    for unit, length in (("days", 86400), ("hours", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, round(seconds / 60))} min"


def told_on_cpu(seconds: float) -> str:
    """What a training would take here; less where the processor is faster than ``SPEED``."""
    cores = machine.cpu_count()
    return f"on {cores} CPU core{'s' * (cores > 1)} this would take up to {told(seconds)}"


def _counts(name: Any) -> tuple[Counts | None, bool]:
    """What a network counts, and whether it is the vanilla one of the two."""
    if name in COUNTS:
        return COUNTS[name], False
    octave = next((each for each, backbone in CATALOGUE.items() if backbone.twin == name), None)
    return COUNTS.get(octave or ""), True


def count_images(config: Config) -> dict[str, int]:
    """How many images the lists of "Train" and "Eval" name; without those that cannot be read."""
    found = {}
    for part in ("Train", "Eval"):
        dataset = config.dataset(part)
        path = dataset.get("cls_label_path")
        if isinstance(path, str):
            with contextlib.suppress(OctConvError):
                found[part] = len(read_lines(Path(path), part, delimiter_of(dataset)))
    return found
