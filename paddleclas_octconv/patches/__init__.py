"""Every function of Paddle, PaddleClas or Python that is replaced, each with its reason.

A module holds the replacements for one purpose; what it lists in ``PATCHES`` is the table in
docs/architecture.md. Nothing outside this room replaces what is not ours, but
for what ``child`` sets on the one engine of a training.
"""

from __future__ import annotations

import importlib
import pkgutil

from .patch import Patch


def all_patches() -> list[Patch]:
    """Every replacement there is, by module and in the order of its list."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [patch for module in modules for patch in getattr(module, "PATCHES", ())]


def table() -> str:
    """The table of them in Markdown, as docs/architecture.md has it."""
    rows = [
        f"| `{patch.target}` | {patch.where} | {patch.reason} | {patch.until} |"
        for patch in all_patches()
    ]
    return "\n".join(["| replaced | in | because | until |", "|---|---|---|---|", *rows])
