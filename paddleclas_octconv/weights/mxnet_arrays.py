"""Reads MXNet's lists of arrays: ``.params`` files, alone or inside a ``.tar`` archive.

The format (``NDArray::Save`` and ``NDArray::Load`` in MXNet 1.x, all numbers little-endian)::

    u64 0x112, u64 reserved, u64 number of arrays, the arrays,
    u64 number of names, and for each of them u64 length and its bytes

    array:  u32 0xF993FAC9, i32 storage (0: dense), i32 ndim, i64 sizes, body
            u32 0xF993FAC8,                         i32 ndim, i64 sizes, body   (before 1.0)
            u32 ndim,                                         u32 sizes, body   (before 0.10)
    body:   i32 device, i32 number of the device, i32 type, the elements

Nothing in it is a program. Every length is held against what is left of the file before anything
is read or allocated, and members of an archive are looked up by name, never unpacked.
"""

from __future__ import annotations

import os
import struct
import tarfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..common.errors import OctConvError
from ..common.files import why_no_file
from .safe_load import damaged, demand_finite

SUFFIX = ".params"
MAX_NAME = 1024  # bytes
MAX_MEMBERS = 1024  # of an archive
MAX_NDIM = 32

_LIST = 0x112
_WITH_STORAGE, _WITH_NUMPY_SHAPE = 0xF993FAC9, 0xF993FACA
_WITH_LONG_SIZES = 0xF993FAC8
_TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "<u1", 4: "<i4", 5: "<i1", 6: "<i8"}


def load_mxnet(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a ``.params`` file, or of the only one in a ``.tar`` archive.

    Floating-point arrays come as float32.

    Args:
        path: the file; whether it is an archive is seen from its content.

    Raises:
        OctConvError: the file is missing or damaged, an archive holds no ``.params`` file or
            several, or an array is sparse, without a name or of a type that weights do not have.
    """
    wrong = why_no_file(path)
    if wrong:
        raise OctConvError(f"{path}: {wrong}")
    try:
        with open(path, "rb") as file:
            start, size = 0, os.path.getsize(path)
            if file.read(8) != struct.pack("<Q", _LIST):
                member = _member(path)
                if member is None:
                    raise ValueError("it is neither a list of MXNet arrays nor a tar archive")
                start, size = member.offset_data, min(member.size, size - member.offset_data)
            weights = _read(file, start, size)
    except OSError as error:
        raise OctConvError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, OverflowError, MemoryError, tarfile.TarError) as error:
        raise damaged(path, error) from None
    demand_finite(path, weights)
    return weights


def is_mxnet(path: Path) -> bool:
    """Whether a file is MXNet's by its name; PyTorch calls its own files ``.pth.tar``, too."""
    if path.suffix == SUFFIX:
        return True
    if path.suffix != ".tar" or not path.is_file():
        return False
    with open(path, "rb") as file:
        return not file.read(2).startswith((b"PK", b"\x80"))  # a zip archive, a pickle


def _member(path: Path) -> tarfile.TarInfo | None:
    """The only ``.params`` file of an archive that is not compressed; None for no archive."""
    found: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive):
                if number == MAX_MEMBERS:
                    raise ValueError(f"the archive has more than {MAX_MEMBERS} members")
                if member.name.endswith(SUFFIX):
                    found.append(member)
    except tarfile.ReadError:
        if not found:  # else it is cut later, which is told when its arrays are read
            return None
    if len(found) != 1:
        raise ValueError(f"the archive holds {len(found)} {SUFFIX} files, not one")
    if not found[0].isreg() or found[0].issparse():
        raise ValueError(f"{ascii(found[0].name)} in the archive is not a regular file")
    return found[0]


class _Reader:
    """Takes what is left of a part of a file, and never more."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        file.seek(start)
        self.file, self.left = file, size

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(f"it is cut: {size} bytes should follow, {max(self.left, 0)} do")
        self.left -= size
        content = self.file.read(size)
        if len(content) != size:
            raise ValueError("it is cut")
        return content

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))


def _read(file: BinaryIO, start: int, size: int) -> dict[str, np.ndarray]:
    reader = _Reader(file, start, size)
    magic, _, count = reader.numbers("QQQ")
    if magic != _LIST:
        raise ValueError(f"it starts with {magic:#x}, a list of MXNet arrays with {_LIST:#x}")
    arrays: list[np.ndarray] = []
    while len(arrays) < count:
        arrays.append(_array(reader))
    (names,) = reader.numbers("Q")
    if names != count:
        raise ValueError(f"it has {count} arrays and {names} names")
    named: dict[str, np.ndarray] = {}
    for array in arrays:
        name = _name(reader)
        if name in named:
            raise ValueError(f"it has two arrays called {name}")
        named[name] = array
    return named


def _array(reader: _Reader) -> np.ndarray:
    (magic,) = reader.numbers("I")
    if magic in (_WITH_STORAGE, _WITH_NUMPY_SHAPE):
        (storage,) = reader.numbers("i")
        if storage != 0:
            raise ValueError(f"an array in it is sparse (storage {storage})")
        sizes = _sizes(reader, reader.numbers("i")[0], "q")
    elif magic == _WITH_LONG_SIZES:
        sizes = _sizes(reader, reader.numbers("i")[0], "q")
    else:
        sizes = _sizes(reader, magic, "I")
    _, _, kind = reader.numbers("iii")
    if kind not in _TYPES:
        raise ValueError(f"an array in it is of type {kind}")
    dtype = np.dtype(_TYPES[kind])
    elements = 1
    for size in sizes:
        elements *= size  # Python's integers do not overflow
    array = np.frombuffer(reader.take(elements * dtype.itemsize), dtype).reshape(sizes)
    with np.errstate(over="ignore"):  # what is too large is told as infinity
        return array.astype(np.float32 if dtype.kind == "f" else dtype)  # a copy, to be written to


def _sizes(reader: _Reader, ndim: int, form: str) -> tuple[int, ...]:
    if not 1 <= ndim <= MAX_NDIM:
        raise ValueError(f"an array in it has {ndim} dimensions")
    sizes = reader.numbers(f"{ndim}{form}")
    if min(sizes) < 1:
        raise ValueError(f"an array in it has the shape {list(sizes)}")
    return sizes


def _name(reader: _Reader) -> str:
    (length,) = reader.numbers("Q")
    if length > MAX_NAME:
        raise ValueError(f"a name in it has {length} bytes")
    name = reader.take(length).decode("utf-8")
    if not name.isprintable() or not name:
        raise ValueError(f"{ascii(name)} is not the name of an array")
    return name
