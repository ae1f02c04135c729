"""The house: rooms on floors, and imports that go down only, inside functions too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "paddleclas_octconv"
NAME = PACKAGE.name
# From the top down; rooms of one floor do not import each other.
FLOORS = (
    ("__main__", "child"),
    ("autoload",),
    ("cli",),
    ("api",),
    ("compare",),
    ("post_training",),
    ("visualize",),
    ("measure",),
    ("run",),
    ("patches",),
    ("deploy", "checkpoints"),
    ("registry", "config"),
    ("calibrate",),
    ("octavizer",),
    ("backbones",),
    ("weights",),
    ("layers",),
    ("data", "trainer", "handover"),
    ("common",),
)
FLOOR = {room: -level for level, rooms in enumerate(FLOORS) for room in rooms}
# The package itself offers what its rooms hold.
ROOT = "__init__"
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path, package: Path = PACKAGE) -> list[tuple[int, str]]:
    """The modules of the package that a file imports, with the line: (7, "layers.conv")."""
    found = []
    folder = [NAME, *path.relative_to(package).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == NAME:  # from .. import data
                found += [(node.lineno, alias.name) for alias in node.names]
            elif module.startswith(f"{NAME}."):
                found.append((node.lineno, module[len(NAME) + 1 :]))
        elif isinstance(node, ast.Import):
            found += [
                (node.lineno, alias.name[len(NAME) + 1 :])
                for alias in node.names
                if alias.name.startswith(f"{NAME}.")
            ]
    return found


def arrows_up(path: Path, package: Path = PACKAGE) -> list[str]:
    """What a file imports that is not below it: ["line 7: cli.train"]."""
    here = path.relative_to(package).with_suffix("").parts[0]
    if here == ROOT:
        return []
    assert here in FLOOR, f"{here} stands on no floor"
    found = [(line, module, module.partition(".")[0]) for line, module in imported(path, package)]
    return [
        f"line {line}: {module}"
        for line, module, there in found
        if there != here and FLOOR.get(there, 1) >= FLOOR[here]
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    assert not arrows_up(path), "imports what is not below it"


@pytest.mark.parametrize(
    "statement, module",
    [
        ("from paddleclas_octconv.cli import main", "cli"),
        ("import paddleclas_octconv.cli.train", "cli.train"),
        ("from ..backbones.base import OctBackbone", "backbones.base"),
        ("from .. import registry", "registry"),
        ("from ..attic import rule", "attic"),  # no floor: no room that others may enter
        ("from ..common.errors import OctConvError", None),
        ("from .octave import Octave", None),
        ("import numpy", None),
    ],
)
def test_an_arrow_up_is_seen(tmp_path, statement, module):
    file = tmp_path / "layers" / "conv.py"
    file.parent.mkdir()
    file.write_text(f"def f():\n    {statement}\n")
    assert arrows_up(file, tmp_path) == ([f"line 2: {module}"] if module else [])


def test_rooms_of_one_floor_do_not_import_each_other(tmp_path):
    file = tmp_path / "data" / "digits.py"
    file.parent.mkdir()
    file.write_text("from ..trainer import fetch\n")
    assert arrows_up(file, tmp_path) == ["line 1: trainer"]


def test_every_python_is_started_in_one_place():
    """There the current folder is kept off ``sys.path``."""
    named = [path for path in MODULES if "sys.executable" in path.read_text(encoding="utf-8")]
    assert [path.name for path in named] == ["start.py"]


def test_no_circle_inside_a_room():
    """Module by module, imports inside functions left out of nothing."""
    graph: dict[str, set[str]] = {}
    names = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).replace(".__init__", ""): path
        for path in MODULES
    }
    for name, path in names.items():
        graph[name] = set()
        for _, module in imported(path):
            target = module if module in names else module.rpartition(".")[0]
            if target in names and target != name:
                graph[name].add(target)
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way[way.index(name) :], name))}"
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())
