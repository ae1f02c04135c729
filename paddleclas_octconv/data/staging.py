"""A folder appears whole or not at all, however many processes make it at once."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from filelock import Timeout

from ..common.errors import OctConvError
from ..common.files import reason, refuse_links_out
from ..common.locks import hold
from ..common.say import say
from .list_files import LABEL_MAP, TRAIN_LIST, VAL_LIST

_STAMP = ".source"


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds a prepared data set; its list files are the last things written."""
    return all((folder / name).is_file() for name in (TRAIN_LIST, VAL_LIST, LABEL_MAP))


class Kind(NamedTuple):
    """What a folder holds.

    Attributes:
        name: for messages.
        option: the option that chooses another folder.
        is_complete: whether a folder holds a whole one.
    """

    name: str
    option: str
    is_complete: Callable[[Path], bool]


DATA_SET = Kind("data set", "--root", is_complete)


def publish(
    target: Path,
    build: Callable[[Path], None],
    stamp: str,
    anew: bool = False,
    kind: Kind = DATA_SET,
) -> bool:
    """Make a folder unless it is there, in one step.

    It is built in a hidden folder, which takes its place by one rename. A killed run leaves the
    hidden folder, and the next run with the same stamp goes on in it; a failed run removes it.

    Args:
        target: the folder; where it is a link, it stays one: the new one is made where it leads.
        build: fills the hidden folder that it is given.
        stamp: tells what it is made from.
        anew: replace one that is there, once the new one is whole.
        kind: what it holds.

    Returns:
        Whether it was made.

    Raises:
        OctConvError: ``target`` is something else, or cannot be written.
    """
    if target.is_symlink():
        target = Path(os.path.realpath(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target):
            if kind.is_complete(target) and not anew:
                return False
            if target.exists() and not kind.is_complete(target):
                raise OctConvError(
                    f"{target} exists but is not a prepared {kind.name}: "
                    f"remove or rename it, or choose another folder with {kind.option}"
                )
            staging = target.with_name(f".{target.name}.partial")
            _open_staging(staging, stamp)
            try:
                build(staging)
                (staging / _STAMP).unlink()
                _take_place(staging, target)
            except Exception:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            return True
    except OSError as error:
        raise OctConvError(f"cannot write the {kind.name} {target}: {reason(error)}") from None


def _take_place(staging: Path, target: Path) -> None:
    """Give `staging` the name `target`; what bears it is removed, or put back if that fails."""
    if not target.exists():
        os.rename(staging, target)
        return
    former = target.with_name(f".{target.name}.former")
    if former.is_symlink() or former.is_file():
        former.unlink()
    shutil.rmtree(former, ignore_errors=True)
    os.rename(target, former)
    try:
        os.rename(staging, target)
    except OSError:
        os.rename(former, target)
        raise
    shutil.rmtree(former, ignore_errors=True)


@contextlib.contextmanager
def _lock(target: Path) -> Iterator[None]:
    """Hold the lock of `target`; says so when it has to wait for another process."""
    path = target.with_name(f".{target.name}.lock")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(hold(path, timeout=0))
        except Timeout:
            say(f"waiting for another process that is making {target}")
            stack.enter_context(hold(path))
        yield


def _open_staging(staging: Path, stamp: str) -> None:
    """Make `staging`, emptied unless it was begun from the same source."""
    if staging.is_symlink():  # whoever made it wants others' files written elsewhere
        staging.unlink()
    stamp_file = staging / _STAMP
    # A path in it may be no UTF-8.
    content = stamp.encode("utf-8", errors="surrogateescape")
    if not (_stays_inside(staging) and stamp_file.is_file() and stamp_file.read_bytes() == content):
        if staging.exists():
            shutil.rmtree(staging)
        staging.mkdir()
        stamp_file.write_bytes(content)


def _stays_inside(staging: Path) -> bool:
    """Whether what is written there stays there: anybody can have begun it."""
    try:
        refuse_links_out(staging, "")
    except OctConvError:
        return False
    return True
