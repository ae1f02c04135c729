"""Tables that fit the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

_NARROWEST = 12  # columns of names, in the narrowest terminal


def width() -> int | None:
    """The columns of the terminal; None where the output goes elsewhere, and any width is good."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def fitted(table: Any) -> str:
    """The text of a ``PrettyTable``; where that is too wide for the terminal, without its frame,
    and then with its first column, the names, wrapped."""
    columns = width()
    text = str(table)
    if columns is None or _widest(text) <= columns:
        return text
    table.border, table.left_padding_width, table.right_padding_width = False, 0, 1
    text = str(table)
    excess = _widest(text) - columns
    if excess > 0:
        first = table.field_names[0]
        names = max(len(str(row[0])) for row in table.rows)
        table.max_width[first] = max(_NARROWEST, names - excess)
        text = str(table)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _widest(text: str) -> int:
    return max(len(line.rstrip()) for line in text.splitlines())
