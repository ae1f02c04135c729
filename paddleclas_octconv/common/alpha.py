"""What ``alpha``, the share of low-frequency channels, may be. Needs no Paddle."""

from __future__ import annotations

from numbers import Real
from typing import Any

from .errors import OctConvError
from .numbers import shown


def check_alpha(alpha: Any, stages: int | None = 1) -> None:
    """Check a share of low-frequency channels, or a list of them, one per stage of a network.

    At 1 nothing would be left of the high branch, so that 1 is no share.

    Args:
        alpha: what the user gave.
        stages: the length of the list; 1 where there are no stages, so that only a number will
            do; None where the number of stages is not known.

    Raises:
        OctConvError: it is neither a number in [0, 1) nor such a list.
    """
    is_list = isinstance(alpha, (list, tuple)) and stages != 1
    values = alpha if is_list else [alpha]
    are_shares = all(
        isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < 1  # type: ignore[operator]
        for value in values
    )
    if are_shares and (not is_list or len(alpha) == (stages or len(alpha) or 1)):
        return
    lists = {1: "", None: ", or a list of them, one per stage"}.get(
        stages, f", or a list of {stages} of them, one per stage"
    )
    raise OctConvError(f"alpha must be a number in [0, 1){lists}, got {shown(alpha, 100)}")
