"""What an exported network predicts for every image of the config's Eval list.

``python -m paddleclas_octconv.compare.predict RUN_FOLDER`` writes ``predictions.json`` there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..common.files import write_atomically
from ..config import load_config
from ..data.list_files import read_dataset
from ..deploy import metadata, predictor

BATCH = 50  # images


def main(folder: Path) -> None:
    """Predict with the export in ``<folder>/inference``."""
    import numpy as np

    # PaddleClas's own; what it does to an image is what its predictor command does.
    from paddleclas.deploy.python.preprocess import create_operators
    from tqdm import tqdm

    dataset = load_config(folder / "config.yaml")["DataLoader"]["Eval"]["dataset"]
    entries = read_dataset(dataset, "DataLoader.Eval.dataset")
    ops = create_operators(metadata.read(folder / "inference")["PreProcess"]["transform_ops"])
    network = predictor.create_predictor(folder / "inference", gpu=_has_gpu())
    predicted, confidence = [], []
    for start in tqdm(range(0, len(entries), BATCH), disable=None):
        images = [
            _load(Path(dataset["image_root"]) / name, ops)
            for name, _ in entries[start : start + BATCH]
        ]
        scores = predictor.run(network, np.stack(images).astype("float32"))
        predicted += scores.argmax(1).tolist()
        confidence += np.round(scores.max(1).astype(float), 4).tolist()
    result = {
        "images": [name for name, _ in entries],
        "labels": [label for _, label in entries],
        "predicted": predicted,
        "confidence": confidence,  # of the predicted class
    }
    write_atomically(folder / "predictions.json", json.dumps(result).encode())


def _load(path: Path, ops: list):
    import cv2

    image = cv2.imread(str(path))[:, :, ::-1]
    for op in ops:
        image = op(image)
    return image


def _has_gpu() -> bool:
    import paddle

    return paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
