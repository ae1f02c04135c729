"""``paddleclas eval``: PaddleClas's tools/eval.py on a config."""

from __future__ import annotations

import argparse
import json
import sys

from ..api.evaluate import Evaluated, averages
from ..common.errors import OctConvError
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
        _print(averages(task), args.json)
    return code


def _print(found: Evaluated, as_json: bool) -> None:
    name = found.network
    if as_json:
        if not found.values:
            raise OctConvError("--json: PaddleClas has logged no averages")
        print(json.dumps({"network": name, "weights": found.weights, **found.values}, indent=2))
    elif found.values:
        from prettytable import PrettyTable

        table = PrettyTable(["of the Eval data", name])
        table.align["of the Eval data"], table.align[name] = "l", "r"
        for metric, value in found.values.items():
            table.add_row([metric, f"{value:.4f}"])
        print(table)
