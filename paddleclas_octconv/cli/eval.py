"""``paddleclas eval``: PaddleClas's tools/eval.py on a config."""

from __future__ import annotations

import argparse
import json
import sys

from ..common.errors import OctConvError
from ..run.job import Job
from . import job
from .options import add_json, add_recipe

HELP = "evaluate a trained network on the config's Eval data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    job.add_arguments(parser)
    add_recipe(parser, "weights", "batch_size", "image_size", "device")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run PaddleClas's own code, and print what it has found; returns its exit code."""
    task = job.job_from("eval", args)
    if args.json:
        task.output = sys.stderr
    code = task.run()
    if code == 0:
        _print(task, args.json)
    return code


def _print(task: Job, as_json: bool) -> None:
    values = next((found["values"] for found in reversed(task.results) if "values" in found), None)
    name, weights = task.config.network, task.config.pretrained_model
    if as_json:
        if values is None:
            raise OctConvError("--json: PaddleClas has logged no averages")
        print(json.dumps({"network": name, "weights": weights, **values}, indent=2))
    elif values:
        from prettytable import PrettyTable

        table = PrettyTable(["of the Eval data", name])
        table.align["of the Eval data"], table.align[name] = "l", "r"
        for metric, value in values.items():
            table.add_row([metric, f"{value:.4f}"])
        print(table)
