"""The lines in which the commands, and the trainer's processes, tell what they do."""

from __future__ import annotations

import contextlib
import sys
from typing import IO

_LENGTH = 300  # of what is told of another library's error, whose end says most


def say(message: str, output: IO[str] | None = None) -> None:
    """Print ``paddleclas: message`` at once, on standard error or into a file, if it can be."""
    with contextlib.suppress(OSError, ValueError):
        print(f"paddleclas: {message}", file=output or sys.stderr, flush=True)


def one_line(error: object) -> str:
    """The message of an error as one line."""
    return " ".join(str(error).split())


def described(error: Exception) -> str:
    """The kind and the message of an error of another library, without Paddle's place in C++."""
    message = one_line(error)
    message = message.rpartition("[Hint")[0] or message
    return f"{type(error).__name__}: {message[-_LENGTH:].strip()}"


def say_error(error: object) -> None:
    """Print an error as the one line it is."""
    say(f"error: {one_line(error)}")
