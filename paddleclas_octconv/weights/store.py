"""Published weights in the user's cache folder: fetched once, checked at each use, converted once.

Beside ``<file>`` of the authors lie ``<file>.json``, which says where it came from and what its
SHA-256 is, and the same weights as this package names them, ``<file>.pdparams``. Where no hash is
published, that of the first download is recorded, and told; a file that changes later is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping
from urllib.parse import unquote

import numpy as np

from ..common import urls
from ..common.documents import read_json
from ..common.download import Checksum, download
from ..common.errors import OctConvError
from ..common.files import digest, reason, why_no_file, write_atomically
from ..common.locks import hold
from ..common.say import escaped, say
from ..trainer.fetch import cache_folder
from .mxnet_arrays import load_mxnet
from .published import BASE, PublishedWeights

# A mirror: an address, or a folder that holds the files, in the folders that they are published in
# or all in one.
URL_VARIABLE = "PADDLECLAS_OCTCONV_WEIGHTS_URL"


def folder() -> Path:
    """Where fetched weights are kept."""
    return cache_folder() / "weights"


def fetch(checkpoint: PublishedWeights) -> Path:
    """The authors' file, from the cache, or fetched into it.

    Safe to call from several processes at once: one of them does the work.

    Raises:
        OctConvError: it cannot be fetched, is not what was published, was changed in the cache, or
            holds no weights.
    """
    with _locked(checkpoint) as file:
        return _fetched(checkpoint, file)


def converted(
    checkpoint: PublishedWeights,
    rename: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
    check: Callable[[Mapping[str, np.ndarray], str], None],
) -> Path:
    """The same weights under the names here, a ``.pdparams`` file for 1,000 classes.

    Args:
        checkpoint: which.
        rename: gives the weights the names here.
        check: raises if weights, from what the second argument names, are not the network's.

    Raises:
        OctConvError: as ``fetch``, or they are not those of the network.
    """
    with _locked(checkpoint) as file:
        path, record = file.with_name(f"{file.name}.pdparams"), _record(file)
        if path.is_file() and record.get("pdparams") == digest(path):
            return path
        source = _fetched(checkpoint, file)
        try:
            weights = rename(load_mxnet(source))
            check(weights, str(file))
        except OctConvError:
            _forget_unless_it_was_used(file)
            raise
        _save(weights, path)
        _write_record(file, {**_record(file), "pdparams": digest(path)})
        return path


def is_fetched(checkpoint: PublishedWeights) -> bool:
    """Whether it is in the cache, the authors' file or the converted one."""
    file = folder() / checkpoint.file
    return file.is_file() or file.with_name(f"{file.name}.pdparams").is_file()


@contextlib.contextmanager
def _locked(checkpoint: PublishedWeights) -> Iterator[Path]:
    """The place of a file in the cache, for one process at a time."""
    cache = folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with hold(cache / f"{checkpoint.file}.lock"):
            yield cache / checkpoint.file
    except OSError as error:
        raise OctConvError(f"{cache}: cannot hold weights: {reason(error)}") from None


def _fetched(checkpoint: PublishedWeights, file: Path) -> Path:
    recorded = _record(file).get("sha256")
    if file.is_file() and recorded:
        found = digest(file)
        if found != recorded:
            raise OctConvError(
                f"{file} was changed since it was fetched (SHA-256 {found}, not {recorded}): "
                "delete it to have it fetched again"
            )
        return file
    is_theirs = file.is_file()  # a user has put it there
    new = file if is_theirs else file.with_name(f"{file.name}.new")
    origin = str(file) if is_theirs else _bring(checkpoint, new)
    try:
        sha256 = _verified(checkpoint, new, origin)
        load_mxnet(new)
    except OctConvError as error:
        if not is_theirs:
            new.unlink()
        message = str(error).replace(str(new), origin)
        raise OctConvError(f"{message}; it is not used") from None
    trust = "published" if checkpoint.sha256 else "first use"
    _write_record(file, {"sha256": sha256, "source": origin, "trust": trust})
    if not is_theirs:
        os.replace(new, file)
    if not checkpoint.sha256:
        say(f"{checkpoint.file}: no hash is published; from now on it must have SHA-256 {sha256}")
    return file


def _forget_unless_it_was_used(file: Path) -> None:
    """Remove what no published hash vouches for, so that the next build fetches it anew."""
    record = _record(file)
    if record.get("trust") == "first use" and "pdparams" not in record:
        if record.get("source") != str(file):  # else a user has put it there
            file.unlink()
        _record_of(file).unlink()


def _bring(checkpoint: PublishedWeights, new: Path) -> str:
    """Get the file from where the user wants it from; returns where that is."""
    base = os.environ.get(URL_VARIABLE) or BASE
    parts = urls.split(base, URL_VARIABLE)
    if parts.scheme in ("http", "https"):
        url = f"{base.rstrip('/')}/{checkpoint.path}"
        say(f"fetching {url}, once ({checkpoint.about_size})")
        checksum = Checksum("sha256", checkpoint.sha256) if checkpoint.sha256 else None
        most = checkpoint.size or checkpoint.most
        download(url, new, checksum, most, f"name a folder that has it with {URL_VARIABLE}")
        return escaped(url)
    if parts.scheme not in ("", "file"):
        raise OctConvError(f"{URL_VARIABLE}: {base} should be a folder or start with https://")
    mirror = Path(unquote(parts.path) if parts.scheme else base)
    places = (mirror / checkpoint.path, mirror / checkpoint.file)
    for place in places:
        if why_no_file(place) is None:
            shutil.copyfile(place, new)
            return str(place)
    raise OctConvError(f"{URL_VARIABLE}: {places[0]}: {why_no_file(places[0])}")


def _verified(checkpoint: PublishedWeights, file: Path, origin: str) -> str:
    """The SHA-256 of a file, which is the published one if there is one."""
    size, sha256 = file.stat().st_size, digest(file)
    if checkpoint.sha256 not in (None, sha256):
        raise OctConvError(
            f"{origin} is not the file that was published: its SHA-256 is {sha256}, not "
            f"{checkpoint.sha256}"
        )
    if size > checkpoint.most:
        raise OctConvError(f"{origin} has {size:,} bytes, more than the weights can have")
    return sha256


def _save(weights: Mapping, path: Path) -> None:
    import paddle

    part = path.with_name(f"{path.name}.new")
    paddle.save(dict(weights), str(part))
    os.replace(part, path)


def _record_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _record(file: Path) -> dict[str, Any]:
    try:
        record = read_json(_record_of(file), "")
    except OctConvError:
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(file: Path, record: dict[str, Any]) -> None:
    text = json.dumps(record, indent=2) + "\n"
    write_atomically(_record_of(file), text.encode("utf-8"))
