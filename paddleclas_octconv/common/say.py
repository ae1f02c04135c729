"""The lines in which the commands, and the trainer's processes, tell what they do."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import IO

# What an address or a proxy can hold besides a place: user and password, and tokens behind "?".
_SECRETS = ((r"://[^\s/]+@", "://***@"), (r"[^\s/:@]+:[^\s/@]+@", "***@"))
_TOKENS = (r"(https?://[^\s?]+)\?[^\s)'\"]+", r"\1?***")
_LENGTH = 300  # of what is told of another library's error, whose end says most


def say(message: str, output: IO[str] | None = None) -> None:
    """Print ``paddleclas: message`` at once, on standard error or into a file, if it can be."""
    with contextlib.suppress(OSError, ValueError):
        print(f"paddleclas: {escaped(message)}", file=output or sys.stderr, flush=True)


def escaped(text: object) -> str:
    """Text of anybody's as a terminal or log may have it: line ends and other control characters
    are written out, so that no name passes for another line; passwords in addresses are not."""
    shown = str(text)
    for secret, instead in (*_SECRETS, _TOKENS) if "@" in shown or "?" in shown else ():
        shown = re.sub(secret, instead, shown)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)


def one_line(error: object) -> str:
    """The message of an error as one line."""
    return escaped(" ".join(str(error).split()))


def described(error: Exception) -> str:
    """The kind and the message of an error of another library, without Paddle's place in C++."""
    message = one_line(error)
    message = message.rpartition("[Hint")[0] or message
    return f"{type(error).__name__}: {message[-_LENGTH:].strip()}"


def say_error(error: object) -> None:
    """Print an error as the one line it is."""
    say(f"error: {one_line(error)}")
