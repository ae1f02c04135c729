"""What an exported network predicts for every image of the config's Eval list.

``python -m paddleclas_octconv.compare.predict RUN_FOLDER [ENGINE PRECISION]`` writes a file there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..common import machine
from ..common.files import write_atomically
from ..common.progress import bar
from ..config import Config
from ..deploy import images, predictor
from ..deploy.classify import decided
from .formats import predictions_file

BATCH = 50  # images


def main(folder: Path, engine: str = "paddle", precision: str = "fp32") -> None:
    """Predict with the export in ``<folder>/inference``.

    Args:
        folder: of a run.
        engine, precision: of ``create_predictor``.

    Raises:
        OctConvError: an image cannot be read, or the export is not whole.
    """
    import numpy as np

    config = Config.read(folder / "config.yaml")
    listed = images.listed(config, "Eval")
    options = {"gpu": True} if engine == "paddle" and machine.has_gpu() else {}
    network = predictor.create_predictor(
        folder / "inference", engine=engine, precision=precision, **options
    )
    predicted: list = []
    confidence: list[float] = []
    with bar(len(listed.paths)) as shown:
        for _, batch in images.batches(listed.paths, images.preprocess_of(config), BATCH):
            scores = predictor.run(network, batch)
            predicted += decided(scores, listed.several).tolist()
            confidence += np.round(scores.max(1).astype(float), 4).tolist()
            shown.update(len(batch))
    root = config.dataset("Eval")["image_root"]
    result = {
        "images": [os.path.relpath(path, root) for path in listed.paths],
        "labels": listed.labels,
        "predicted": predicted,
        "confidence": confidence,  # of the likeliest class
    }
    write_atomically(predictions_file(folder, engine, precision), json.dumps(result).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
