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
INFO = Patch(
    "ppcls.utils.logger.info",
    TRAINER,
    "the averages of an evaluation are only logged: they are told to the command, for its table",
)
PRINT = Patch(
    "ppcls.engine.engine.print",
    f"{TRAINER} that infers, without `--verbose`",
    "2.4 prints what it finds as Python writes it: the command prints a table",
    "2.5",
)
PATCHES = (ERROR, INFO, LOGGER, PRINT_CONFIG, PRINT)


def hear(patch: Patch, listener: Callable[[str], None]) -> None:
    """Have each message of the logger passed on, on every rank, after it was logged.

    Args:
        patch: ``ERROR`` or ``INFO``.
        listener: is given the message.
    """
    from ppcls.utils import logger

    def log_and_pass_on(log, message, *args):
        log(message, *args)
        listener(str(message))

    patch.wrap(logger, log_and_pass_on)


def print_nothing() -> None:
    """Let the engine print nothing by itself; what it logs is logged."""
    from ppcls.engine import engine

    PRINT.put(engine, lambda *args, **kwargs: None)


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
