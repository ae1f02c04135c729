"""Files: read only where they are files, whole whenever they exist, and their hashes.

Commands read and write text that users name through here, so that whatever a path turns out to be
(a pipe, a device, a folder, something that may not be read, a full disk) ends in one line that
names the option or key. Readers of weights and images ask `why_no_file`, and have bounds of their
own.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import operator
import os
import stat
import tempfile
import uuid
from pathlib import Path
from typing import BinaryIO, Iterator

from .errors import OctConvError

_BLOCK = 1 << 20
MOST_TEXT = 64 << 20  # bytes of a text file that anybody has written
MOST_MODEL = 2 << 30  # of a model: Protocol Buffers end there

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)


def why_no_file(path: str | os.PathLike) -> str | None:
    """Why a path cannot be read as a file: "no such file", "is a pipe", …; None if it can.

    Nothing is opened: a pipe would wait for its other end.
    """
    return _why_not(path, "file")


def why_no_folder(path: str | os.PathLike) -> str | None:
    """Why a path cannot be read as a folder; None if it can."""
    return _why_not(path, "folder")


def _why_not(path: str | os.PathLike, what: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return f"no such {what}"
    except (OSError, ValueError) as error:  # ValueError: a null character
        return f"cannot be read: {reason(error)}"
    if what == "folder" and not stat.S_ISDIR(mode):
        return "is not a folder"
    if what == "file" and not stat.S_ISREG(mode):
        kind = next((kind for test, kind in _KINDS if test(mode)), "is something else")
        return f"{kind}, not a file"
    if not os.access(path, os.R_OK if what == "file" else os.R_OK | os.X_OK):
        return "cannot be read: Permission denied"
    return None


def refuse_links_out(folder: str | os.PathLike, name: str) -> None:
    """See that what is written into a folder stays there: it may have come from anybody.

    Args:
        folder: one that is there, or not yet.
        name: the option or key that names it, for messages.

    Raises:
        OctConvError: it holds a link that leads out of it, or something that is neither file nor
            folder, such as a pipe.
    """
    root = os.path.realpath(folder)
    for here, folders, files in os.walk(root):
        for path in (os.path.join(here, each) for each in (*folders, *files)):
            mode, target = os.lstat(path).st_mode, os.path.realpath(path)
            wrong = next((what for test, what in _KINDS[1:] if test(mode)), None)
            if stat.S_ISLNK(mode) and not (target + os.sep).startswith(os.path.join(root, "")):
                wrong = f"is a link to {target}"
            if wrong:
                raise OctConvError(
                    f"{name}: {path} {wrong}, where nothing shall be written: remove it, or give "
                    f"another folder"
                )


def open_file(path: str | os.PathLike) -> BinaryIO:
    """A file, open to be read; what is none, such as a pipe, is not waited for.

    Raises:
        OSError: it is none, or cannot be read.
    """
    flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    descriptor = os.open(path, functools.reduce(operator.or_, flags, os.O_RDONLY))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", os.fspath(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, name: str, most: int = MOST_TEXT) -> bytes:
    """The content of a file.

    Args:
        path: the file.
        name: the option or key that names it, for messages.
        most: bytes that it may have.

    Raises:
        OctConvError: it is none, cannot be read, or is larger.
    """
    wrong = why_no_file(path)
    if wrong:
        raise OctConvError(f"{name} {path}: {wrong}")
    try:
        with open_file(path) as file:
            content = file.read(most + 1)  # files of /proc have no size
    except OSError as error:
        raise OctConvError(f"{name} {path}: cannot be read: {reason(error)}") from None
    if len(content) > most:
        raise OctConvError(f"{name} {path}: has more than {most >> 20} MiB")
    return content


def read_text(path: Path, name: str, most: int = MOST_TEXT) -> str:
    """The content of a text file, its line ends as ``\\n``; see `read_bytes`.

    Raises:
        OctConvError: as `read_bytes`, or it is not UTF-8.
    """
    content = read_bytes(path, name, most)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise OctConvError(f"{name} {path}: should be UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is whole whenever it exists; what is written half is removed.

    A device or a pipe is written into, not replaced; of a link, what it leads to.

    Raises:
        OSError: it cannot be written; `writing` tells of that in one line.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    part = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@contextlib.contextmanager
def writing(name: str, path: str | os.PathLike) -> Iterator[None]:
    """What fails inside, because a file or folder cannot be written, is told in one line.

    Args:
        name: the option or key that names it, such as ``--json``.
        path: the file or folder.

    Raises:
        OctConvError: instead of any OSError, naming both and the reason.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OctConvError(f"{name} {path}: cannot be written: {reason(error)}") from None


def demand_place(name: str, path: Path) -> None:
    """See that a file can be written where a path says, before the work begins that ends in it.

    Args:
        name: the option that names it, such as ``--json``.
        path: the file.

    Raises:
        OctConvError: its folder is not there, or it is a folder.
    """
    if not path.absolute().parent.is_dir():
        raise OctConvError(f"{name} {path}: its folder does not exist")
    if path.is_dir():
        raise OctConvError(f"{name} {path}: is a folder; it should name a file")


def demand_room(folder: str | Path, size: int) -> None:
    """See that a folder takes so many more bytes: what other libraries say of a full disk does not
    tell that it is full.

    Raises:
        OSError: it does not; see `writing`.
    """
    with tempfile.TemporaryFile(dir=str(folder)) as file:
        for _ in range(size // _BLOCK + 1):
            file.write(bytes(_BLOCK))
        file.flush()


def reason(error: Exception) -> str:
    """Why the system has refused something, in its words."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            return "the disk is full"
        if error.strerror:
            return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file, hexadecimal, by an algorithm of ``hashlib``."""
    found = hashlib.new(algorithm)
    with open_file(path) as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            found.update(block)
    return found.hexdigest()
