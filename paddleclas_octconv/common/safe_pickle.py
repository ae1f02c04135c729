"""Pickles of arrays, read without running any code in them.

A pickle is a program for a machine with a stack. Python's own machine calls whatever the program
names, and trusts it: a key made of a hundred thousand nested tuples, whose hash is computed by
recursion, ends the process. The machine here knows the instructions that containers, numbers, text
and arrays are made of, and looks at what each of them is given.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from typing import Any, BinaryIO, Callable, ClassVar

import numpy as np

MAX_ENTRIES = 1_000_000  # of all containers; the optimizer's state of a network has thousands
MAX_DEPTH = 16  # of containers in each other; Paddle walks through them by recursion
MAX_DIMENSIONS = 32  # of an array: numpy's own limit
_MAX_BITS = 64  # of a whole number
_MAX_KEY_BITS = 32  # of one that is a key: longer ones can be chosen to have the same hash
_MAX_DIGITS = 24  # of a whole number that is written as text


def load_pickle(file: BinaryIO) -> Any:
    """Unpickle what is made of arrays (each in an ``Array``), containers, numbers and text.

    Args:
        file: one that can be sought in.

    Raises:
        ForbiddenError: it refers to anything else.
        Exception: of nearly any kind, if it is damaged.
    """
    saved = ArrayUnpickler(file).load()
    _check_tree(saved)
    return saved


class ForbiddenError(pickle.UnpicklingError):
    """The pickle refers to what is in the message."""


_Machine: Any = pickle._Unpickler  # its attributes are known to no type checker


class ArrayUnpickler(_Machine):
    """Builds containers and ``Array``s, and nothing else.

    It is the unpickler that is written in Python: its instructions can be replaced, and no
    number in a pickle makes it reserve memory.

    Args:
        file: one that can be sought in. What is read of it is no more than it holds.

    Raises:
        pickle.UnpicklingError: the pickle refers to anything else, or lies about itself.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {}
    readline: Callable[[], bytes]

    def __init__(self, file: BinaryIO, encoding: str = "latin1") -> None:
        reader = _Reader(file)
        super().__init__(reader, encoding=encoding)
        self._budget = reader.left + MAX_ENTRIES  # of what calls make out of what was read

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise ForbiddenError(f"{module}.{name}") from None

    def _load_reduce(self) -> None:
        function, arguments = self.stack[-2:]
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("a call without arguments")
        self._spend(*arguments)
        self.stack[-2:] = [function(*arguments)]

    def _load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) not in (Array, _DType) or type(state) is not tuple:
            raise pickle.UnpicklingError("a state for what has none")
        self._spend(*state)
        made.__setstate__(state)

    def _load_inst(self) -> None:
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        self.find_class(module, name)
        raise pickle.UnpicklingError(f"an instance of {module}.{name}")

    def _load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items([key], [value])

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        self._set_items(items[::2], items[1::2])

    def _load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items[::2], items[1::2])

    def _load_put(self) -> None:
        self._load_number(lambda machine: machine._memoize(int(machine.readline()[:-1])))

    def _load_binput(self) -> None:
        self._memoize(self.read(1)[0])

    def _load_long_binput(self) -> None:
        self._memoize(struct.unpack("<I", self.read(4))[0])

    def _memoize(self, index: int) -> None:
        """Python's other unpickler, which may come next, reserves memory up to this entry."""
        if not 0 <= index <= len(self.memo) + 1:
            raise pickle.UnpicklingError(f"entry {index} of the memo comes too early")
        self.memo[index] = self.stack[-1]

    def _load_bytearray8(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    def _set_items(self, keys: list, values: list) -> None:
        made = self.stack[-1]
        if type(made) is not dict or len(keys) != len(values):
            raise pickle.UnpicklingError("entries of what is no dictionary")
        for key in keys:
            _demand_key(key)
        made.update(zip(keys, values))

    def _load_additems(self) -> None:
        items = self.pop_mark()
        made = self.stack[-1]
        if type(made) is not set:
            raise pickle.UnpicklingError("entries of what is no set")
        for item in items:
            _demand_key(item)
        made.update(items)

    def _load_number(self, load: Callable[[ArrayUnpickler], None]) -> None:
        """An instruction that a number follows, as a line of text."""
        readline = self.readline

        def short_line() -> bytes:
            line = readline()
            if len(line) > _MAX_DIGITS:
                raise pickle.UnpicklingError("a number of too many digits")
            return line

        self.readline = short_line
        try:
            load(self)
        finally:
            self.readline = readline

    def _spend(self, *made: Any) -> None:
        """Let no instruction make much out of little, over and over again."""
        self._budget -= sum(len(part) for part in made if isinstance(part, _SIZED))
        if self._budget < 0:
            raise pickle.UnpicklingError("it makes more than it holds")


class _Reader:
    """A file that asks for no more than it has."""

    def __init__(self, file: BinaryIO) -> None:
        start = file.tell()
        self.left = file.seek(0, 2) - start
        file.seek(start)
        self._file = file

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise EOFError("it ends too early")
        self.left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(self.left)
        self.left -= len(line)
        return line


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
        """Make the array of its bytes, if they are as many as it says."""
        if type(shape) is not tuple or len(shape) > MAX_DIMENSIONS:
            raise pickle.UnpicklingError("an array of a shape that is none")
        if not all(type(size) is int and 0 <= size < 2**_MAX_BITS for size in shape):
            raise pickle.UnpicklingError("an array of a shape that is none")
        kind, content = dtype.of_numbers(), _bytes(content)
        if len(content) != math.prod(shape) * kind.itemsize:
            raise pickle.UnpicklingError(f"an array of shape {shape} in {len(content)} bytes")
        self.value = np.ndarray(shape, kind, buffer=content, order=order)


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
        """The data type. Its name is short, and no expression that numpy would evaluate."""
        if type(self.code) is not str or not re.fullmatch(r"[?biufc][0-9]{0,2}", self.code):
            raise pickle.UnpicklingError("an array of something else than numbers")
        return np.dtype({"<": "<", ">": ">"}.get(self.order, "=") + self.code)


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """An array in a pickle of protocol 5."""
    array = Array(_NDARRAY, (0,), b"b")
    array.fill(content, dtype, shape, order)
    return array


def _scalar(dtype: _DType, content: Any) -> Any:
    array = Array(_NDARRAY, (0,), b"b")
    array.fill(content, dtype, (1,), "C")
    return array.value[0] if array.value is not None else None


def _latin1(text: str, encoding: str) -> bytes:
    """``codecs.encode`` as pickles of protocol 2 call it: to write down bytes."""
    if type(text) is not str or encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """``bytes`` as pickles of protocol 2 call it: without arguments."""
    return b""


def _dictionary(items: Any = ()) -> dict:
    """``OrderedDict``: a plain one keeps the order too, and takes no attributes."""
    made = {}
    for key, value in items:
        made[_demand_key(key)] = value
    return made


def _set(items: Any = ()) -> set:
    return {_demand_key(item) for item in items}


def _demand_key(key: Any) -> Any:
    """The key itself, if its hash is computed without recursion and cannot be chosen freely."""
    if type(key) in (str, bytes) or (type(key) is int and key.bit_length() <= _MAX_KEY_BITS):
        return key
    raise pickle.UnpicklingError(f"a key that is a {type(key).__name__}")


def _bytes(content: Any) -> bytes:
    if type(content) is str:  # a pickle of Python 2
        return content.encode("latin1")
    if type(content) not in (bytes, bytearray):
        raise pickle.UnpicklingError("an array without bytes")
    return content


class _NDArray:
    """Stands for numpy's class, which is only ever named, not called."""

    __slots__ = ()


_NDARRAY = _NDArray()
_SIZED = (str, bytes, bytearray, list, tuple, dict, set)
_LEAVES = (Array, np.generic, str, bytes, int, float, type(None))
_KNOWN = {
    ("collections", "OrderedDict"): _dictionary,
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
        for name, function in (("tuple", tuple), ("set", _set), ("bytes", _empty_bytes))
    },
}

# The instructions that arrays, containers, numbers and text are made of: not those that make
# instances of classes, or refer to what is outside of the file.
_TAKEN_OVER = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "GLOBAL", "STACK_GLOBAL"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4"),
    *("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"),
    *("SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND"),
    *("APPENDS", "EMPTY_DICT", "EMPTY_SET", "BINGET", "LONG_BINGET"),
    "MEMOIZE",
)
_WITH_A_NUMBER = ("INT", "LONG", "GET")
_OWN = {
    "REDUCE": ArrayUnpickler._load_reduce,
    "BUILD": ArrayUnpickler._load_build,
    "INST": ArrayUnpickler._load_inst,
    "SETITEM": ArrayUnpickler._load_setitem,
    "SETITEMS": ArrayUnpickler._load_setitems,
    "DICT": ArrayUnpickler._load_dict,
    "ADDITEMS": ArrayUnpickler._load_additems,
    "PUT": ArrayUnpickler._load_put,
    "BINPUT": ArrayUnpickler._load_binput,
    "LONG_BINPUT": ArrayUnpickler._load_long_binput,
    "BYTEARRAY8": ArrayUnpickler._load_bytearray8,
}


def _instructions() -> dict[int, Callable[..., None]]:
    theirs = _Machine.dispatch

    def code(name: str) -> int:
        return getattr(pickle, name)[0]

    def with_a_number(load: Callable[..., None]) -> Callable[..., None]:
        return lambda self: self._load_number(load)

    return {
        **{code(name): theirs[code(name)] for name in _TAKEN_OVER},
        **{code(name): with_a_number(theirs[code(name)]) for name in _WITH_A_NUMBER},
        **{code(name): load for name, load in _OWN.items()},
    }


ArrayUnpickler.dispatch = _instructions()


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
            else:
                _check_leaf(node)
            if count + len(deeper) > MAX_ENTRIES:
                raise pickle.UnpicklingError(f"it has more than {MAX_ENTRIES} entries")
        level, count = deeper, count + len(deeper)
    if level:
        raise pickle.UnpicklingError(f"its containers are nested deeper than {MAX_DEPTH}")


def _check_leaf(node: Any) -> None:
    if not isinstance(node, _LEAVES):
        raise pickle.UnpicklingError(f"it holds a {type(node).__name__}")
    if isinstance(node, Array) and node.value is None:
        raise pickle.UnpicklingError("an array without content")
    if isinstance(node, int) and node.bit_length() > _MAX_BITS:
        raise pickle.UnpicklingError(f"a whole number of {node.bit_length()} bits")
