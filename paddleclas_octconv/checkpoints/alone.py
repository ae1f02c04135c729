"""One training at a time in an output folder: two would overwrite each other's checkpoints."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

from filelock import Timeout

from ..common.errors import OctConvError
from ..common.locks import hold

_LOCK = ".training.lock"


@contextlib.contextmanager
def alone_in(output_dir: str, guards: bool = True) -> Iterator[None]:
    """Keep other trainings out of an output folder.

    The folder is made where it is missing; of a run that writes nothing nothing is left.

    Args:
        output_dir: ``Global.output_dir``.
        guards: whether this process does; of several machines that share the folder one does.

    Raises:
        OctConvError: another training is at work there, or the folder cannot be written.
    """
    if not guards:
        yield
        return
    folder = Path(output_dir)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(made)
        raise OctConvError(
            f"Global.output_dir: {output_dir} cannot be made: {error.strerror}"
        ) from None
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold(folder / _LOCK, timeout=0))
            except Timeout:
                raise OctConvError(
                    f"Global.output_dir: another training is at work in {output_dir}: wait for "
                    f"its end, or give another folder with -o Global.output_dir=<folder>"
                ) from None
            except OSError as error:
                raise OctConvError(
                    f"Global.output_dir: {output_dir} cannot be written: {error.strerror}"
                ) from None
            yield
    finally:
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to the first one that holds something."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()
