"""What every route in Python does with the job that ``__main__.py`` gives it.

A job is a folder with ``job.json`` (the paths of the models, by name, and how often they are timed)
and ``images.npy``. ``result.json`` beside them gets, by the same names, the outputs for each image
and the milliseconds that one takes, or an error. It runs in the route's own environment, which has
NumPy and the route's tool.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Callable

import numpy as np

#: An image (1, C, H, W) to its outputs (1, classes).
Run = Callable[[np.ndarray], np.ndarray]
WARMUP = 3


def main(open_model: Callable[[Path, tuple], Run]) -> None:
    """Do the job whose folder the command line names.

    Args:
        open_model: makes of ``inference.onnx`` and the shape of an image what runs it, on one
            thread. It may write beside the model.
    """
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    images = np.load(folder / "images.npy")
    results: dict = {}
    opened: dict[str, Run] = {}
    for name, model in job["models"].items():
        try:
            run = open_model(Path(model), images[:1].shape)
            outputs = [np.asarray(run(image[None])).reshape(-1).tolist() for image in images]
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            results[name] = {"error": f"{type(error).__name__}: {lines[-1]}"}
        else:
            opened[name] = run
            results[name] = {"outputs": outputs}
    durations: dict[str, list[float]] = {name: [] for name in opened}
    for turn in range(job["turns"] and WARMUP + job["turns"]):
        for name, run in opened.items():
            start = time.perf_counter()
            run(images[turn % len(images)][None])
            durations[name].append(1000 * (time.perf_counter() - start))
    for name, taken in durations.items():
        if taken:
            results[name]["ms"] = statistics.median(taken[WARMUP:])
    (folder / "result.json").write_text(json.dumps(results))
