"""Wheels that are fetched, not installed: PaddleClas, its pinned trainer, and PaddleSlim.

They pin their dependencies to packages that today's Pythons cannot install, or that break others.
So they are unpacked in the user's cache folder, and put on ``sys.path`` from there. At
every use a wheel is checked against its hash below, and the unpacked files against the wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from ..common import start
from ..common.errors import OctConvError
from ..common.files import digest
from ..common.locks import hold
from ..common.say import say

_TRIES = 20


class NotFetched(OctConvError, ImportError):
    """A wheel that should be imported is not to be had: programs that try ``import`` catch it."""


@dataclass(frozen=True)
class Wheel:
    """A release on the package index.

    Attributes:
        project: its name there.
        version: of the release.
        sha256: of its wheel, hexadecimal.
        what: what messages call it.
        instead: what a user can do where it cannot be fetched.
    """

    project: str
    version: str
    sha256: str
    what: str
    instead: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.release}-py3-none-any.whl"

    @property
    def release(self) -> str:
        """What its files and folders begin with."""
        return f"{self.project}-{self.version}"


#: The newest release, without a trainer: networks, predictor, command.
LIBRARY = Wheel(
    "paddleclas",
    "2.6.0",
    "3c12fd8994d95ed1b4fd60017cdbc12bb0e77a41a7921b022e9a6fb5d287fe8a",
    "PaddleClas",
    "pip install --no-deps paddleclas==2.6.0",
)
#: The newest release that has a whole trainer.
TRAINER = Wheel(
    "paddleclas",
    "2.4.2",
    "5e290e9c171a53658862c675d971f127bc3419fb8861575cfd6f230325cb0633",
    "PaddleClas's trainer",
    "name a checkout of PaddleClas with --paddleclas",
)
#: Quantisation-aware training and pruning: its newest release.
SLIM = Wheel(
    "paddleslim",
    "2.6.0",
    "672e9ed648a71407b5200ce2d2aea6fb50878f986087fb78cdc02152ecef5151",
    "PaddleSlim",
    "pip install --no-deps paddleslim==2.6.0",
)


def cache_folder() -> Path:
    """``PADDLECLAS_OCTCONV_CACHE``, or the user's cache folder on this system.

    Raises:
        OctConvError: the user has no home folder.
    """
    folder = os.environ.get("PADDLECLAS_OCTCONV_CACHE")
    if folder:
        return Path(folder)
    try:
        return user_cache_path("paddleclas-octconv", appauthor=False)
    except RuntimeError as error:
        raise OctConvError(
            f"no cache folder ({error}): PADDLECLAS_OCTCONV_CACHE should name one"
        ) from None


def trainer_root() -> Path:
    """The folder that holds the pinned trainer's ``ppcls``; fetches and unpacks it if needed.

    Raises:
        OctConvError: as in ``unpacked``.
    """
    return unpacked(TRAINER) / "paddleclas"


def library_root() -> Path:
    """The folder that holds the package ``paddleclas``; fetches and unpacks it if needed.

    Raises:
        OctConvError: as in ``unpacked``.
    """
    return unpacked(LIBRARY)


def unpacked(wheel: Wheel) -> Path:
    """The folder a wheel is unpacked in; fetches and unpacks it if needed.

    Safe to call from several processes at once: one of them does the work.

    Raises:
        OctConvError: the wheel can neither be found nor downloaded, or is not the pinned one.
    """
    cache = cache_folder()
    file, folder = cache / wheel.name, cache / wheel.release
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with hold(cache / f"{wheel.name}.lock"):
            if not file.exists():
                _download(wheel, file)
            elif digest(file) != wheel.sha256:
                raise OctConvError(
                    f"{file}: is not the pinned {wheel.release} (its SHA-256 is not "
                    f"{wheel.sha256}); delete that file to have it fetched again"
                )
            if not _is_whole(folder, file):
                _unpack(file, folder)
    except OSError as error:
        raise OctConvError(f"{cache}: cannot hold {wheel.what}: {error}") from None
    return folder


def _download(wheel: Wheel, target: Path) -> None:
    """Download a wheel through the user's own pip configuration."""
    say(f"fetching {wheel.what}, {wheel.project}=={wheel.version}, once (0.5 MB)")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder:
        command = ["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder]
        pip = subprocess.run(
            start.command("pip", *command, f"{wheel.project}=={wheel.version}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        downloaded = Path(folder) / wheel.name
        if pip.returncode or not downloaded.is_file():
            said = pip.stderr.strip().splitlines()
            reason, mend = said[-1] if said else "no reason given", "run this again"
            if find_spec("pip") is None:  # as in environments that uv makes
                reason = "this environment has no pip"
                mend = "install pip here (python -m ensurepip, or uv pip install pip)"
            raise NotFetched(
                f"{wheel.what} is not in the cache yet, and pip cannot download it ({reason}): "
                f"with a network, {mend}; without, copy {wheel.name} to {target.parent}, or "
                f"{wheel.instead}"
            )
        if digest(downloaded) != wheel.sha256:
            raise OctConvError(
                f"pip downloaded a {wheel.name} that is not the pinned one (its SHA-256 is not "
                f"{wheel.sha256}); it is not used: check the package index pip is set to"
            )
        os.replace(downloaded, target)


def _unpack(wheel: Path, target: Path) -> None:
    """Put the wheel's content in place of whatever is there, in one step."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(new)
        if target.exists():
            say(f"warning: {target} was changed or damaged: it is unpacked from the wheel again")
            os.replace(target, old)
        os.replace(new, target)


def _is_whole(unpacked: Path, wheel: Path) -> bool:
    """Whether a folder holds exactly the files of a (verified) wheel."""
    if not unpacked.is_dir():
        return False
    with zipfile.ZipFile(wheel) as archive:
        expected = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    for folder, folders, files in os.walk(unpacked):
        if "__pycache__" in folders:  # could hold code that no hash vouches for
            folders.remove("__pycache__")
            _remove(Path(folder) / "__pycache__")
        if any((Path(folder) / name).is_symlink() for name in (*folders, *files)):
            return False
        for name in files:
            path = Path(folder) / name
            wanted = expected.pop(path.relative_to(unpacked).as_posix(), None)
            if not path.is_file() or wanted != path.read_bytes():
                return False
    return not expected


def _remove(folder: Path) -> None:
    """Remove a folder into which another process may be writing."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(folder)
