"""Numbers in text, as everybody writes them: ASCII digits, of a size that means something; and
which ones an option or key takes."""

from __future__ import annotations

import math
import re
from typing import Any, Callable, NamedTuple

from .errors import OctConvError

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


class Rule(NamedTuple):
    """What a value should be, wherever it is given: on a command line, in Python or in a config.

    Attributes:
        test: whether a value is that.
        right: what follows "should be" in a message.
    """

    test: Callable[[Any], bool]
    right: str

    def demand(self, name: str, value: Any) -> None:
        """See that a value is that.

        Raises:
            OctConvError: it is not; naming it, and what would be right.
        """
        if not self.test(value):
            raise OctConvError(f"{name}: {shown(value)} should be {self.right}")


def whole_from(least: int, most: int | None = None) -> Rule:
    """A whole number of a range."""
    limits = f"from {least}" if most is None else f"from {least} to {most:,}"
    return Rule(lambda value: is_whole(value, least, most), f"a whole number {limits}")


POSITIVE, NOT_NEGATIVE = whole_from(1), whole_from(0)
SEED = whole_from(0, 2**31 - 1)
THREADS = whole_from(1, 1024)
PIXELS = whole_from(1, 16384)  # the side of an image
RATE = Rule(lambda value: is_number(value) and value > 0, "a number above 0, such as 0.001")
SHARE = Rule(
    lambda value: is_number(value) and 0 < value < 1, "a share between 0 and 1, such as 0.2"
)
FLAG = Rule(lambda value: type(value) is bool, "True or False")
POINTS = Rule(lambda value: is_number(value) and 0 <= value <= 100, "a number from 0 to 100")


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, such as 0.123, 12.3 or 123."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"
