"""Files that are whole whenever they exist, and their hashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_BLOCK = 1 << 20


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is whole whenever it exists."""
    part = path.with_name(f"{path.name}.tmp")
    part.write_bytes(content)
    os.replace(part, path)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The hash of a file, hexadecimal, by an algorithm of ``hashlib``."""
    found = hashlib.new(algorithm)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            found.update(block)
    return found.hexdigest()
