"""Standard output and error as a command needs them, whatever they lead to.

A terminal that knows ASCII alone gets plain letters for others; a reader that has gone away ends
the command as it ends any other; a full disk is told.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import sys
from typing import Any

_PLAIN = {"…": "...", "×": "x", "–": "-", "—": "-", "’": "'", "“": '"', "”": '"', "·": "*"}
_HANDLER = "paddleclas-octconv-plain"
BROKEN_PIPE = 128 + getattr(signal, "SIGPIPE", 13)  # what a shell says of a command that it ended


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    plain = _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
    return plain, error.start + 1


def prepare() -> None:
    """Let standard output and error take any text; closed ones, too."""
    codecs.register_error(_HANDLER, _plain)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # closed by the shell: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def abandon_output() -> None:
    """Nobody reads standard output any more: what is still to be written goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
