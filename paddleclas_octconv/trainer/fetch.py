"""The pinned trainer: the newest PaddleClas wheel that has a whole one.

Its dependencies are pinned to packages that today's Pythons cannot install, so it is not
installed but unpacked in the user's cache folder, and put on ``sys.path`` from there. At every
use the wheel is checked against the hash below, and the unpacked files against the wheel.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from ..common.errors import OctConvError
from ..common.files import digest
from ..common.say import say

VERSION = "2.4.2"
WHEEL = f"paddleclas-{VERSION}-py3-none-any.whl"
SHA256 = "5e290e9c171a53658862c675d971f127bc3419fb8861575cfd6f230325cb0633"


def cache_folder() -> Path:
    """``PADDLECLAS_OCTCONV_CACHE``, or the user's cache folder on this system."""
    folder = os.environ.get("PADDLECLAS_OCTCONV_CACHE")
    return Path(folder) if folder else user_cache_path("paddleclas-octconv", appauthor=False)


def trainer_root() -> Path:
    """The folder that holds the pinned trainer's ``ppcls``; fetches and unpacks it if needed.

    Safe to call from several processes at once: one of them does the work.

    Raises:
        OctConvError: the wheel can neither be found nor downloaded, or is not the pinned one.
    """
    cache = cache_folder()
    wheel, unpacked = cache / WHEEL, cache / f"paddleclas-{VERSION}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(str(cache / f"{WHEEL}.lock")):
            if not wheel.exists():
                _download(wheel)
            elif digest(wheel) != SHA256:
                raise OctConvError(
                    f"{wheel}: is not the pinned PaddleClas {VERSION} (its SHA-256 is not "
                    f"{SHA256}); delete that file to have it fetched anew"
                )
            if not _is_whole(unpacked, wheel):
                _unpack(wheel, unpacked)
    except OSError as error:
        raise OctConvError(f"{cache}: cannot hold PaddleClas's trainer: {error}") from None
    return unpacked / "paddleclas"


def _download(wheel: Path) -> None:
    """Download the wheel through the user's own pip configuration."""
    say(f"fetching PaddleClas's trainer, paddleclas=={VERSION}, once (0.5 MB)")
    with tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".download-") as folder:
        command = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        pip = subprocess.run(
            [sys.executable, "-m", "pip", *command, f"paddleclas=={VERSION}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        downloaded = Path(folder) / WHEEL
        if pip.returncode or not downloaded.is_file():
            reason = pip.stderr.strip().splitlines()
            raise OctConvError(
                f"PaddleClas's trainer is not here yet and pip cannot download it "
                f"({reason[-1] if reason else 'no reason given'}): with a network, run this "
                f"again; without, copy {WHEEL} to {wheel.parent}, or name a checkout of PaddleClas "
                f"with --paddleclas"
            )
        if digest(downloaded) != SHA256:
            raise OctConvError(
                f"pip downloaded a {WHEEL} that is not the pinned one (its SHA-256 is not "
                f"{SHA256}); it is not used: check the package index pip is set to"
            )
        os.replace(downloaded, wheel)


def _unpack(wheel: Path, target: Path) -> None:
    """Put the wheel's content in place of whatever is there, in one step."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(new)
        if target.exists():
            say(f"warning: {target} was changed or damaged: it is unpacked anew from the wheel")
            os.replace(target, old)
        os.replace(new, target)


def _is_whole(unpacked: Path, wheel: Path) -> bool:
    """Whether a folder holds exactly the files of a (verified) wheel."""
    if not unpacked.is_dir():
        return False
    expected = _record(wheel)
    for folder, folders, files in os.walk(unpacked):
        if "__pycache__" in folders:  # could hold code that no hash vouches for
            folders.remove("__pycache__")
            shutil.rmtree(Path(folder) / "__pycache__")
        if any((Path(folder) / name).is_symlink() for name in (*folders, *files)):
            return False
        for name in files:
            path = Path(folder) / name
            if expected.pop(path.relative_to(unpacked).as_posix(), None) != digest(path):
                return False
    return not expected


def _record(wheel: Path) -> dict[str, str]:
    """The wheel's files: name to SHA-256 (hexadecimal)."""
    record = f"paddleclas-{VERSION}.dist-info/RECORD"
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(record)
    hashes = {record: hashlib.sha256(content).hexdigest()}
    for name, encoded, _ in csv.reader(io.StringIO(content.decode("utf-8"))):
        if encoded:  # sha256=<base64 without its padding>
            hashes[name] = base64.urlsafe_b64decode(encoded.partition("=")[2] + "==").hex()
    return hashes
