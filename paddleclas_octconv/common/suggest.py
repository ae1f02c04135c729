"""Near names for a mistyped one."""

from __future__ import annotations

import difflib
from typing import Iterable


def suggest(word: str, known: Iterable[str], count: int = 3, prefix: str = "") -> str:
    """``"; did you mean A or B?"`` with the known words nearest to this one, or nothing.

    Args:
        word: what was typed.
        known: what could have been meant.
        count: how many are offered at most.
        prefix: what stands before each in the offer, such as the section of a key.
    """
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, count, 0.6)
    return (
        f"; did you mean {' or '.join(prefix + by_lower[name] for name in near)}?" if near else ""
    )
