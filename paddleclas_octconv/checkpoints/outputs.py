"""The weights that a training run has left in its output folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from ..common.errors import OctConvError


def best_weights(config: Mapping[str, Any]) -> Path:
    """The best weights in the output folder of a config, without their ``.pdparams``.

    PaddleClas 2.4 writes below ``<output_dir>/<Arch.name>``, later versions into ``<output_dir>``
    itself, or, with ``uniform_output_enabled``, into a folder for each checkpoint. The newest best
    model counts; where no evaluation has chosen one, the newest latest model.

    Raises:
        OctConvError: there are none.
    """
    folder_name = (config.get("Global") or {}).get("output_dir")
    if not folder_name:
        raise OctConvError("Global.output_dir: missing from the config")
    output = Path(folder_name)
    for prefix in ("best_model", "latest"):
        found = [
            folder / f"{prefix}.pdparams"
            for folder in (output / config["Arch"]["name"], output, output / prefix)
            if (folder / f"{prefix}.pdparams").is_file()
        ]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime).with_suffix("")
    raise OctConvError(
        f"Global.output_dir: {output} holds no trained weights: train first, "
        f"or give some with -o Global.pretrained_model=<path>"
    )
