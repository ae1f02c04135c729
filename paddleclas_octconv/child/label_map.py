"""A label map of names alone, as the trainer reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.list_files import write_label_map
from ..deploy.metadata import read_labels


def number_label_map(config: dict[str, Any], folder: Path) -> None:
    """Let an inference read numbers before the names of its classes, where there are none.

    Args:
        config: changed where its label map has names alone.
        folder: where a numbered one may be written.

    Raises:
        OctConvError: the label map cannot be read.
    """
    post = (config.get("Infer") or {}).get("PostProcess") or {}
    given = post.get("class_id_map_file")
    if not given or not Path(given).is_file():  # PaddleClas looks for it in other places too
        return
    text = Path(given).read_text(encoding="utf-8-sig", errors="replace")
    names = [line.strip() for line in text.splitlines() if line.strip()]
    labels = read_labels(Path(given), post.get("delimiter") or " ")
    if list(labels.values()) == names:
        post["class_id_map_file"] = str(folder / "label_list.txt")
        post["delimiter"] = None
        write_label_map(folder / "label_list.txt", names)
