"""The files of a folder, a tar (plain, gzip, bzip2 or xz) or a zip, one by one, without unpacking.

Nothing is ever extracted under a name that an archive chooses: callers get names and bytes,
and decide where these go.  An archive that would escape its folder, that holds links or
devices, or that unpacks to more than the limits is refused as a whole.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, Callable, Iterator, NamedTuple

from ..common.errors import OctConvError

#: Far above CIFAR-10 in any form (60,000 files, 180 MiB), far below what fills a disk.
MAX_MEMBERS = 200_000
MAX_BYTES = 1 << 30

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,  # gzip, bz2: bad magic, bad checksum; also a file that cannot be read
    RuntimeError,  # zip: encrypted, or a compression this Python lacks
    ValueError,  # tar: broken header fields
)


class Member(NamedTuple):
    """One regular file: its name relative to the source, its size in bytes, its content."""

    name: PurePosixPath
    size: int
    read: Callable[[], bytes]


def members(source: Path) -> Iterator[Member]:
    """The files of a folder, tar or zip.

    Yields:
        Each file; its ``read`` is valid until the next one is asked for.

    Raises:
        OctConvError: the source is missing, damaged, unsafe or beyond the limits.
    """
    if not source.exists():
        raise OctConvError(f"--source {source}: no such file or folder")
    total = 0
    with _damage_reported(source):
        for count, member in enumerate(_open(source), start=1):
            total += member.size
            if count > MAX_MEMBERS:
                raise OctConvError(f"--source {source}: holds more than {MAX_MEMBERS:,} files")
            if total > MAX_BYTES:
                raise _too_large(source)
            yield member._replace(read=functools.partial(_read, source, member.read))


@contextlib.contextmanager
def _damage_reported(source: Path) -> Iterator[None]:
    try:
        yield
    except OctConvError:
        raise
    except _DAMAGED as error:
        raise OctConvError(f"--source {source}: damaged or unreadable ({error})") from None


def _read(source: Path, read: Callable[[], bytes]) -> bytes:
    with _damage_reported(source):
        return read()


def _open(source: Path) -> Iterator[Member]:
    """Tell the kinds of source apart by their first bytes, not by their names."""
    if source.is_dir():
        return _folder(source)
    with open(source, "rb") as file:
        magic = file.read(6)
    if magic.startswith(b"PK"):
        return _zip(source)
    if magic.startswith(b"\x1f\x8b"):
        return _tar(source, gzip.open)
    if magic.startswith(b"BZh"):
        return _tar(source, bz2.open)
    if magic == b"\xfd7zXZ\x00":
        return _tar(source, lzma.open)
    return _tar(source, open)


def _folder(source: Path) -> Iterator[Member]:
    for parent, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                inner = PurePosixPath(path.relative_to(source).as_posix())
                yield Member(inner, path.stat().st_size, path.read_bytes)


def _zip(source: Path) -> Iterator[Member]:
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            name = _safe_name(source, info.filename)
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _unsafe(source, info.filename, "is a link")
            if not info.is_dir():
                yield Member(name, info.file_size, functools.partial(archive.read, info))


def _tar(source: Path, opener: Callable[..., Any]) -> Iterator[Member]:
    with opener(source, "rb") as stream:
        reader = _LimitedReader(source, stream)
        with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
            for info in archive:
                name = _safe_name(source, info.name)
                if info.isdir():
                    continue
                if not info.isreg():
                    raise _unsafe(source, info.name, "is a link or a device")
                yield Member(name, info.size, functools.partial(_content, archive, info))


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None  # which it is for what is no regular file
    return file.read()


class _LimitedReader:
    """A stream that ends in an error where it gives more than a tar within the limits holds.

    Sizes in the headers cannot be trusted to bound this: extended headers are read whole.
    """

    def __init__(self, source: Path, stream: BinaryIO) -> None:
        self._source = source
        self._stream = stream
        self._left = MAX_BYTES + 1024 * MAX_MEMBERS  # a header and padding for each member

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_large(self._source)
        return chunk


def _safe_name(source: Path, name: str) -> PurePosixPath:
    """The name of a member, refused where it points out of the archive."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.is_absolute() or windows.drive:
        raise _unsafe(source, name, "is an absolute path")
    if ".." in posix.parts or ".." in windows.parts:
        raise _unsafe(source, name, "leaves the archive")
    return posix


def _unsafe(source: Path, name: str, what: str) -> OctConvError:
    return OctConvError(f"--source {source}: refused, its member {name!r} {what}")


def _too_large(source: Path) -> OctConvError:
    return OctConvError(f"--source {source}: unpacks to more than {MAX_BYTES >> 20} MiB")
