"""Numbers in text, as everybody writes them: ASCII digits, of a size that means something."""

from __future__ import annotations

import math
import re
from typing import Any

MOST_DIGITS = 18  # fits into 64 bits
_WHOLE = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}")


def whole(text: str) -> int | None:
    """The whole number that a text is; None where it is none, or one beyond 18 digits.

    Unlike ``int``, it takes no digits of other scripts and no underscores; unlike ``str.isdigit``,
    what passes can be converted.
    """
    return int(text) if _WHOLE.fullmatch(text) else None


def shown(value: Any, most: int = 60) -> str:
    """A value as a message shows it: not all of its thousand digits or letters."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python converts
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most // 2]}… ({len(text)} characters)"


def is_whole(value: Any, least: int | None = None, most: int | None = None) -> bool:
    """Whether a value is a whole number in a range; True and False are none."""
    return (
        type(value) is int and (least is None or value >= least) and (most is None or value <= most)
    )


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; True and False are none."""
    return type(value) in (int, float) and math.isfinite(value)


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, such as 0.123, 12.3 or 123."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"
