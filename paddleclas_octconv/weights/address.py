"""Weights at an address, fetched once."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from ..common import urls
from ..common.download import download
from ..common.errors import OctConvError
from ..common.files import reason
from ..common.locks import hold
from ..common.say import say
from ..trainer.fetch import cache_folder

SUFFIX = ".pdparams"


def is_address(weights: str) -> bool:
    """Whether weights are named by an address, not by a path."""
    return weights.startswith(("http://", "https://"))


def fetched(address: str, key: str) -> Path:
    """The file at an address, in the cache folder, where each address has a file of its own.

    Args:
        address: of a ``.pdparams`` file.
        key: of the config that gave it, for messages.

    Raises:
        OctConvError: it is no such address, or the file cannot be downloaded or kept.
    """
    name = PurePosixPath(urls.split(address, key).path).name
    if not name.endswith(SUFFIX):
        raise OctConvError(f"{key}: {address}: should be the address of a {SUFFIX} file")
    # Many trainings leave a best_model.pdparams.
    folder = cache_folder() / "weights" / hashlib.sha256(address.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold(folder / ".lock"):
            if not (folder / name).is_file():
                say(f"fetching {address}, once")
                download(address, folder / name, None)
    except OctConvError as error:
        raise OctConvError(f"{key}: {error}") from None
    except OSError as error:
        raise OctConvError(f"{folder}: cannot hold weights: {reason(error)}") from None
    return folder / name
