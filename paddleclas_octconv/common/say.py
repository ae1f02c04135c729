"""The lines in which the commands, and the trainer's processes, tell what they do."""

from __future__ import annotations

import contextlib
import sys


def say(message: str) -> None:
    """Print ``paddleclas: message`` on standard error, at once, if that can be written to."""
    with contextlib.suppress(OSError, ValueError):
        print(f"paddleclas: {message}", file=sys.stderr, flush=True)


def say_error(error: object) -> None:
    """Print an error as the one line it is."""
    say(f"error: {' '.join(str(error).split())}")
