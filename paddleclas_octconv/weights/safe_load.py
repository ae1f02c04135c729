"""Weights files that may come from anyone.

A ``.pdparams``, ``.pdopt``, ``.pdstates`` or ``.pdema`` file is a pickle, and a pickle is a
program: unpickling it can call whatever it names. Here it may name what arrays and containers are
made of, and nothing else. Even numpy's own unpickling, which trusts what it is given, is left out:
arrays are built from parts that were looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Mapping

import numpy as np

from ..common.errors import OctConvError
from ..common.files import open_file, reason, why_no_file
from ..common.safe_pickle import Array, ForbiddenError, load_pickle
from . import TRUST_VARIABLE

_SLICES = "UnpackBigParamInfor@@"  # Paddle's key for what it has cut
_LONGEST = 160


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
        OctConvError: as ``check_weights_file``, or the file holds something else than weights, or
            weights that are no numbers.
    """
    saved = _load_trusted(path) if trust or trusted() else _read(path)
    if not isinstance(saved, dict):
        raise OctConvError(f"{path}: expected a dict of weights, got a {type(saved).__name__}")
    saved.pop("StructuredToParameterName@@", None)  # Paddle's names of the parameters
    weights = {key: _array(path, key, value) for key, value in saved.items()}
    demand_finite(path, weights)
    return weights


def forbidden(path: str | Path, name: str) -> OctConvError:
    """The error for a file that refers to something by a dotted name."""
    return OctConvError(
        f"{path} refers to {shown(name)}, which is neither an array nor a container: loading it "
        f"could run any code; if you trust where it is from: --trust-weights, or {TRUST_VARIABLE}=1"
    )


def damaged(path: str | Path, error: Exception) -> OctConvError:
    """The error for a file that cannot be read to its end."""
    return OctConvError(f"{path} is damaged, or not a file of weights: {shown(reason(error))}")


def demand_finite(path: str | Path, weights: Mapping[str, np.ndarray]) -> None:
    """See that weights are numbers: with one that is none a network predicts at random.

    Raises:
        OctConvError: naming the first that has NaN or infinity in it.
    """
    for key, value in weights.items():
        if value.dtype.kind in "fc" and not np.isfinite(value).all():
            raise OctConvError(
                f"{path}: {shown(key)} holds NaN or infinity: it cannot be used as weights"
            )


def _open(path: str | Path) -> BinaryIO:
    """Open a regular file: what a pipe or a device holds may never end."""
    wrong = why_no_file(path)
    if wrong:
        raise OctConvError(f"{path}: {wrong}")
    try:
        return open_file(path)
    except OSError as error:
        raise OctConvError(f"{path}: cannot be read: {reason(error)}") from None


def _read(path: str | Path) -> Any:
    with _open(path) as file:
        try:
            saved = load_pickle(file)
            _join_slices(saved)
        except ForbiddenError as error:
            raise forbidden(path, str(error)) from None
        except Exception as error:  # a damaged pickle can end in almost any exception
            raise damaged(path, error) from None
    return saved


def _load_trusted(path: str | Path) -> Any:
    import paddle

    _open(path).close()
    try:
        return paddle.load(str(path), return_numpy=True)
    except Exception as error:  # whatever it runs can fail
        raise damaged(path, error) from None


def _join_slices(saved: Any) -> None:
    """Put arrays together that Paddle cut because a pickle of protocol 2 or 3 ends at 4 GiB."""
    information = saved.pop(_SLICES, {}) if isinstance(saved, dict) else {}
    for key, slices in information.items():
        names, shape = slices["slices"], slices["OriginShape"]
        if type(names) is not list or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"{_SLICES} of {key!r}")
        parts = [_value(saved.pop(name)) for name in names]
        saved[key] = np.concatenate(parts).reshape(shape)


def _array(path: str | Path, key: Any, value: Any) -> np.ndarray:
    value = _value(value)
    if not isinstance(key, str) or not isinstance(value, np.ndarray):
        raise OctConvError(
            f"{path}: expected arrays of numbers, but {shown(repr(key))} is a "
            f"{type(value).__name__}"
        )
    if value.dtype.kind not in "biuf":
        raise OctConvError(
            f"{path}: expected arrays of numbers, but {shown(key)} is an array of "
            f"{value.dtype.name}"
        )
    if value.dtype == np.uint16:  # numpy has no bfloat16: Paddle saves its bits
        value = (value.astype(np.uint32) << 16).view(np.float32)
    return value


def _value(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 2:  # the name of a tensor, and its array
        value = value[1]
    return value.value if isinstance(value, Array) else value


def shown(key: Any) -> str:
    """A key that comes from a file, as messages may have it: short, and on one line."""
    text = key if isinstance(key, str) and key.isprintable() else repr(key)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
