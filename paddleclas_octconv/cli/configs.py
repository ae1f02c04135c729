"""``paddleclas configs``: the configs that come with the package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..common.errors import OctConvError
from ..common.files import write_atomically, writing
from ..config import find_config, shipped_configs
from ..config.find import shipped_folder
from .options import file_or_folder, path

HELP = "list the shipped configs, or copy one to edit it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--path", action="store_true", help="print the folder they are in")
    parser.add_argument("--copy", type=path, metavar="NAME", help="copy one here, to edit it")
    parser.add_argument(
        "--output",
        type=file_or_folder,
        metavar="FILE",
        help="with --copy: the copy (default: its name here)",
    )
    parser.add_argument("--json", action="store_true", help="print names and paths as JSON")


def run(args: argparse.Namespace) -> int:
    """Print one name a line, or the folder of all; or copy one."""
    if args.output and not args.copy:
        raise OctConvError("--output: goes with --copy NAME")
    if args.copy:
        print(_copy(args.copy, args.output))
    elif args.json:
        configs = {name: str(file) for name, file in shipped_configs().items()}
        print(json.dumps(configs, indent=2))
    elif args.path:
        print(shipped_folder())
    else:
        print("\n".join(shipped_configs()))
    return 0


def _copy(name: str, output: Path | None) -> Path:
    """Copy a config, never over a file that is there."""
    source = find_config(name, option="--copy")
    target = output or Path(source.name)
    if target.is_dir():
        target = target / source.name
    if target.exists():
        raise OctConvError(f"--copy {name}: {target} is there already; --output names another file")
    with writing("--output", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, source.read_bytes())
    return target
