"""The options of PaddleClas's own command, read from its source: importing it takes seconds."""

from __future__ import annotations

import ast
import sys
import textwrap
from importlib.machinery import PathFinder
from pathlib import Path

_COLUMN = 26


def predictor_options(width: int = 80) -> list[str]:
    """Lines of help, one or more an option; none where PaddleClas is not installed.

    Args:
        width: that no line exceeds.
    """
    spec = PathFinder.find_spec("paddleclas", sys.path)
    if spec is None or spec.origin is None:
        return []
    try:
        source = Path(spec.origin).with_name("paddleclas.py").read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(source))
        calls = [node for node in nodes if isinstance(node, ast.Call) and _adds_argument(node)]
    except (OSError, ValueError, SyntaxError):
        return []
    lines: list[str] = []
    for call in calls:
        names = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        help_text = keywords.get("help")
        meaning = help_text.value if isinstance(help_text, ast.Constant) else ""
        name = "  " + ", ".join(map(str, names))
        wrapped = textwrap.wrap(" ".join(str(meaning).split()), width - _COLUMN) or [""]
        if len(name) >= _COLUMN:
            lines.append(name)
            name = ""
        indents = [f"{name:<{_COLUMN}}", *[" " * _COLUMN] * len(wrapped)]
        lines += [(indent + line).rstrip() for indent, line in zip(indents, wrapped)]
    return lines


def _adds_argument(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
