"""``paddleclas weights``: the ImageNet weights that can be had, and fetching them ahead."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..backbones.catalogue import CATALOGUE
from ..backbones.published_weights import BY_HAND, PUBLISHED, find
from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..weights import published, store
from .options import alpha

HELP = "list the ImageNet weights that are published, or fetch those of a network"
COLUMNS = "{:<22} {:>6} {:>6}  {:<15} {:<13} {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("name", nargs="?", help="fetch the weights of this network now")
    parser.add_argument(
        "--alpha", type=alpha, help="which of its weights, where several are published"
    )
    parser.add_argument(
        "--vanilla",
        action="store_true",
        help="fetch the weights that PaddleClas publishes for its vanilla twin",
    )
    parser.add_argument(
        "--ssld", action="store_true", help="with --vanilla: PaddleClas's distilled weights"
    )
    parser.add_argument("--json", action="store_true", help="list them as JSON, with full hashes")


def run(args: argparse.Namespace) -> int:
    """List everything, or fetch one file and print where it is.

    Raises:
        OctConvError: there are no such weights, or they cannot be fetched.
    """
    if args.name is None:
        for option in ("alpha", "vanilla", "ssld"):
            if getattr(args, option):
                raise OctConvError(f"weights: --{option} needs the name of a network")
        print(json.dumps(_rows(), indent=2) if args.json else _table())
        return 0
    if args.name not in CATALOGUE:
        raise OctConvError(
            f"weights: {args.name}: no such OctConv network{suggest(args.name, CATALOGUE)}"
        )
    if args.ssld and not args.vanilla:
        raise OctConvError("weights: --ssld goes with --vanilla")
    if args.vanilla:
        print(_fetch_vanilla(args.name, args.ssld))
    else:
        checkpoint = find(args.name, args.alpha)
        store.fetch(checkpoint)  # before Paddle is imported

        from ..backbones.pretrained import fetched

        print(fetched(checkpoint))
    return 0


def _fetch_vanilla(name: str, use_ssld: bool) -> str:
    from paddleclas.ppcls.utils import logger

    from ..backbones.pretrained import fetch_vanilla

    logger.init_logger()
    return str(fetch_vanilla(name, "paddleclas.ppcls", use_ssld))


def _rows() -> list[dict[str, Any]]:
    fetched: list[dict[str, Any]] = [
        {
            "network": checkpoint.network,
            "alpha": checkpoint.alpha,
            "top1": checkpoint.top1,
            "top5": checkpoint.top5,
            "source": published.BASE + checkpoint.path,
            "licence": published.LICENCE,
            "size": checkpoint.size,
            "sha256": checkpoint.sha256,
            "fetched": store.is_fetched(checkpoint),
        }
        for checkpoint in PUBLISHED
    ]
    by_hand = [
        {**weights._asdict(), "source": f"https://github.com/{weights.source}"}
        for weights in BY_HAND
    ]
    vanilla = [
        {"network": name, "pretrained": "vanilla", "source": f"PaddleClas's {entry.twin}"}
        for name, entry in CATALOGUE.items()
        if entry.twin
    ]
    return [*fetched, *by_hand, *vanilla]


def _table() -> str:
    lines = [
        f"pretrained: True, from {published.SOURCE} ({published.LICENCE}):",
        COLUMNS.format("network", "alpha", "top-1", "size", "SHA-256", "").rstrip(),
    ]
    for checkpoint in PUBLISHED:
        line = COLUMNS.format(
            checkpoint.network,
            f"{checkpoint.alpha:g}",
            f"{checkpoint.top1:.1f}",
            checkpoint.about_size,
            f"{checkpoint.sha256[:12]}…" if checkpoint.sha256 else "at first use",
            "fetched" if store.is_fetched(checkpoint) else "",
        )
        lines.append(line.rstrip())
    lines += ["", "paddleclas convert-weights, of a file fetched by hand:"]
    for weights in BY_HAND:
        row = f"{weights.alpha:g}", f"{weights.top1:.2f}", f"{weights.source} ({weights.licence})"
        lines.append(COLUMNS.format(weights.network, *row, "", "").rstrip())
    lines += ["", "pretrained: vanilla, from PaddleClas (Apache-2.0), cut into octave weights:"]
    lines += [f"{name:<22} {entry.twin}" for name, entry in CATALOGUE.items() if entry.twin]
    return "\n".join(lines)
