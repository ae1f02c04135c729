"""Pickles of arrays, read without running any code in them."""

from __future__ import annotations

import math
import pickle
import pickletools
from typing import Any, BinaryIO

import numpy as np

MAX_ENTRIES = 1_000_000  # of all containers; the optimizer's state of a network has thousands
MAX_DEPTH = 16  # of containers in each other; Paddle walks through them by recursion


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
