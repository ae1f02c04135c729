"""Weights files that may come from anyone.

A ``.pdparams``, ``.pdopt``, ``.pdstates`` or ``.pdema`` file is a pickle, and a pickle is a
program: unpickling it can call whatever it names. Here it may name what arrays and containers are
made of, and nothing else. Even numpy's own unpickling, which trusts what it is given, is left out:
arrays are built from parts that were looked at.
"""

from __future__ import annotations

import math
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import OctConvError
from . import TRUST_VARIABLE

MAX_ENTRIES = 1_000_000  # of all containers; the optimizer's state of a network has thousands
MAX_DEPTH = 16  # of containers in each other; Paddle walks through them by recursion


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


def load_pickle(file: BinaryIO) -> Any:
    """Unpickle what is made of arrays (each in an ``Array``), containers, numbers and text.

    Raises:
        ForbiddenError: it refers to anything else.
        Exception: of nearly any kind, if it is damaged.
    """
    _check_memo(file)
    file.seek(0)
    saved = ArrayUnpickler(file, encoding="latin1").load()
    _check_tree(saved)
    return saved


class ArrayUnpickler(pickle.Unpickler):
    """Builds containers and ``Array``s, and nothing else.

    Raises:
        pickle.UnpicklingError: the pickle refers to anything else.
    """

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise ForbiddenError(f"{module}.{name}") from None


class ForbiddenError(pickle.UnpicklingError):
    """The pickle refers to what is in the message."""


class Array:
    """An array in the making: None, and once its state is read the array, are in ``value``."""

    __slots__ = ("value",)

    def __init__(self, cls: Any, shape: Any, code: Any) -> None:
        if cls is not _NDARRAY or shape != (0,):
            raise pickle.UnpicklingError("an array of an unknown kind")
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran_order, content = state
        self.fill(content, dtype, shape, "F" if fortran_order else "C")

    def fill(self, content: Any, dtype: Any, shape: Any, order: Any) -> None:
        if not all(type(size) is int and size >= 0 for size in shape):
            raise pickle.UnpicklingError(f"an array of shape {shape!r}")
        dtype, content = dtype.of_numbers(), _bytes(content)
        if len(content) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} in {len(content)} bytes")
        self.value = np.ndarray(shape, dtype, buffer=content, order=order)


class _DType:
    """A data type in the making."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, align: Any, copy: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        _, order, subtype, names, fields, size, alignment, flags = state[:8]
        if order not in ("<", ">", "|", "=") or (subtype, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("a data type that is not of numbers")
        if (size, alignment, flags) != (-1, -1, 0):
            raise pickle.UnpicklingError("a data type of an unknown size")
        self.order = order

    def of_numbers(self) -> np.dtype:
        dtype = np.dtype(_text(self.code)).newbyteorder(self.order)
        if dtype.kind not in "biufc":
            raise pickle.UnpicklingError(f"an array of data type {dtype}")
        return dtype


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """An array in a pickle of protocol 5."""
    array = Array(_NDARRAY, (0,), b"b")
    array.fill(content, dtype, shape, order)
    return array


def _scalar(dtype: _DType, content: Any) -> Any:
    return np.frombuffer(_bytes(content), dtype.of_numbers(), count=1)[0]


def _latin1(text: str, encoding: str) -> bytes:
    """``codecs.encode`` as pickles of protocol 2 call it: to write down bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """``bytes`` as pickles of protocol 2 call it: without arguments."""
    return b""


def _bytes(content: Any) -> bytes:
    if type(content) is str:  # a pickle of Python 2
        return content.encode("latin1")
    if type(content) not in (bytes, bytearray):
        raise pickle.UnpicklingError("an array without bytes")
    return content


def _text(code: Any) -> str:
    if type(code) is not str:
        raise pickle.UnpicklingError("a data type without a name")
    return code


class _NDArray:
    """Stands for numpy's class, which is only ever named, not called."""

    __slots__ = ()


_NDARRAY = _NDArray()
_LEAVES = (Array, np.generic, str, bytes, int, float, type(None))
_KNOWN = {
    # A plain dict keeps the order too, and takes no attributes.
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DType,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{
        (builtins, name): function
        for builtins in ("builtins", "__builtin__")
        for name, function in (("tuple", tuple), ("set", set), ("bytes", _empty_bytes))
    },
}


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


def _check_memo(file: BinaryIO) -> None:
    """Refuse a pickle that makes the unpickler reserve memory for entries that never come."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file), 1):
        if opcode.name.endswith("PUT") and argument > count:
            raise pickle.UnpicklingError(f"entry {argument} of the memo comes too early")


def _check_tree(saved: Any) -> None:
    """Refuse containers of anything but arrays, numbers and text, and those that hold each other
    so deep or so often that nobody gets through them."""
    level, count = [saved], 0
    for _ in range(MAX_DEPTH):
        deeper: list = []
        for node in level:
            if isinstance(node, dict):
                deeper += node.values()
            elif isinstance(node, (list, tuple, set)):
                deeper += node
            elif not isinstance(node, _LEAVES):
                raise pickle.UnpicklingError(f"it holds a {type(node).__name__}")
            if count + len(deeper) > MAX_ENTRIES:
                raise pickle.UnpicklingError(f"it has more than {MAX_ENTRIES} entries")
        level, count = deeper, count + len(deeper)
    if level:
        raise pickle.UnpicklingError(f"its containers are nested deeper than {MAX_DEPTH}")


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
