"""What is not ours is replaced in one room, and told of in one table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from paddleclas_octconv import patches
from paddleclas_octconv.patches.patch import Patch

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "paddleclas_octconv"
ROOTS = {"paddle", "paddleclas", "ppcls", "threading", "sys", "argparse", "logging", "warnings"}


def test_documented_table_is_that_of_the_code():
    assert patches.table() in (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_patch_says_where_and_why():
    for patch in patches.all_patches():
        assert "." in patch.target
        assert all((patch.where, patch.reason, patch.until))
    targets = [patch.target for patch in patches.all_patches()]
    assert len(set(targets)) == len(targets) >= 15


def imported(tree: ast.Module) -> set[str]:
    """The names in a file that stand for modules, or parts of them, which are not ours."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                (alias.asname or alias.name).partition(".")[0]
                for alias in node.names
                if alias.name.partition(".")[0] in ROOTS
            }
        elif (
            isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").partition(".")[0] in ROOTS
        ):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def replaced(source: str) -> list[str]:
    """The attributes of what is not ours that a file sets, as ``sys.argv``."""
    tree = ast.parse(source)
    foreign, found = imported(tree), []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            for part in parts:
                root, words = part, []
                while isinstance(root, ast.Attribute):
                    words.append(root.attr)
                    root = root.value
                if words and getattr(root, "id", None) in foreign:
                    found.append(".".join([root.id, *reversed(words)]))
    return found


# Settings that Python and PaddleClas offer, no functions.
SETTINGS = {"sys.argv", "sys.dont_write_bytecode", "logging.raiseExceptions"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_nothing_is_replaced_outside_the_room(path):
    source = path.read_text(encoding="utf-8")
    assert set(replaced(source)) <= SETTINGS
    assert "unittest" not in source
    if path.parent.name != "patches":
        assert "Patch(" not in source


def test_a_replacement_is_seen():
    """What the test above looks for."""
    planted = "def f():\n    import paddle\n    paddle.load = g\n"
    assert replaced(planted) == ["paddle.load"]
    planted = "from ppcls.engine.engine import Engine\na, Engine.train = 1, g\n"
    assert replaced(planted) == ["Engine.train"]


def test_a_wrapper_is_given_the_original():
    class Owner:
        def add(self, number):
            """Adds."""
            return 1 + number

    patch = Patch("owner.add", "here", "a test")
    patch.wrap(Owner, lambda add, self, number: 10 * add(self, number))
    assert Owner().add(1) == 20
    assert Owner.add.__doc__ == "Adds."
    with patch.put_within(Owner, len):
        assert Owner.add is len
    assert Owner().add(1) == 20
