"""Pickles of arrays, read without running any code in them.

A pickle is a program: it calls whatever it names. Here it may name what arrays, containers, numbers
and text are made of, as protocols 2 to 4 write them, and nothing else. numpy's own parts trust what
they are given: others are in their place, which look first. The unpickler is the one written in
Python: instructions can be left out, and no number makes it reserve memory.
"""

from __future__ import annotations

import math
import pickle
import re
from typing import Any, BinaryIO, Callable, ClassVar

import numpy as np

MAX_ENTRIES = 1_000_000  # of all containers; the optimizer's state of a network has thousands
MAX_DEPTH = 16  # of containers in each other; Paddle walks through them by recursion
_MAX_BITS = 64  # of a whole number
_MAX_KEY_BITS = 32  # of one that is a key: longer ones can be chosen to have the same hash
# Those that arrays, containers, numbers and text need; none makes instances or sets.
_INSTRUCTIONS = (
    *(
        "PROTO",
        "FRAME",
        "STOP",
        "MARK",
        "POP",
        "POP_MARK",
        "DUP",
        "GLOBAL",
        "STACK_GLOBAL",
        "REDUCE",
    ),
    *("BUILD", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2"),
    *("TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
)


def load_pickle(file: BinaryIO) -> Any:
    """Unpickle what is made of arrays (each in an ``Array``), containers, numbers and text.

    Args:
        file: one that can be sought in.

    Raises:
        ForbiddenError: it refers to anything else.
        Exception: of nearly any kind, if it is damaged.
    """
    saved = _Unpickler(file).load()
    _check_tree(saved)
    return saved


class ForbiddenError(pickle.UnpicklingError):
    """The pickle refers to what is in the message."""


class Array:
    """An array in the making: None, and once its state is read the array, are in ``value``."""

    __slots__ = ("value",)

    def __init__(self, cls: Any, shape: Any, code: Any) -> None:
        self.value: np.ndarray | None = None

    def fill(self, content: bytes, dtype: _DType, shape: Any, fortran_order: Any) -> None:
        """Make the array of its bytes, if they are as many as it says."""
        kind = dtype.of_numbers()
        if len(content) != math.prod(shape) * kind.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} in {len(content)} bytes")
        self.value = np.ndarray(shape, kind, content, order="F" if fortran_order else "C")


class _DType:
    """A data type in the making; of numpy's state the order of the bytes is taken."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, align: Any, copy: Any) -> None:
        self.code, self.order = code, "="

    def of_numbers(self) -> np.dtype:
        """The data type. Its name is short, and no expression that numpy would evaluate."""
        if not re.fullmatch(r"[?biufc][0-9]{0,2}", self.code) or self.order not in (
            "<",
            ">",
            "|",
            "=",
        ):
            raise pickle.UnpicklingError("an array of something else than numbers")
        return np.dtype(self.order + self.code)


class _Memo(dict):
    """Paddle's unpickler, which may come next, reserves memory up to the highest entry."""

    def __setitem__(self, index: int, value: Any) -> None:
        if index > len(self) + 1:
            raise pickle.UnpicklingError(f"entry {index} of the memo comes too early")
        super().__setitem__(index, value)


class _Reader:
    """A file that asks for no more than it has."""

    def __init__(self, file: BinaryIO) -> None:
        start = file.tell()
        self.left = file.seek(0, 2) - start
        file.seek(start)
        self.readline = file.readline
        self._file = file

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise EOFError("it ends too early")
        self.left -= size
        return self._file.read(size)


_Machine: Any = pickle._Unpickler  # its attributes are known to no type checker


class _Unpickler(_Machine):
    dispatch: ClassVar[dict[int, Callable[..., None]]] = {}

    def __init__(self, file: BinaryIO) -> None:
        reader = _Reader(file)
        super().__init__(reader, encoding="latin1")
        self.memo = _Memo()
        self._text = reader.left  # that may still be turned into bytes: no more than there is
        numpy = {"_reconstruct": Array, "scalar": self._scalar, "ndarray": Array, "dtype": _DType}
        self._known = {
            ("collections", "OrderedDict"): dict,
            ("_codecs", "encode"): self._encoded,
            **{(builtins, "tuple"): _same for builtins in ("builtins", "__builtin__")},
            **{(builtins, "bytes"): bytes for builtins in ("builtins", "__builtin__")},
            **{
                (module, name): made
                for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
                for name, made in numpy.items()
            },
        }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            raise ForbiddenError(f"{module}.{name}") from None

    def load_reduce(self) -> None:
        function, arguments = self.stack[-2:]
        if function in (dict, bytes) and arguments:  # pickles make empty ones, and would copy
            raise pickle.UnpicklingError("a call with arguments")
        super().load_reduce()

    def load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if type(made) is Array:
            _, shape, dtype, fortran_order, content = state
            made.fill(self._bytes(content), dtype, shape, fortran_order)
        elif type(made) is _DType:
            made.order = state[1]
            if tuple(state[2:8]) != (None, None, None, -1, -1, 0):
                raise pickle.UnpicklingError("a data type that is not of numbers")
        else:
            raise pickle.UnpicklingError("a state for what has none")

    def load_setitem(self) -> None:
        _demand_key(self.stack[-2])
        super().load_setitem()

    def load_setitems(self) -> None:
        for key in self.stack[::2]:
            _demand_key(key)
        super().load_setitems()

    def _scalar(self, dtype: _DType, content: Any) -> Any:
        array = Array(None, None, None)
        array.fill(self._bytes(content), dtype, (1,), False)
        return array.value[0] if array.value is not None else None

    def _encoded(self, text: str, encoding: str) -> bytes:
        """``codecs.encode`` as pickles of protocol 2 call it: to write down bytes."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
        return self._bytes(text)

    def _bytes(self, content: Any) -> bytes:
        if type(content) is str:  # of Python 2, or of protocol 2
            self._text -= len(content)
            if self._text < 0:
                raise pickle.UnpicklingError("it makes more than it holds")
            return content.encode("latin1")
        if type(content) is not bytes:
            raise pickle.UnpicklingError("an array without bytes")
        return content


for _name in _INSTRUCTIONS:
    _code = getattr(pickle, _name)[0]
    _own = f"load_{_name.lower()}"
    _Unpickler.dispatch[_code] = vars(_Unpickler).get(_own, _Machine.dispatch[_code])


def _same(items: tuple) -> tuple:
    """``tuple`` as Paddle calls it: of one."""
    if type(items) is not tuple:
        raise pickle.UnpicklingError("a tuple of something else")
    return items


def _demand_key(key: Any) -> None:
    """See that a key's hash is computed without recursion, which of deep tuples ends the process,
    and cannot be chosen freely."""
    if type(key) not in (str, bytes) and not (
        type(key) is int and key.bit_length() <= _MAX_KEY_BITS
    ):
        raise pickle.UnpicklingError(f"a key that is a {type(key).__name__}")


def _check_tree(saved: Any) -> None:
    """Refuse containers of anything but arrays, numbers and text, and those that hold each other
    so deep or so often that nobody gets through them."""
    level, count = [saved], 0
    for _ in range(MAX_DEPTH):
        deeper: list = []
        for node in level:
            if isinstance(node, dict):
                deeper += node.values()
            elif isinstance(node, (list, tuple)):
                deeper += node
            elif isinstance(node, int) and node.bit_length() > _MAX_BITS:
                raise pickle.UnpicklingError(f"a whole number of {node.bit_length()} bits")
            elif getattr(node, "value", node) is None and node is not None:
                raise pickle.UnpicklingError("an array without content")
            elif not isinstance(node, (Array, np.generic, str, bytes, int, float, type(None))):
                raise pickle.UnpicklingError(f"it holds a {type(node).__name__}")
            if count + len(deeper) > MAX_ENTRIES:
                raise pickle.UnpicklingError(f"it has more than {MAX_ENTRIES} entries")
        level, count = deeper, count + len(deeper)
    if level:
        raise pickle.UnpicklingError(f"its containers are nested deeper than {MAX_DEPTH}")
