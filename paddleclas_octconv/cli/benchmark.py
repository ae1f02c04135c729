"""``paddleclas benchmark``: how fast networks are after export, side by side."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Sequence

from prettytable import PrettyTable

from ..backbones.catalogue import CATALOGUE
from ..common import machine
from ..common.errors import OctConvError
from ..measure.benchmark import FORMS, Contender, Row, Settings, as_json, label_of, measure, twin_of
from .options import positive

HELP = "measure networks in Paddle Inference, in turns"
PRECISIONS = ("fp32", "fp16", "bf16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "networks",
        nargs="+",
        metavar="NETWORK",
        help="a network of the registry or of PaddleClas, with options if need be "
        "(OctResNet50:alpha=0.25), or a folder that 'paddleclas export' wrote; "
        "the vanilla twin of an octave network is measured too",
    )
    parser.add_argument("--vs", metavar="NETWORK", help="compare with this instead of the twin")
    parser.add_argument(
        "--form",
        choices=(*FORMS, "both"),
        default="deploy",
        help="of octave networks: as exported (deploy, the default), or the literal one (plain)",
    )
    parser.add_argument(
        "--train-step", action="store_true", help="measure training steps instead of predictions"
    )
    parser.add_argument(
        "--batch-size", type=positive, help="images a step (default: 1; 4 with --train-step)"
    )
    parser.add_argument("--image-size", type=positive, default=224, help="default: %(default)s")
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), default="cpu", help="default: %(default)s"
    )
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    parser.add_argument(
        "--no-onednn", dest="onednn", action="store_false", help="on the CPU, without oneDNN"
    )
    parser.add_argument("--onednn", dest="onednn", action="store_true", help="with it (default)")
    parser.set_defaults(onednn=True)
    parser.add_argument(
        "--free-tensors",
        dest="keep_tensors",
        action="store_false",
        help="on the CPU, free intermediate tensors as soon as may be, as Paddle does by itself: "
        "less memory, slower",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="fp16 needs a GPU, bf16 a GPU or a CPU with oneDNN (default: fp32)",
    )
    parser.add_argument(
        "--repeats", type=positive, default=20, help="rounds of turns (default: %(default)s)"
    )
    parser.add_argument(
        "--warmup", type=positive, default=5, help="steps before the first (default: %(default)s)"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="list oneDNN's kernels, and what a prediction takes besides them",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")


def run(args: argparse.Namespace) -> int:
    """Measure and print a table."""
    settings = Settings(
        train_step=args.train_step,
        batch_size=args.batch_size or (4 if args.train_step else 1),
        image_size=args.image_size,
        threads=args.threads,
        onednn=args.onednn,
        keep_tensors=args.keep_tensors,
        gpu=args.device == "gpu",
        precision=args.precision,
        warmup=args.warmup,
        repeats=args.repeats,
        profile=args.profile,
    )
    if args.profile and (settings.gpu or settings.train_step or not settings.onednn):
        raise OctConvError("--profile: shows predictions on the CPU with oneDNN alone")
    if args.json and not args.json.absolute().parent.is_dir():
        raise OctConvError(f"--json {args.json}: its folder does not exist")
    contenders = _contenders(args, settings)
    _warn_if_busy()
    with contextlib.closing(_Progress()) as progress:
        table = measure(contenders, settings, progress.say)
    print(render(table, settings))
    if settings.profile:
        print(render_kernels(table))
    if args.json:
        result = as_json(table, settings, machine.describe())
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def render(table: Sequence[Row], settings: Settings) -> str:
    """The table as text."""
    what = "training step" if settings.train_step else "prediction"
    where = "GPU" if settings.gpu else f"CPU, {settings.threads} thread(s)"
    if not settings.gpu and not settings.train_step:
        where += ", oneDNN" if settings.onednn else ", no oneDNN"
        where += "" if settings.keep_tensors else ", tensors freed"
    title = (
        f"{what}, {where}, {settings.precision}, batch {settings.batch_size}, "
        f"{settings.image_size}x{settings.image_size}"
    )
    text = PrettyTable(
        [
            "network",
            "median ms",
            "min ms",
            "images/s",
            "peak MB",
            "M params",
            "G mul-adds",
            "vs",
            "speed-up",
            "promised",
            "share",
        ]  # fmt: skip
    )
    text.align = "r"
    text.align["network"] = text.align["vs"] = "l"
    for row in table:
        text.add_row(
            [
                row.label,
                f"{row.median_ms:.2f}",
                f"{row.minimum_ms:.2f}",
                f"{row.images_per_second:.1f}",
                f"{row.peak_memory / 2**20:.0f}",
                _number(row.parameters or row.total_parameters, "{:.3f}", 1e6),
                _number(row.multiply_adds, "{:.3f}", 1e9),
                row.vs or "",
                _number(row.speed_up, "{:.2f}x"),
                _number(row.promised, "{:.2f}x"),
                _number(row.share_of_promised, "{:.0%}"),
            ]
        )
    return f"{title}\n{text}"


def render_kernels(table: Sequence[Row]) -> str:
    """oneDNN's kernels in one prediction of each network, and the time in none of them."""
    text = PrettyTable(["network", "kernels", "count", "ms"])
    text.align = "l"
    text.align["count"] = text.align["ms"] = "r"
    for row in table:
        total = sum(kernels.milliseconds for kernels in row.kernels)
        lines = [(k.name, f"{k.count:.0f}", k.milliseconds) for k in row.kernels]
        lines += [("all kernels", "", total), ("the rest", "", row.median_ms - total)]
        for index, (name, count, milliseconds) in enumerate(lines):
            last = index == len(lines) - 1
            label = "" if index else row.label
            text.add_row([label, name, count, f"{milliseconds:.2f}"], divider=last)
    return str(text)


def parse(text: str) -> Contender:
    """``NAME``, ``NAME:KEY=VALUE,…`` or the path of an exported folder (``./NAME``)."""
    is_name = text in CATALOGUE or f"Oct{text}" in CATALOGUE
    if os.path.isdir(text) and not is_name:
        return Contender(text, folder=text)
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for option in filter(None, rest.split(",")):
        key, separator, value = option.partition("=")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise OctConvError(
                f"{text}: {option!r} should be KEY=VALUE, such as alpha=0.25"
            ) from None
    if not name.isidentifier():
        raise OctConvError(f"{text}: neither a network's name nor a folder")
    return Contender(label_of(name, options), name, options)


def _contenders(args: argparse.Namespace, settings: Settings) -> list[Contender]:
    """What to measure: each network in each form, and what it is compared with, once."""
    chosen: dict[str, Contender] = {}

    def add(contender: Contender) -> None:
        chosen.setdefault(contender.label, contender)

    reference = parse(args.vs) if args.vs else None
    forms = FORMS if args.form == "both" else (args.form,)
    for network in map(parse, args.networks):
        twin = reference
        if reference is None and not network.folder:
            twin = twin_of(network, settings.image_size)
        is_plain_possible = network.folder is None and not settings.train_step and twin is not None
        for form in forms if is_plain_possible else ("deploy",):
            label = network.label if form == "deploy" else f"{network.label} (plain)"
            add(Contender(label, network.name, network.options, form, network.folder,
                          twin and twin.label))  # fmt: skip
        if twin is not None:
            add(twin)
    return list(chosen.values())


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "" if value is None else form.format(value / unit)


def _warn_if_busy() -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(
            f"paddleclas: warning: other programs keep this machine busy (load {load:.1f}): the "
            "times are not to be trusted, the ratios less than otherwise",
            file=sys.stderr,
        )


class _Progress:
    """One line on standard error that is written over; nothing where that is no terminal."""

    def say(self, message: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{message}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        self.say("")
