"""The ``pretrained`` argument of a backbone."""

from __future__ import annotations

import importlib
from pathlib import Path
from urllib.parse import urlsplit

from ..common.errors import OctConvError
from .match import load_into, log, match_weights
from .safe_load import load_weights

SUFFIX = ".pdparams"


def load_pretrained(model, pretrained, copy: str = "ppcls") -> None:
    """Load what PaddleClas's ``pretrained`` asks for.

    Args:
        model: the network, just built.
        pretrained: False or None; True; the path of a ``.pdparams`` file, with or without its
            suffix, or its address, of the network's own weights or of its vanilla twin's.
        copy: the package of the PaddleClas that downloads them.

    Raises:
        OctConvError: no weights are published, the file is missing or not safe to load, or its
            weights do not fit.
    """
    if pretrained is False or pretrained is None:
        return
    if pretrained is True:
        raise OctConvError(
            f"pretrained=True: no weights are published for {model.arch_name}; give the path of a "
            f"{SUFFIX} file, its own or its vanilla twin's"
        )
    if not isinstance(pretrained, (str, Path)):
        raise OctConvError(f"pretrained must be False or a path, got {pretrained!r}")
    path = _path(str(pretrained), copy)
    try:
        weights = load_weights(path)
    except OctConvError as error:
        raise OctConvError(f"pretrained: {error}") from None
    fitted = match_weights(model, weights, f"pretrained: {path}")
    load_into(model, fitted.weights)
    log(f"{model.arch_name}: loaded {path}: {fitted.note}")


def _path(pretrained: str, copy: str) -> Path:
    if pretrained.startswith(("http://", "https://")):
        if not urlsplit(pretrained).path.endswith(SUFFIX):
            raise OctConvError(
                f"pretrained: {pretrained}: should be the address of a {SUFFIX} file"
            )
        download = importlib.import_module(f"{copy}.utils.download")
        try:
            # Not unpacked, should it be an archive: its names could lead anywhere.
            return Path(
                download.get_path_from_url(pretrained, download.WEIGHTS_HOME, decompress=False)
            )
        except Exception as error:
            raise OctConvError(f"pretrained: {pretrained} cannot be downloaded: {error}") from None
    if Path(pretrained).suffix in (".pth", ".pt"):
        raise OctConvError(
            f"pretrained: {pretrained}: convert PyTorch weights first (paddleclas convert-weights)"
        )
    return Path(pretrained if pretrained.endswith(SUFFIX) else pretrained + SUFFIX)
