"""The errors a user can cause; each message is one clear line."""

from __future__ import annotations

import os

TRACEBACK = "PADDLECLAS_OCTCONV_TRACEBACK"


class OctConvError(ValueError):
    """Bad input: the message names the option or key, the value, and what would be right.

    The command line prints the message alone and exits with code 2.
    """


def traceback_wanted() -> bool:
    """Whether the user wants to see how an error came about (``TRACEBACK=1``)."""
    return os.environ.get(TRACEBACK) == "1"
