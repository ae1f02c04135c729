"""``paddleclas models``: every backbone with its size and cost."""

from __future__ import annotations

import argparse
import json
from typing import Any, Callable

from ..backbones.catalogue import CATALOGUE
from ..common.errors import OctConvError
from ..common.suggest import suggest
from .options import alpha

HELP = "list the OctConv backbones with their parameters and multiply-adds"
COLUMNS = "{:<22} {:<18} {:>10} {:>10} {:>10} {:>10} {:>6}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("name", nargs="*", help="only these backbones (default: all)")
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
    for name in args.name:
        if name not in CATALOGUE:
            raise OctConvError(f"unknown backbone {name!r}{suggest(name, CATALOGUE)}")
    names = args.name or CATALOGUE
    options = {} if args.alpha is None else {"alpha": args.alpha}
    if options:
        for name in names:
            _naming(name, CATALOGUE[name].load().stage_alphas, args.alpha)
    rows = (_measure(name, options, args.image_size) for name in names)
    if args.json:
        print(json.dumps(list(rows), indent=2))
        return 0
    print(COLUMNS.format("", "", "parameters", "vanilla", "mult-adds", "vanilla", "ratio"))
    for row in rows:
        print(
            COLUMNS.format(
                row["name"],
                row["twin"] or "",
                f"{row['parameters'] / 1e6:.3f} M",
                f"{row['vanilla_parameters'] / 1e6:.3f} M",
                _short(row["multiply_adds"]),
                _short(row["vanilla_multiply_adds"]),
                f"{row['ratio']:.2f}",
            ),
            flush=True,
        )
    return 0


def _measure(name: str, options: dict[str, Any], image_size: tuple[int, int]) -> dict[str, Any]:
    from .. import registry
    from ..measure.complexity import measure

    network = _naming(name, registry.build, name, **options)
    complexity = _naming(name, measure, network, (3, *image_size))
    return {
        "name": name,
        "twin": CATALOGUE[name].twin,
        **complexity._asdict(),
        "ratio": round(complexity.multiply_adds / complexity.vanilla_multiply_adds, 4),
    }


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
    sizes = [int(size) for size in text.split("x")]
    if len(sizes) not in (1, 2) or min(sizes) < 1:
        raise ValueError
    return sizes[0], sizes[-1]


# What argparse calls it when it says "invalid … value".
_image_size.__name__ = "image size"
