"""What belongs to a checkpoint: a manifest beside it, with the SHA-256 of each of its files.

The files of a checkpoint are written beside their places, with ``.part`` at the end, and so is
the manifest, last. From then on the checkpoint cannot be lost: the files take their places one by
one, and what a killed run has not moved, ``recover`` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Sequence

from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import digest

SUFFIX = ".manifest.json"
PART = ".part"
_OURS = re.compile(r"\.(pdparams|pdopt|pdstates|pdema|manifest\.json)\.part")


def path_of(prefix: Path) -> Path:
    """The manifest of a checkpoint."""
    return prefix.with_name(prefix.name + SUFFIX)


def read(path: Path) -> dict[str, str] | None:
    """File name to SHA-256; None where there is no manifest, empty where it is damaged."""
    try:
        files = read_json(path, "")["files"]
        return {os.path.basename(name): str(sha256) for name, sha256 in files.items()}
    except (OctConvError, TypeError, KeyError, AttributeError):
        return {} if os.path.lexists(path) else None


def commit(prefix: Path, names: Sequence[str]) -> None:
    """Put a checkpoint in its place, of which each file is written, as ``<name>.part``."""
    folder, manifest = prefix.parent, path_of(prefix)
    files = {name: digest(folder / (name + PART)) for name in names}
    with open(f"{manifest}{PART}", "w", encoding="utf-8") as file:
        json.dump({"files": files}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    for name in (*names, manifest.name):
        os.replace(folder / (name + PART), folder / name)


def recover(folder: Path) -> None:
    """Finish the commits of a killed run in a folder, and remove what it left half-written."""
    for part in sorted(folder.glob(f"*{SUFFIX}{PART}")):
        with contextlib.suppress(OSError):  # another machine may do the same
            _finish(part)
    for part in folder.glob(f"*{PART}"):
        if _OURS.search(part.name):
            with contextlib.suppress(OSError):
                part.unlink()


def _finish(manifest: Path) -> None:
    """Commit a checkpoint if every file of it is there: in its place, or beside it."""
    moves = []
    for name, wanted in (read(manifest) or {}).items():
        path = manifest.parent / name
        part = path.with_name(name + PART)
        if part.is_file() and digest(part) == wanted:
            moves.append((part, path))
        elif not (path.is_file() and digest(path) == wanted):
            return
    if read(manifest):
        for part, path in (*moves, (manifest, manifest.with_suffix(""))):
            os.replace(part, path)
