"""PaddleClas's logger, listened to and silenced."""

from __future__ import annotations

import contextlib
import logging
from typing import Callable, Iterator

from .patch import TRAINER, Patch

ERROR = Patch(
    "ppcls.utils.logger.error",
    TRAINER,
    "an image that cannot be read is only logged, and by the first rank alone: it is counted, and "
    "too many in a row stop what would be an endless search",
)
LOGGER = Patch(
    "ppcls.utils.logger._logger",
    f"{TRAINER}, while the network is checked",
    "PaddleClas sets it up later and fails on what it logs before",
)
PATCHES = (ERROR, LOGGER)


def hear_errors(listener: Callable[[str], None]) -> None:
    """Have each message of ``logger.error`` passed on, on every rank, after it was logged."""
    from ppcls.utils import logger

    def log_and_pass_on(error, message, *args):
        error(message, *args)
        listener(str(message))

    ERROR.wrap(logger, log_and_pass_on)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Let PaddleClas's logger lose what it is told meanwhile."""
    from ppcls.utils import logger

    with LOGGER.put_within(logger, logging.Logger("silent", level=logging.CRITICAL)):
        yield
