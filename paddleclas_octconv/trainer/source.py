"""What a trainer's source defines, read without running it: names and the options they take.

PaddleClas looks transforms, losses, schedulers and the like up by name in its own modules. Reading
those modules as text tells, for whichever version is at hand and without importing Paddle, which
names there are.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from pathlib import Path
from typing import Iterator, NamedTuple, cast

_OBJECT = cast(ast.ClassDef, ast.parse("class object: pass").body[0])
_MOST_HOPS = 20  # from an import to what it imports, or from a class to its base


class Definition(NamedTuple):
    """A class or function; ``node`` None: one from outside PaddleClas."""

    module: str
    node: ast.ClassDef | ast.FunctionDef | None

    def is_class(self, name: str) -> bool:
        """Whether it is a class; of one from outside, its name has to tell."""
        return name[:1].isupper() if self.node is None else isinstance(self.node, ast.ClassDef)


@functools.lru_cache(maxsize=None)
def source_of(root: Path) -> Source:
    """The source of the trainer in a folder, read once."""
    return Source(root)


class Source:
    """The modules of the ``ppcls`` in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.lru_cache(maxsize=None)  # noqa: B019 - a source lives as long as a command
    def names(self, module: str) -> dict[str, Definition]:
        """The public classes and functions in the namespace of a module (``ppcls.loss``); none
        where there is no such module, or it cannot be read."""
        found = self._bindings(module)
        resolved = {name: self._resolve(module, name) for name in found}
        return {
            name: definition
            for name, definition in resolved.items()
            if definition is not None and not name.startswith("_")
        }

    def spelled(self, module: str) -> frozenset[str]:
        """All public names of a module, whatever they stand for; of its own and imported ones."""
        return frozenset(n for n in self._bindings(module) if not n.startswith("_"))

    def parameters(self, definition: Definition) -> tuple[str, ...] | None:
        """The names of the arguments that a class or function takes; None: any."""
        return self._parameters(definition, _MOST_HOPS)

    @functools.lru_cache(maxsize=None)  # noqa: B019
    def keys_of(self, section: str) -> frozenset[str]:
        """The keys that any module reads of a section, as ``config["Global"]["epochs"]``,
        ``config["Global"].get("seed")`` or ``config.Global.checkpoints``."""
        reads = re.compile(rf"""\b{section}(?:["']\s*[\])])*\s*(?:\[|\.get\(|\.)\s*["']?(\w+)""")
        found: set[str] = set()
        for file in sorted(self._root.glob("ppcls/**/*.py")):
            with contextlib.suppress(OSError, ValueError):
                found.update(reads.findall(file.read_text(encoding="utf-8")))
        return frozenset(found - {"get"})

    def _parameters(self, definition: Definition, hops: int) -> tuple[str, ...] | None:
        node = definition.node
        if node is None or not hops:
            return None
        if isinstance(node, ast.FunctionDef):
            return None if node.args.kwarg else _named(node)
        bases = [self._base(definition.module, base) for base in node.bases]
        init = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if init is None:
            known = [base for base in bases if base is not None]
            if not bases:
                return ()
            return self._parameters(known[0], hops - 1) if len(known) == len(bases) else None
        own = _named(init)[1:]
        rest = init.args.kwarg
        uses, handed_on = _uses(init, rest.arg) if rest is not None else (0, 0)
        if not uses:
            return own
        if len(bases) == 1 and bases[0] is not None and uses == handed_on:
            inherited = self._parameters(bases[0], hops - 1)
            return None if inherited is None else tuple(dict.fromkeys(own + inherited))
        return None

    def _base(self, module: str, base: ast.expr) -> Definition | None:
        if isinstance(base, ast.Name):
            if base.id == "object":
                return Definition(module, _OBJECT)
            return self._resolve(module, base.id)
        return None

    def _resolve(self, module: str, name: str) -> Definition | None:
        """What a name in a module stands for; None where it is no class or function."""
        for _ in range(_MOST_HOPS):
            bound = self._bindings(module).get(name)
            if bound is None or isinstance(bound, Definition):
                return bound
            module, name = bound
        return None

    @functools.lru_cache(maxsize=None)  # noqa: B019
    def _bindings(self, module: str) -> dict[str, Definition | tuple[str, str]]:
        """Names of a module: what they are, or (module, name) of where they come from."""
        tree, is_package = self._parse(module)
        found: dict[str, Definition | tuple[str, str]] = {}
        for node in _statements(tree.body if tree else []):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                found[node.name] = Definition(module, node)
            elif isinstance(node, ast.ImportFrom):
                origin = _origin(module, is_package, node)
                for alias in node.names:
                    name = alias.asname or alias.name
                    if origin.split(".")[0] != "ppcls":
                        found[name] = Definition(origin, None)
                    elif alias.name == "*":
                        for public in self._bindings(origin):
                            found[public] = (origin, public)
                    else:
                        found[name] = (origin, alias.name)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id != node.value.id:
                        found[target.id] = (module, node.value.id)
        return found

    def _parse(self, module: str) -> tuple[ast.Module | None, bool]:
        path = self._root.joinpath(*module.split("."))
        for file, is_package in ((path / "__init__.py", True), (path.with_suffix(".py"), False)):
            try:
                return ast.parse(file.read_text(encoding="utf-8")), is_package
            except (OSError, ValueError, SyntaxError, RecursionError):
                continue
        return None, False


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those in ``if`` and ``try`` too."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _statements(node.body)
            yield from _statements(node.orelse)
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _origin(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    """The module that a ``from … import`` names, written out."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - (1 if is_package else 0)
    return ".".join([*parts[: len(parts) - up], *(node.module or "").split(".")]).rstrip(".")


def _named(function: ast.FunctionDef) -> tuple[str, ...]:
    arguments = function.args
    return tuple(
        each.arg
        for each in (*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs)
    )


def _uses(function: ast.FunctionDef, name: str) -> tuple[int, int]:
    """How often a function uses ``**name``, and how often it gives that to ``super().__init__``."""
    uses = given = 0
    for node in (n for s in function.body for n in ast.walk(s)):
        uses += isinstance(node, ast.Name) and node.id == name
        if isinstance(node, ast.Call) and "__init__" in ast.dump(node.func):
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg is None and isinstance(value, ast.Name):
                    given += value.id == name
    return uses, given
