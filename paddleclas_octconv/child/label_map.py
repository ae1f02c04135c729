"""A label map as the trainer reads it: in UTF-8, with a number before each name."""

from __future__ import annotations

from pathlib import Path

from ..config import Config
from ..data.list_files import DELIMITER, LABEL_MAP, LABEL_MAP_KEY, read_label_map, write_label_map


def number_label_map(config: Config, folder: Path) -> Config:
    """The config of an inference, with such a label map.

    Args:
        config: its label map may have names alone, empty lines, or be in GBK.
        folder: where the other one may be written.

    Raises:
        OctConvError: the label map cannot be read.
    """
    given, key = config.at(LABEL_MAP_KEY), "Infer.PostProcess.delimiter"
    if not given or not Path(given).is_file():  # PaddleClas looks for it in other places too
        return config
    labels = read_label_map(Path(given), config.at(key) or DELIMITER)
    numbered = folder / LABEL_MAP
    write_label_map(numbered, labels.items())
    return config.changed({LABEL_MAP_KEY: str(numbered), key: None})
