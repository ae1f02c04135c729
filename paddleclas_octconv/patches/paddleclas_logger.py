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
PRINT_CONFIG = Patch(
    "ppcls.engine.engine.print_config",
    f"{TRAINER}, without `--verbose`",
    "it fills the terminal with a banner and the whole config: they stand in the log file",
)
PATCHES = (ERROR, LOGGER, PRINT_CONFIG)


def hear_errors(listener: Callable[[str], None]) -> None:
    """Have each message of ``logger.error`` passed on, on every rank, after it was logged."""
    from ppcls.utils import logger

    def log_and_pass_on(error, message, *args):
        error(message, *args)
        listener(str(message))

    ERROR.wrap(logger, log_and_pass_on)


def print_config_into_files(is_told: Callable[[logging.LogRecord], bool]) -> None:
    """Have the config and the banner logged in files alone.

    Args:
        is_told: whether a later record is for the terminal, too.
    """
    from ppcls.engine import engine

    def print_elsewhere(print_config, config):
        terminals = [
            handler
            for handler in engine.logger._logger.handlers
            if isinstance(handler, logging.StreamHandler)
            and not isinstance(handler, logging.FileHandler)
        ]
        with contextlib.ExitStack() as stack:
            for handler in terminals:
                stack.callback(handler.setLevel, handler.level)
                handler.setLevel(logging.CRITICAL)
            print_config(config)
        for handler in terminals:
            handler.addFilter(is_told)

    PRINT_CONFIG.wrap(engine, print_elsewhere)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Let PaddleClas's logger lose what it is told meanwhile."""
    from ppcls.utils import logger

    with LOGGER.put_within(logger, logging.Logger("silent", level=logging.CRITICAL)):
        yield
