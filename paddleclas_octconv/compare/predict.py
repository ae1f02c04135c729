"""What an exported network predicts for every image of the config's Eval list.

``python -m paddleclas_octconv.compare.predict RUN_FOLDER`` writes ``predictions.json`` there.
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

BATCH = 50  # images


def main(folder: Path) -> None:
    """Predict with the export in ``<folder>/inference``.

    Raises:
        OctConvError: an image cannot be read, or the export is not whole.
    """
    import numpy as np

    config = Config.read(folder / "config.yaml")
    listed = images.listed(config, "Eval")
    network = predictor.create_predictor(folder / "inference", gpu=machine.has_gpu())
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
    write_atomically(folder / "predictions.json", json.dumps(result).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
