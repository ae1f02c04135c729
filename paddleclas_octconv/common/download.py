"""Download one file: resumed where it broke off, bounded, and checked before it is used."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from .errors import OctConvError
from .files import digest, reason
from .numbers import whole
from .progress import bar
from .say import escaped

_CHUNK = 1 << 16
_TRIES = 3
_TIMEOUT = (10, 30)  # seconds to connect, and between two chunks
_SLOWEST, _PATIENCE = 1 << 10, 30  # bytes a second, on average over so many seconds
_LONGEST = 24 * 3600  # seconds in all
_INTERVAL = 0.05  # seconds between two looks at what has come
MOST = 4 << 30  # bytes of a file of unknown size


class Checksum(NamedTuple):
    """The hash that a file should have.

    Attributes:
        algorithm: a name of ``hashlib``'s.
        value: hexadecimal.
    """

    algorithm: str
    value: str


def download(
    url: str,
    target: Path,
    checksum: Checksum | None,
    most: int = MOST,
    instead: str = "",
) -> None:
    """Make ``target`` the file at ``url``.

    Where its hash is known, a download goes on from the ``<target>.part`` that an earlier one left;
    else only within one call, and only while the server says that the file is the same.

    Args:
        checksum: what the file should have; None if it is not known.
        most: bytes that it may have.
        instead: what a user can do without a download, for messages.

    Raises:
        OctConvError: the server cannot be reached, is too slow, or sends another file; or the disk
            is full.
    """
    import requests
    import urllib3

    part = target.with_name(f"{target.name}.part")
    if checksum is None:
        _remove(part)
    transfer = _Transfer(url, part, most, is_known=checksum is not None)
    until = time.monotonic() + _LONGEST
    for attempt in range(1, _TRIES + 1):
        try:
            _watched(transfer, until)
            break
        except OctConvError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            response = getattr(error, "response", None)
            final = response is not None and 400 <= response.status_code < 500
            if final or attempt == _TRIES or time.monotonic() > until:
                raise OctConvError(
                    f"cannot download {url} ({_cause(error)}): check the network"
                    f"{', or ' if instead else ''}{instead}"
                ) from None
            transfer = transfer.again()
        except OSError as error:
            raise OctConvError(f"{part}: cannot be written: {reason(error)}") from None
    if checksum is not None:
        found = digest(part, checksum.algorithm)
        if found != checksum.value:
            _remove(part)
            name = {"md5": "MD5", "sha256": "SHA-256"}.get(checksum.algorithm, checksum.algorithm)
            raise OctConvError(
                f"{url} has {name} {found} instead of {checksum.value}: it is not used; run the "
                "command again, or check where it comes from"
            )
    os.replace(part, target)


def _watched(transfer: _Transfer, until: float) -> None:
    """Let a transfer go on for as long as it gets somewhere.

    In a thread of its own: a server can hold a call up for ever, by a header that comes letter by
    letter, or by the answer 100 over and over again. The thread is then left to itself.

    Raises:
        requests.Timeout: it is too slow.
        Exception: what has ended it.
    """
    import requests

    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            transfer.go_on()
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    threading.Thread(target=run, daemon=True).start()
    since, before = time.monotonic(), 0
    try:
        while not ended:
            time.sleep(_INTERVAL)
            now = time.monotonic()
            if now > until or now - since > _PATIENCE:
                received = transfer.received - before
                if now > until or received < _SLOWEST * _PATIENCE:
                    raise requests.Timeout(f"{received:,} bytes in {now - since:.0f} seconds")
                since, before = now, transfer.received
    finally:
        transfer.abandon()
    if ended[0] is not None:
        raise ended[0]


class _Transfer:
    """One file on its way, over one connection.

    Attributes:
        version: what the server calls the file as it is now.
        received: the bytes that have come.
    """

    def __init__(
        self, url: str, part: Path, most: int, is_known: bool, version: str | None = None
    ) -> None:
        self.url, self.part, self.most, self.is_known = url, part, most, is_known
        self.version, self.received = version, 0
        self._writing, self._is_abandoned = threading.Lock(), False

    def again(self) -> _Transfer:
        """The same file, over another connection."""
        return _Transfer(self.url, self.part, self.most, self.is_known, self.version)

    def abandon(self) -> None:
        """From now on nothing more is written."""
        with self._writing:
            self._is_abandoned = True

    def go_on(self) -> None:
        """Append what is still missing, with a progress bar."""
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have and (self.is_known or self.version):
            headers["Range"] = f"bytes={have}-"
            if self.version:
                headers["If-Range"] = self.version
        with requests.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if have and response.status_code == 416:  # nothing is missing; the hash will judge
                return
            response.raise_for_status()
            if response.status_code != 206:  # the server sends the file from its start
                have = 0
            tag = response.headers.get("ETag", "")
            self.version = tag if tag[:1] == '"' else response.headers.get("Last-Modified")
            length = whole(response.headers.get("Content-Length", ""))
            total = have + length if length is not None and length >= 0 else None
            self._bound(total or 0)
            name = escaped(self.part.stem)
            shown = bar(total, name, "B", initial=have, unit_scale=True)
            with shown, open(self.part, "ab" if have else "wb") as file:
                # read1 gives what has come; read, all that is asked for, however slowly it comes.
                read = getattr(response.raw, "read1", response.raw.read)
                for chunk in iter(lambda: read(_CHUNK), b""):
                    with self._writing:
                        if self._is_abandoned:
                            return
                        file.write(chunk)
                    shown.update(len(chunk))
                    self.received += len(chunk)
                    self._bound(have + self.received)
            if total is not None and have + self.received < total:
                raise requests.ConnectionError(
                    f"connection lost at {have + self.received:,} of {total:,} bytes"
                )

    def _bound(self, size: int) -> None:
        if size > self.most:
            _remove(self.part)
            raise OctConvError(
                f"{self.url} has more than the {self.most:,} bytes that it should have at most"
            )


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _cause(error: Exception) -> str:
    """The root cause in a few words; requests wraps it several times over."""
    response = getattr(error, "response", None)
    if response is not None and response.status_code >= 400:
        return f"{response.status_code} {response.reason}".strip()
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).splitlines()[0] if str(error) else type(error).__name__
