"""Download one known file: resumed where it broke off, checked before it is used."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import OctConvError
from ..common.files import digest

_CHUNK = 1 << 20
_TRIES = 3
_TIMEOUT = (10, 60)  # seconds to connect, and between two chunks


def download(url: str, target: Path, md5: str) -> None:
    """Make `target` the file at `url`, going on from ``<target>.part`` where it exists.

    Raises OctConvError where the server cannot be reached or sends another file.
    """
    import requests

    part = target.with_name(f"{target.name}.part")
    for attempt in range(1, _TRIES + 1):
        try:
            _continue(url, part)
            break
        except requests.RequestException as error:
            if attempt == _TRIES:
                raise OctConvError(
                    f"cannot download {url} ({_reason(error)}): check the network, "
                    "or name a local copy with --source"
                ) from None
    found = digest(part, "md5")
    if found != md5:
        part.unlink()
        raise OctConvError(f"{url} has MD5 {found} instead of {md5}: run the command again")
    os.replace(part, target)


def _continue(url: str, part: Path) -> None:
    """Append what is still missing of `url` to `part`, with a progress bar."""
    import requests
    from tqdm import tqdm

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing is missing; the MD5 will judge
            return
        response.raise_for_status()
        if response.status_code != 206:  # the server sends the file from its start
            have = 0
        length = response.headers.get("Content-Length")
        bar = tqdm(
            desc=part.stem,
            total=have + int(length) if length else None,
            initial=have,
            unit="B",
            unit_scale=True,
        )
        with bar, open(part, "ab" if have else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        if bar.total is not None and bar.n < bar.total:
            raise requests.ConnectionError(f"connection lost at {bar.n:,} of {bar.total:,} bytes")


def _reason(error: Exception) -> str:
    """The root cause in a few words; requests wraps it several times over."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).splitlines()[0] if str(error) else type(error).__name__
