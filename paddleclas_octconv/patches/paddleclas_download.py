"""Weights that are downloaded are one file, and stay one."""

from __future__ import annotations

from typing import NoReturn

from ..common.errors import OctConvError
from .patch import TRAINER, Patch

DECOMPRESS = Patch(
    "ppcls.utils.download._decompress",
    TRAINER,
    "weights whose address leads to an archive are unpacked, by names that can lead out of the "
    "folder, before anybody looks at them: it is refused",
)
PATCHES = (DECOMPRESS,)


def refuse_archives() -> None:
    """Let no downloaded archive be unpacked by the PaddleClas on ``sys.path``.

    Raises (then, when weights are downloaded):
        OctConvError: they are an archive.
    """
    from ppcls.utils import download

    DECOMPRESS.wrap(download, _refuse)


def _refuse(decompress, path: str) -> NoReturn:
    raise OctConvError(f"{path}: an archive was downloaded, where a .pdparams file should be")
