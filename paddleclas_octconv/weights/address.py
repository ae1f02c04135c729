"""Weights at an address, fetched once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from ..common import urls
from ..common.download import download
from ..common.errors import OctConvError
from ..common.files import reason
from ..common.locks import hold
from ..common.say import say
from ..trainer.fetch import cache_folder
from .safe_load import check_weights_file

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
        OctConvError: it is no such address, or the file cannot be downloaded or kept, or is no file
            of weights.
    """
    name = PurePosixPath(urls.split(address, key).path).name
    if not name.endswith(SUFFIX):
        raise OctConvError(f"{key}: {address}: should be the address of a {SUFFIX} file")
    # Many trainings leave a best_model.pdparams.
    folder = cache_folder() / "weights" / hashlib.sha256(address.encode()).hexdigest()[:16]
    return fetch_once(address, folder / name, key)


def fetch_once(address: str, file: Path, key: str) -> Path:
    """Make a file of weights that is not there the one at an address; returns the file.

    Safe to call from several processes at once: one of them does the work.

    Args:
        address: of the weights.
        file: where they are kept.
        key: of the config that asks for them, for messages.

    Raises:
        OctConvError: they cannot be downloaded or kept, or are no weights.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with hold(file.with_name(f".{file.name}.lock")):
            if not file.is_file():
                say(f"fetching {address}, once")
                new = file.with_name(f"{file.name}.new")
                download(address, new, None)
                try:
                    check_weights_file(new)  # else what is none would stay, and be taken again
                except OctConvError as error:
                    new.unlink()
                    message = str(error).replace(str(new), address)
                    raise OctConvError(f"{message}; it is not kept") from None
                os.replace(new, file)
    except OctConvError as error:
        raise OctConvError(f"{key}: {error}") from None
    except OSError as error:
        raise OctConvError(f"{file.parent}: cannot hold weights: {reason(error)}") from None
    return file
