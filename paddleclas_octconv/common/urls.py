"""Addresses, taken apart."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from .errors import OctConvError


def split(address: str, name: str) -> SplitResult:
    """The parts of an address.

    Args:
        address: such as ``https://example.org/weights.pdparams``.
        name: the option or key that gave it, for messages.

    Raises:
        OctConvError: it is malformed.
    """
    try:
        return urlsplit(address)
    except ValueError as error:
        raise OctConvError(f"{name}: {address}: is not a valid address: {error}") from None
