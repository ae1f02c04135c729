"""One piece of work at a time in a folder: two would overwrite and mix each other's files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

from filelock import Timeout

from .errors import OctConvError
from .files import reason
from .locks import hold


@contextlib.contextmanager
def alone_in(name: str, key: str, work: str, guards: bool = True) -> Iterator[None]:
    """Keep others that do the same out of a folder.

    The folder is made where it is missing; of work that writes nothing nothing is left.

    Args:
        name: the folder.
        key: of the config that names it.
        work: what is done there, such as "training".
        guards: whether this process does; of several machines that share the folder one does.

    Raises:
        OctConvError: another is at work there, or the folder cannot be written.
    """
    if not guards:
        yield
        return
    folder = Path(name)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(made)
        raise OctConvError(f"{key}: {name} cannot be made: {reason(error)}") from None
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold(folder / f".{work}.lock", timeout=0))
            except Timeout:
                raise OctConvError(
                    f"{key}: another {work} is running in {name}: wait until it ends, or give "
                    f"another folder with -o {key}=<folder>"
                ) from None
            except OSError as error:
                raise OctConvError(f"{key}: {name} cannot be written: {reason(error)}") from None
            yield
    finally:
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to the first one that holds something."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
