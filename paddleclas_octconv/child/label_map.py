"""A label map of names alone, as the trainer reads it."""

from __future__ import annotations

from pathlib import Path

from ..config import Config
from ..data.list_files import write_label_map
from ..deploy.metadata import read_labels


def number_label_map(config: Config, folder: Path) -> Config:
    """The config of an inference, with a label map that has numbers before the names.

    Args:
        config: its label map may have names alone.
        folder: where a numbered one may be written.

    Raises:
        OctConvError: the label map cannot be read.
    """
    given = config.at("Infer.PostProcess.class_id_map_file")
    if not given or not Path(given).is_file():  # PaddleClas looks for it in other places too
        return config
    text = Path(given).read_text(encoding="utf-8-sig", errors="replace")
    names = [line.strip() for line in text.splitlines() if line.strip()]
    labels = read_labels(Path(given), config.at("Infer.PostProcess.delimiter") or " ")
    if list(labels.values()) != names:
        return config
    numbered = folder / "label_list.txt"
    write_label_map(numbered, names)
    return config.changed(
        {
            "Infer.PostProcess.class_id_map_file": str(numbered),
            "Infer.PostProcess.delimiter": None,
        }
    )
