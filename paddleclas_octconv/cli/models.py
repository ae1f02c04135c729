"""``paddleclas models``: every backbone with its size and cost."""

from __future__ import annotations

import argparse
import json
from typing import Any, Callable

from ..backbones.catalogue import CATALOGUE, names
from ..backbones.counts import COUNTS, IMAGE_SIZE
from ..common.errors import OctConvError
from ..common.numbers import PIXELS
from ..common.suggest import suggest
from ..octavizer.options import OCTAVE, vanilla_of
from .options import alpha, named_network, pixels

HELP = "list the OctConv backbones with their parameters and multiply-adds"
COLUMNS = "{:<22} {:>9} {:>9} {:>9} {:>5}  {}"  # 80 columns at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "name",
        nargs="*",
        help="networks to list: names, patterns such as '*resnet*50*', or Octave:NETWORK",
    )
    parser.add_argument(
        "--alpha", type=alpha, help="share of low channels: one number, or one per stage: A,B,…"
    )
    parser.add_argument(
        "--image-size",
        type=_image_size,
        default=(224, 224),
        metavar="SIZE",
        help="SIZE or HEIGHTxWIDTH in pixels (default: 224)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with exact counts")


def run(args: argparse.Namespace) -> int:
    """Print one line a backbone, as soon as it is measured, or one JSON list."""
    octavised = [name for name in args.name if name.partition(":")[0] == OCTAVE]
    others = [name for name in args.name if name not in octavised]
    names = [*(_named(others) if others or not octavised else []), *octavised]
    options = {} if args.alpha is None else {"alpha": args.alpha}
    if options:
        for name in (name for name in names if name in CATALOGUE):
            _naming(name, CATALOGUE[name].load().stage_alphas, args.alpha)
    known = not options and args.image_size == (IMAGE_SIZE, IMAGE_SIZE)
    rows = (_row(name, options, args.image_size, known) for name in names)
    if args.json:
        print(json.dumps(list(rows), indent=2))
        return 0
    print(COLUMNS.format("", "params", "mult-adds", "vanilla", "ratio", "vanilla twin").rstrip())
    for row in rows:
        line = COLUMNS.format(
            row["name"],
            f"{row['parameters'] / 1e6:.3f} M",
            _short(row["multiply_adds"]),
            _short(row["vanilla_multiply_adds"]),
            f"{row['ratio']:.2f}",
            row["twin"] or "",
        )
        print(line.rstrip(), flush=True)
    return 0


def _named(patterns: list[str]) -> list[str]:
    """The backbones that names and patterns stand for, each once, in the order of the catalogue.

    Raises:
        OctConvError: one stands for none.
    """
    wanted: set[str] = set()
    for pattern in patterns or ["*"]:
        found = names(pattern)
        if not found:
            what = "pattern fits no backbone" if "*" in pattern else "unknown backbone"
            raise OctConvError(f"{what}: {pattern!r}{suggest(pattern, CATALOGUE)}")
        wanted.update(found)
    return [name for name in CATALOGUE if name in wanted]


def _row(
    name: str, options: dict[str, Any], image_size: tuple[int, int], known: bool
) -> dict[str, Any]:
    """What is told of a backbone: from the table where its defaults are asked for."""
    counts: dict[str, Any]
    if known and name in COUNTS:
        counts = COUNTS[name]._asdict()
        del counts["elements"]
    else:
        from .. import registry
        from ..measure.complexity import measure

        arch, own = named_network(name)
        options = {**own, **options}
        network = _naming(name, registry.build, arch, **options)
        counts = _naming(name, measure, network, (3, *image_size))._asdict()
    ratio = round(counts["multiply_adds"] / counts["vanilla_multiply_adds"], 4)
    twin = CATALOGUE[name].twin if name in CATALOGUE else vanilla_of(options)[0]
    return {"name": name, "twin": twin, **counts, "ratio": ratio}


def _naming(name: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
    """What the function returns; an error of it names the backbone too."""
    try:
        return function(*args, **kwargs)
    except OctConvError as error:
        raise OctConvError(f"{name}: {error}") from None


def _short(multiply_adds: int) -> str:
    if multiply_adds < 1e9:
        return f"{multiply_adds / 1e6:.1f} M"
    return f"{multiply_adds / 1e9:.3f} G"


def _image_size(text: str) -> tuple[int, int]:
    try:
        sizes = [pixels(size) for size in text.split("x", 1)]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be SIZE or HEIGHTxWIDTH, each {PIXELS.right}"
        ) from None
    return sizes[0], sizes[-1]
