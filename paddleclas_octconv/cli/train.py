"""``paddleclas train``: PaddleClas's tools/train.py on a config."""

from __future__ import annotations

import argparse

from ..checkpoints import resume
from ..child.main import ALLOW_NON_FINITE
from ..common.say import say
from . import job

HELP = "train a network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest whole checkpoint in Global.output_dir (none there: start)",
    )
    parser.add_argument(
        "--allow-non-finite-loss",
        action="store_true",
        help="train on where the loss is not a number",
    )


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code.

    Raises:
        OctConvError: something is missing or malformed, or the output folder holds another run.
    """
    task = job.prepare("train", args)
    environ, done = resume.prepare(task.config, args.resume)
    if done:
        where = "{output_dir}: all {epochs} epochs are done".format(**task.config["Global"])
        say(f"{where}; Global.epochs sets their number")
        return 0
    environ[ALLOW_NON_FINITE] = str(int(args.allow_non_finite_loss))
    return task.run(environ)
