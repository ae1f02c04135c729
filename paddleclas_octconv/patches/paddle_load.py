"""Safe loading for code that is not ours: PaddleClas's trainer calls ``paddle.load`` itself."""

from __future__ import annotations

from ..weights.safe_load import check_weights_file
from .patch import TRAINER, Patch

LOAD = Patch(
    "paddle.load",
    TRAINER,
    "it unpickles, which runs whatever code a file holds: each file is checked before",
)
PATCHES = (LOAD,)


def guard_paddle_load() -> None:
    """Make ``paddle.load`` check every file before it unpickles it, in this process."""
    import paddle

    LOAD.wrap(paddle, _load_checked)


def _load_checked(load, path, **configs):
    # What is no file would be a folder of an older format, which PaddleClas does not use.
    check_weights_file(path)
    return load(path, **configs)
