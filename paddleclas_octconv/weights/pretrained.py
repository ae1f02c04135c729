"""The ``pretrained`` argument of a network: weights from a file or an address."""

from __future__ import annotations

import importlib
from pathlib import Path, PurePosixPath

from ..common import urls
from ..common.errors import OctConvError
from .address import SUFFIX, fetch_once, fetched, is_address
from .match import load_into, log, match_weights
from .safe_load import load_weights


def load_pretrained(model, pretrained) -> None:
    """Load what PaddleClas's ``pretrained`` asks for.

    Args:
        model: the network, just built.
        pretrained: False or None; the path of a ``.pdparams`` file, with or without its
            suffix, or its address, of the network's own weights or of its vanilla twin's.

    Raises:
        OctConvError: the file is missing or not safe to load, or its
            weights do not fit.
    """
    if pretrained is False or pretrained is None:
        return
    if not isinstance(pretrained, (str, Path)):
        raise OctConvError(f"pretrained must be False or a path, got {pretrained!r}")
    path = path_of(str(pretrained))
    load_file(model, path, str(path))


def load_file(model, path: Path, source: str) -> None:
    """Load a ``.pdparams`` file.

    Args:
        model: the network.
        path: the file.
        source: what messages call its weights.

    Raises:
        OctConvError: the file is missing or not safe to load, or its weights do not fit.
    """
    try:
        weights = load_weights(path)
    except OctConvError as error:
        raise OctConvError(f"pretrained: {error}") from None
    fitted = match_weights(model, weights, f"pretrained: {source}")
    load_into(model, fitted.weights)
    log(f"{model.arch_name}: loaded {source}: {fitted.note}")


def downloaded(url: str, copy: str) -> Path:
    """A file of weights from an address, in the cache of a PaddleClas.

    Raises:
        OctConvError: it cannot be downloaded, or is no file of weights.
    """
    home = Path(importlib.import_module(f"{copy}.utils.download").WEIGHTS_HOME)
    name = PurePosixPath(urls.split(url, "pretrained").path).name
    return fetch_once(url, home / name, "pretrained")


def path_of(pretrained: str) -> Path:
    """The file that ``pretrained`` names, by its path, with or without its suffix, or its address.

    Raises:
        OctConvError: it cannot be fetched, or is of a format that has to be converted first.
    """
    if is_address(pretrained):
        return fetched(pretrained, "pretrained")
    if Path(pretrained).suffix in (".pth", ".pt", ".params", ".tar"):
        raise OctConvError(
            f"pretrained: {pretrained}: convert these weights first (paddleclas convert-weights)"
        )
    return Path(pretrained if pretrained.endswith(SUFFIX) else pretrained + SUFFIX)
