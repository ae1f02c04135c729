"""The weights that a training run has left in its output folder."""

from __future__ import annotations

from pathlib import Path

from ..common.errors import OctConvError


def best_weights(folder: str, network: str) -> Path:
    """The best weights in the output folder of a training, without their ``.pdparams``.

    PaddleClas 2.4 writes below ``<output_dir>/<Arch.name>``, later versions into ``<output_dir>``
    itself, or, with ``uniform_output_enabled``, into a folder for each checkpoint. The newest best
    model counts; where no evaluation has chosen one, the newest latest model.

    Args:
        folder: ``Global.output_dir``.
        network: ``Arch.name``.

    Raises:
        OctConvError: there are none.
    """
    output = Path(folder)
    for prefix in ("best_model", "latest"):
        found = [
            place / f"{prefix}.pdparams"
            for place in (output / network, output, output / prefix)
            if (place / f"{prefix}.pdparams").is_file()
        ]
        if found:
            return max(found, key=lambda path: path.stat().st_mtime).with_suffix("")
    raise OctConvError(
        f"Global.output_dir: {output} holds no trained weights: train first, "
        f"or give some with -o Global.pretrained_model=<path>"
    )
