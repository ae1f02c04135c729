"""The errors a user can cause; each message is one clear line."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterator

from .say import described, one_line

TRACEBACK = "PADDLECLAS_OCTCONV_TRACEBACK"


class OctConvError(ValueError):
    """Bad input: the message names the option or key, the value, and what would be right.

    The command line prints the message alone and exits with code 2. Whatever names it holds, it is
    one line, without the passwords of addresses.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message))


def traceback_wanted() -> bool:
    """Whether the user wants to see how an error came about (`TRACEBACK` is set to 1)."""
    return os.environ.get(TRACEBACK) == "1"


def unexpected_argument(error: Exception) -> str | None:
    """The argument that a function was given and does not take, if that is the error."""
    found = re.search("unexpected keyword argument '([^']*)'", str(error))
    return found and found[1]


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """An error within, of PaddleClas's or Paddle's own, becomes one that starts with ``what``.

    Raises:
        OctConvError: in its place.
    """
    try:
        yield
    except (OctConvError, MemoryError, OSError):  # these are told as they are
        raise
    except Exception as error:
        if traceback_wanted():
            raise
        raise OctConvError(f"{what}: {described(error)}") from error
