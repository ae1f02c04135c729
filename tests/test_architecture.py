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
    ("compare", "post_training"),
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
# The package itself offers what its rooms hold; the version stands there.
ROOT = "__init__"
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> list[tuple[int, str]]:
    """The modules of the package that a file imports, with the line: (7, "layers.conv")."""
    found = []
    folder = [NAME, *path.relative_to(PACKAGE).parts[:-1]]
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
    return [(line, module) for line, module in found if not module.startswith("__version__")]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = room(path)
    if here == ROOT:
        return
    assert here in FLOOR, f"{here} stands on no floor"
    wrong = [
        f"line {line}: {module}"
        for line, module in imported(path)
        if module.partition(".")[0] != here
        and FLOOR.get(module.partition(".")[0], 1) >= FLOOR[here]
    ]
    assert not wrong, f"{path.relative_to(PACKAGE)} imports what is not below it: {wrong}"


def test_an_arrow_up_is_seen(tmp_path):
    file = tmp_path / "conv.py"
    file.write_text("def f():\n    from paddleclas_octconv.cli import main\n")
    found = [
        (node.lineno, node.module)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
    ]
    assert found == [(2, "paddleclas_octconv.cli")]
    assert FLOOR["cli"] > FLOOR["layers"]


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
