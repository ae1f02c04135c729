"""A trainer process says what matters; all of it stands in the log file."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from typing import Any

from ..common.progress import bar
from ..patches import paddleclas_logger
from ..run.training_log import EVALUATED, EVALUATING

# What Paddle says, when it is imported, of threads that the command has set for it.
_THREADS = ("WARNING: OMP_NUM_THREADS set to", "PLEASE USE OMP_NUM_THREADS WISELY")
# PaddleClas's advice on the learning rate, which on a CPU speaks of GPUs that are not there.
_GPUS = "gpus. But the number of gpu is"
_TRAIN_WITH = "train with paddle"  # whatever the mode
# Of a training or evaluation, where it is shown otherwise how far it is.
_ON_THE_WAY = ("[Train]", "[Eval]", "Already save model", "Finish load checkpoints", _TRAIN_WITH)
# Of a folder that is gone when the command names the one that it has become.
_EXPORTED = "Export succeeded!"
_FOUND = "[{'"  # what it finds in images, as Python writes it; the command prints a table


def import_paddle(verbose: bool) -> None:
    """Import Paddle, unless verbose without what it says of threads and compilers."""
    if verbose:
        import paddle

        return
    warnings.filterwarnings("ignore", message="No ccache found")  # of no concern to training
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            import paddle  # noqa: F401
    finally:
        lines = said.getvalue().splitlines(keepends=True)
        sys.stderr.write("".join(line for line in lines if not line.startswith(_THREADS)))


def log_in_the_file_alone(mode: str, device: str, is_shown: bool = False) -> None:
    """Keep banner, config and misleading advice of PaddleClas's log out of the terminal.

    Args:
        mode: "train", "eval", "infer" or "export".
        device: ``Global.device``.
        is_shown: whether the command shows how far it is; an evaluation is shown here.
    """
    if mode == "eval":
        is_shown = True
        if (os.environ.get("PADDLE_TRAINER_ID") or "0") == "0":
            _show_evaluation()

    def is_told(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith((_FOUND, _EXPORTED)):
            return False
        if device != "gpu" and _GPUS in message:
            return False
        if is_shown and message.startswith(_ON_THE_WAY):
            return False
        return mode == "train" or not message.startswith(_TRAIN_WITH)

    paddleclas_logger.print_config_into_files(is_told)
    paddleclas_logger.print_nothing()


def _show_evaluation() -> None:
    """Show how far an evaluation is, by what PaddleClas logs of it."""
    shown: list[Any] = []

    def look(message: str) -> None:
        found = EVALUATING.search(message)
        if found:
            shown[:] = shown or [bar(int(found[3]), "evaluation", " batches", leave=False)]
            shown[0].update(int(found[2]) + 1 - shown[0].n)
        elif shown and EVALUATED.search(message):
            shown[0].close()

    paddleclas_logger.hear(paddleclas_logger.INFO, look)
