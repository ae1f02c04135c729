"""Safe loading for code that is not ours: PaddleClas's trainer calls ``paddle.load`` itself, and
Paddle unpickles CIFAR."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, BinaryIO

from ..common.errors import OctConvError
from ..common.safe_pickle import load_pickle
from ..weights.safe_load import check_weights_file, trusted
from .patch import TRAINER, Patch

LOAD = Patch(
    "paddle.load",
    TRAINER,
    "it unpickles, which runs whatever code a file holds: each file is checked before",
)
CIFAR = Patch(
    "paddle.vision.datasets.cifar.pickle",
    TRAINER,
    "it unpickles the archive that a config names, which runs whatever code that holds: arrays and "
    "containers are read",
)
PATCHES = (LOAD, CIFAR)


def guard_paddle_load() -> None:
    """Make ``paddle.load`` check every file before it unpickles it, in this process, and Paddle's
    CIFAR read arrays alone."""
    import paddle
    from paddle.vision.datasets import cifar

    LOAD.wrap(paddle, _load_checked)
    CIFAR.put(cifar, SimpleNamespace(load=_load_batch))


def _load_checked(load, path, **configs):
    # What is no file would be a folder of an older format, which PaddleClas does not use.
    check_weights_file(path)
    return load(path, **configs)


def _load_batch(file: BinaryIO, encoding: str) -> dict[bytes, Any]:
    if trusted():
        return pickle.load(file, encoding=encoding)
    try:
        batch = load_pickle(file)
        return {
            key.encode("latin1") if isinstance(key, str) else key: getattr(value, "value", value)
            for key, value in batch.items()
        }
    except Exception as error:  # a damaged pickle can end in almost any exception
        raise OctConvError(
            f"dataset.data_file: a batch is not CIFAR's, or refers to more than arrays: {error}"
        ) from None
