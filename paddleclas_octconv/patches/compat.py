"""What PaddleClas's trainers need on today's Paddle."""

from __future__ import annotations

import functools
from pathlib import Path

from ..trainer import fetch
from ..trainer.locate import Trainer


def is_pinned(root: Path) -> bool:
    """Whether a trainer is the pinned version, wherever it is installed."""
    return Trainer(root, "").version == fetch.TRAINER.version


# Versions of Paddle with which every mode of every trainer is tested (docs/compatibility.md).
TESTED = ("2.6.2", "3.2.2")
_BROKEN = {
    version: "CPU inference with oneDNN fails (ConvertPirAttribute2RuntimeAttribute)"
    for version in ("3.3.0", "3.3.1")
}


def paddle_warning(version: str) -> str | None:
    """What to expect of a version of Paddle, in one line; None of one that is tested."""
    if version in TESTED:
        return None
    what = _BROKEN.get(version, "it is not tested with this package")
    return f"Paddle {version}: {what}; take {TESTED[-1]}, or {TESTED[0]}"


def give_scalars_one_dimension() -> None:
    """Make ``Tensor.numpy()`` give 0-D results the shape (1,). For the pinned trainer alone.

    PaddleClas 2.4.2 reads scalars by ``tensor.numpy()[0]``. They are 0-D since Paddle 2.5, and the
    flag that brings the old shape back (``FLAGS_set_to_1d``) is gone from Paddle 3.
    """
    import paddle

    numpy = paddle.Tensor.numpy

    @functools.wraps(numpy)
    def numpy_of_one_dimension(self, *args, **kwargs):
        array = numpy(self, *args, **kwargs)
        return array.reshape(1) if array.ndim == 0 else array

    paddle.Tensor.numpy = numpy_of_one_dimension


def give_cpu_a_device_id() -> None:
    """Let ``ParallelEnv().device_id`` be 0 on a CPU.

    Paddle documents that default, but its CPU build lacks the attribute, which PaddleClas reads
    since 2.5 when it evaluates on many processes.
    """
    from paddle.distributed import ParallelEnv

    if not hasattr(ParallelEnv, "_device_id"):
        ParallelEnv._device_id = 0
