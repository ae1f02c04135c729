"""``paddleclas completion``: the script that lets a shell complete commands, options and names."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from ..backbones.catalogue import CATALOGUE
from ..common.errors import OctConvError
from ..config import shipped_configs
from .options import file_or_folder

HELP = "print the script that completes commands in bash, zsh or tcsh"
SHELLS = ("bash", "zsh", "tcsh")
# Options that name a shipped config or a file, and those that name a backbone.
_CONFIGS, _NAMES = ("config", "configs"), ("arch", "name", "networks", "vs")
# The last shtab for Python 3.8 calls these with IFS set to a line's end, which is none of a list's.
_PREAMBLE = {
    "bash": """
_paddleclas_configs() {{ local IFS=" "; compgen -W "{configs}" -- "$1"; compgen -f -- "$1"; }}
_paddleclas_networks() {{ local IFS=" "; compgen -W "{networks}" -- "$1"; }}
""",
    "zsh": """
_paddleclas_configs() {{ _alternative 'configs:config:({configs})' 'files:file:_files' }}
_paddleclas_networks() {{ _values network {networks} }}
""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("shell", choices=SHELLS, help='bash: eval "$(paddleclas completion bash)"')


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        raise OctConvError("completion: needs shtab: pip install shtab") from None
    names = {"configs": " ".join(shipped_configs()), "networks": " ".join(CATALOGUE)}
    preamble = {shell: text.format(**names) for shell, text in _PREAMBLE.items()}
    print(shtab.complete(_whole_parser(), args.shell, preamble=preamble))  # type: ignore[arg-type]
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """One parser of all commands, whose options know how they are completed."""
    from . import COMMANDS

    parser = argparse.ArgumentParser(prog="paddleclas")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers()
    for name, path in COMMANDS.items():
        module = importlib.import_module(path)
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        for action in command._actions:
            how = _completed(action)
            if how is not None:
                action.complete = how  # type: ignore[attr-defined]
    return parser


def _completed(action: argparse.Action) -> Any:
    """How the value of an option is completed, as shtab has it; None: not at all."""
    import shtab

    if action.dest in _CONFIGS:
        return {"bash": "_paddleclas_configs", "zsh": "_paddleclas_configs"}
    if action.dest in _NAMES and action.choices is None:
        return {"bash": "_paddleclas_networks", "zsh": "_paddleclas_networks"}
    if action.metavar == "DIR":
        return shtab.DIRECTORY
    if action.type is file_or_folder or action.metavar in ("FILE", "PATH"):
        return shtab.FILE
    return None
