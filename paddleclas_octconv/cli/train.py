"""``paddleclas train``: PaddleClas's tools/train.py on a config."""

from __future__ import annotations

import argparse

from ..run import training
from . import job
from .options import add_recipe, asks_for_cpu

HELP = "train a network"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "epochs", "batch_size", "image_size", "lr", "patience", "device", "output")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume from the newest whole checkpoint in Global.output_dir; without one, start",
    )
    parser.add_argument(
        "--allow-non-finite-loss",
        action="store_true",
        help="keep training when the loss is not finite",
    )


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code; returns its exit code.

    Raises:
        OctConvError: something is missing or malformed, or the output folder holds another run.
    """
    task = job.job_from("train", args)
    training.warn_of_cpu(task, args.config, asks_for_cpu(args))
    task.allow_non_finite_loss = args.allow_non_finite_loss
    return training.train(task, args.resume, lambda command: job.words(args, command, task.config))
