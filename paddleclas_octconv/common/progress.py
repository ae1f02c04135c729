"""How far work on many things is, on standard error: a bar, or lines where there is no terminal."""

from __future__ import annotations

import math
import sys
from typing import Any, Iterable, TextIO, cast

_EVERY = 10.0  # seconds between two lines; what takes less has none


def bar(
    total: int | None,
    about: str = "",
    unit: str = " images",
    items: Iterable | None = None,
    **options: Any,
) -> Any:
    """A bar of tqdm's, to be updated or gone through.

    Args:
        total: how many things there are.
        about: what is done.
        unit: what they are, as it stands behind a number.
        items: the things, where they are gone through.
        **options: others of tqdm's.
    """
    from tqdm import tqdm

    if not sys.stderr.isatty():
        pace = {"mininterval": _EVERY, "delay": _EVERY, "miniters": 1, "maxinterval": math.inf}
        options = {"file": cast(TextIO, _Lines()), "ncols": 79, **pace, **options}
    return tqdm(items, desc=about or None, total=total, unit=unit, **options)


class _Lines:
    """Standard error with a line for each state of a bar, which would write over the one before."""

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        if line:
            print(line, file=sys.stderr)

    def flush(self) -> None:
        sys.stderr.flush()
