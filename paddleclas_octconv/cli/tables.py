"""Tables that fit the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, Mapping, Sequence

from ..common.say import escaped

_NARROWEST = 12  # columns of names, in the narrowest terminal


def width() -> int | None:
    """The columns of the terminal; None where the output goes elsewhere, and any width is good."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return None


def fits(table: Any) -> bool:
    """Whether a ``PrettyTable`` fits the terminal as it is."""
    columns = width()
    return columns is None or widest(str(table)) <= columns


def fitted(table: Any) -> str:
    """The text of a ``PrettyTable``; where that is too wide for the terminal, without its frame,
    and then with its first column, the names, wrapped."""
    columns = width()
    if columns is None or fits(table):
        return str(table)
    table.border, table.left_padding_width, table.right_padding_width = False, 0, 1
    text = str(table)
    excess = widest(text) - columns
    if excess > 0:
        first = table.field_names[0]
        names = max(len(str(row[0])) for row in table.rows)
        table.max_width[first] = max(_NARROWEST, names - excess)
        text = str(table)
    return "\n".join(line.rstrip() for line in text.splitlines())


def classes_table(found: Sequence[Mapping[str, Any]]) -> str:
    """What images were found to be, a row a class; the table of ``infer`` and ``predict``.

    Args:
        found: of each image, what PaddleClas's post-processing gives: ``file_name``, and
            ``class_ids`` with ``scores`` and ``label_names``, or other attributes.
    """
    from prettytable import PrettyTable

    table = PrettyTable(["image", "class", "score"])
    table.align["image"] = table.align["class"] = "l"
    table.align["score"] = "r"
    for image in found:
        for index, (class_id, name, score) in enumerate(classes_of(image)):
            shown = f"{score:.4f}" if isinstance(score, float) else score
            label = name if name == class_id or name == "" else f"{name} ({class_id})"
            file_name = "" if index else image.get("file_name", "")
            table.add_row([escaped(str(file_name)), escaped(str(label or class_id)), shown])
    return fitted(table)


def classes_of(image: Mapping[str, Any]) -> list[tuple]:
    """(class, name, score) of what an image was found to be; of attributes, all they say."""
    ids, scores = image.get("class_ids"), image.get("scores")
    if not isinstance(ids, list):
        rest = {name: value for name, value in image.items() if name != "file_name"}
        return [("", f"{name}: {value}", "") for name, value in rest.items()]
    if not ids:  # of none of several classes
        return [("", "no class", "")]
    names = image.get("label_names") or []
    scores = scores if isinstance(scores, list) else []
    return [
        (
            class_id,
            names[index] if index < len(names) else "",
            scores[index] if index < len(scores) else "",
        )
        for index, class_id in enumerate(ids)
    ]


def widest(text: str) -> int:
    """The columns that the widest line takes."""
    return max(len(line.rstrip()) for line in text.splitlines())
