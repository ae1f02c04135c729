"""Weights files that may come from anyone.

A ``.pdparams``, ``.pdopt``, ``.pdstates`` or ``.pdema`` file is a pickle, and a pickle is a
program: unpickling it can call whatever it names. Here it may name what arrays and containers are
made of, and nothing else. Even numpy's own unpickling, which trusts what it is given, is left out:
arrays are built from parts that were looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..common.errors import OctConvError
from ..common.safe_pickle import Array, ForbiddenError, load_pickle
from . import TRUST_VARIABLE


def trusted() -> bool:
    """Whether the user asked for weights to be loaded whatever they run."""
    return os.environ.get(TRUST_VARIABLE) == "1"


def check_weights_file(path: str | Path) -> None:
    """Check, without running anything of it, that a file Paddle saved is safe to ``paddle.load``.

    Does nothing for a user who trusts (``PADDLECLAS_OCTCONV_TRUST_WEIGHTS=1``).

    Raises:
        OctConvError: the file is missing or damaged, or refers to something that is neither an
            array nor a container.
    """
    if trusted():
        _open(path).close()
    else:
        _read(path)


def load_weights(path: str | Path, trust: bool = False) -> dict[str, np.ndarray]:
    """The parameters of a ``.pdparams`` file; bfloat16 ones come as float32.

    Args:
        trust: load it whatever it runs, as ``PADDLECLAS_OCTCONV_TRUST_WEIGHTS=1`` does.

    Raises:
        OctConvError: as ``check_weights_file``, or the file holds something else than weights.
    """
    saved = _load_trusted(path) if trust or trusted() else _read(path)
    if not isinstance(saved, dict):
        raise OctConvError(f"{path} holds no weights but a {type(saved).__name__}")
    saved.pop("StructuredToParameterName@@", None)  # Paddle's names of the parameters
    _join_slices(path, saved)
    return {key: _array(path, key, value) for key, value in saved.items()}


def forbidden(path: str | Path, name: str) -> OctConvError:
    """The error for a file that refers to something by a dotted name."""
    return OctConvError(
        f"{path} refers to {name}, which is neither an array nor a container: loading it could "
        f"run any code; if you trust where it is from: --trust-weights, or {TRUST_VARIABLE}=1"
    )


def damaged(path: str | Path, error: Exception) -> OctConvError:
    """The error for a file that cannot be read to its end."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return OctConvError(f"{path} is damaged, or no file of weights: {reason[:200]}")


def _open(path: str | Path) -> BinaryIO:
    if not os.path.exists(path):
        raise OctConvError(f"{path}: no such file")
    try:
        return open(path, "rb")
    except OSError as error:
        raise OctConvError(f"{path} cannot be read: {error.strerror}") from None


def _read(path: str | Path) -> Any:
    with _open(path) as file:
        try:
            return load_pickle(file)
        except ForbiddenError as error:
            raise forbidden(path, str(error)) from None
        except Exception as error:  # a damaged pickle can end in almost any exception
            raise damaged(path, error) from None


def _load_trusted(path: str | Path) -> Any:
    import paddle

    _open(path).close()
    try:
        return paddle.load(str(path), return_numpy=True)
    except Exception as error:  # whatever it runs can fail
        raise damaged(path, error) from None


def _join_slices(path: str | Path, saved: dict) -> None:
    """Put arrays together that Paddle cut because a pickle of protocol 2 or 3 ends at 4 GiB."""
    for key, slices in saved.pop("UnpackBigParamInfor@@", {}).items():
        parts = [_array(path, part, saved.pop(part)) for part in slices["slices"]]
        saved[key] = np.concatenate(parts).reshape(slices["OriginShape"])


def _array(path: str | Path, key: Any, value: Any) -> np.ndarray:
    if isinstance(value, tuple) and len(value) == 2:  # the name of a tensor, and its array
        value = value[1]
    if isinstance(value, Array):
        value = value.value
    if not isinstance(key, str) or not isinstance(value, np.ndarray):
        raise OctConvError(f"{path} holds no weights: {key!r} is a {type(value).__name__}")
    if value.dtype == np.uint16:  # numpy has no bfloat16: Paddle saves its bits
        value = (value.astype(np.uint32) << 16).view(np.float32)
    return value
