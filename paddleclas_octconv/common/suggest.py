"""Near names for a mistyped one."""

from __future__ import annotations

import difflib
from typing import Iterable


def suggest(word: str, known: Iterable[str], count: int = 3) -> str:
    """``"; did you mean A or B?"`` with the known words nearest to this one, or nothing."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, count, 0.6)
    return f"; did you mean {' or '.join(by_lower[name] for name in near)}?" if near else ""
