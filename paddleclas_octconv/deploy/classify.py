"""Classes of image files, by an exported folder alone: its preprocessing, network and labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np

from ..common import machine
from ..common.documents import read_yaml
from ..common.errors import OctConvError
from ..common.files import why_no_file
from ..common.images import SUFFIXES, images_in
from ..common.numbers import POSITIVE
from . import metadata
from .engines import AUTO
from .images import Preprocess
from .predictor import Predictor, create_predictor

TOPK = 5


class Prediction(NamedTuple):
    """The likeliest classes of an image, the likeliest first; the names are PaddleClas's.

    Where an image may be of several classes, those that reach the folder's threshold.

    Attributes:
        file_name: the image.
        class_ids: the classes.
        scores: of each, what the network gives; probabilities, where it ends in a softmax.
        label_names: of each, "" where the folder has no label names.
        error: why the image could not be read; then the others are empty.
    """

    file_name: str
    class_ids: list[int]
    scores: list[float]
    label_names: list[str]
    error: str | None = None


class Classifier:
    """An exported folder that classifies files.

    Args:
        folder: what ``paddleclas export`` wrote, or PaddleClas's exporter with
            ``Global.export_for_fd``.
        predictor: the folder's network, if it is open already.
        engine: what runs it: "openvino", "onnxruntime" or "paddle"; "auto" takes the fastest that
            is installed and has its file in the folder.
        precision: "fp32", "bf16", "fp16" or "int8".
        threads: CPU threads; by default as many as there are CPUs.

    Raises:
        OctConvError: the folder does not say how images are preprocessed, or in a way unknown, or
            the engine cannot open it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        predictor: Predictor | None = None,
        *,
        engine: str = AUTO,
        precision: str = "fp32",
        threads: int | None = None,
    ) -> None:
        described = read_description(Path(folder))
        self._predictor = predictor or create_predictor(
            folder, engine=engine, precision=precision, threads=threads or machine.cpu_count()
        )
        decode_image = (described.get("Global") or {}).get("decode_image")
        self._preprocess = Preprocess(described["PreProcess"]["transform_ops"], decode_image)
        self._labels = metadata.label_list(described) or []
        post = (described.get("PostProcess") or {}).get("Topk") or {}
        self.topk: int = post.get("topk") or TOPK
        self._threshold = metadata.threshold_of(described)

    def __call__(
        self, images: Any, topk: int | None = None, batch_size: int = 1
    ) -> Iterator[Prediction]:
        """The classes of each image, in order; one that cannot be read is told of in its place.

        Args:
            images: image files, open or not, their contents, images of Pillow or arrays
                (H, W, 3), RGB, of uint8; or one of them. What is no file is called by its number,
                "#0" first.
            topk: how many classes of each, at most; by default as many as the folder says.
            batch_size: how many images of one size go through the network at once.
        """
        POSITIVE.demand("batch_size", batch_size)
        if topk is not None:
            POSITIVE.demand("topk", topk)
        waiting: list[Prediction | str] = []  # in order; a name stands for an image of the batch
        batch: list[np.ndarray] = []
        for number, given in enumerate([images] if is_one(images) else images):
            name = os.fspath(given) if isinstance(given, (str, os.PathLike)) else f"#{number}"
            try:
                image = self._preprocess.read(given)
            except OctConvError as error:
                waiting.append(Prediction(name, [], [], [], str(error)))
                continue
            if batch and (len(batch) == batch_size or image.shape != batch[0].shape):
                yield from self._run(waiting, batch, topk)
                waiting, batch = [], []
            waiting.append(name)
            batch.append(image)
        yield from self._run(waiting, batch, topk)

    def _run(
        self, waiting: list[Prediction | str], batch: list[np.ndarray], topk: int | None
    ) -> Iterator[Prediction]:
        rows: Iterator[np.ndarray] = iter(self._scores(np.stack(batch)) if batch else [])
        for item in waiting:
            yield item if isinstance(item, Prediction) else self._likeliest(item, next(rows), topk)

    def _scores(self, images: np.ndarray) -> np.ndarray:
        scores = self._predictor(images)
        if scores.ndim != 2:
            raise OctConvError(
                f"{self._predictor.model}: not a classifier: its output has shape "
                f"{list(scores.shape)}, expected (N, classes)"
            )
        return scores

    def _likeliest(self, name: str, scores: np.ndarray, topk: int | None) -> Prediction:
        ids = np.argsort(-scores, kind="stable").tolist()
        if self._threshold is None:
            ids = ids[: topk or self.topk]
        else:  # several labels an image, or none
            ids = [i for i in ids if scores[i] >= self._threshold][:topk]
        labels = [self._labels[i] if i < len(self._labels) else "" for i in ids]
        return Prediction(name, ids, [float(scores[i]) for i in ids], labels)


def is_one(images: Any) -> bool:
    """Whether this is one image, in whatever form, not several."""
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    if isinstance(images, (str, bytes, bytearray, os.PathLike)) or hasattr(images, "read"):
        return True
    return not hasattr(images, "__iter__")  # an image of Pillow, or nothing that is one


def decided(scores: np.ndarray, several: bool) -> np.ndarray:
    """What images are taken for, from probabilities (images, classes): of each the likeliest class,
    or with several labels an image a 0 or 1 for each class, as PaddleClas's metrics do."""
    return (scores >= metadata.THRESHOLD).astype(int) if several else scores.argmax(1)


def find_images(path: Path) -> list[Path]:
    """The image itself, or all in a folder and its folders, sorted by name.

    Raises:
        OctConvError: there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise OctConvError(f"{path}: no such image or folder")
    found = images_in(path)
    if not found:
        raise OctConvError(f"{path}: holds no images ({', '.join(SUFFIXES)})")
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """The ``inference.yml`` of a folder, whoever exported it.

    Raises:
        OctConvError: there is none, or it does not say how images are preprocessed.
    """
    if not folder.is_dir():
        raise OctConvError(f"{folder}: no such folder")
    path = folder / metadata.CONFIG_FILE
    if why_no_file(path) == "no such file":
        raise OctConvError(
            f"{path}: no such file: it says how images are preprocessed (paddleclas export writes "
            "it, PaddleClas's exporter with -o Global.export_for_fd=True)"
        )
    described = read_yaml(path, "")
    steps = (described.get("PreProcess") or {}) if isinstance(described, dict) else {}
    if not isinstance(steps, dict) or not isinstance(steps.get("transform_ops"), list):
        raise OctConvError(f"{path}: has no PreProcess.transform_ops: a list of steps")
    metadata.check_post_process(described, path)
    general = described.get("Global") or {}
    decoding = general.get("decode_image") if isinstance(general, dict) else general
    if not isinstance(decoding, (dict, type(None))):
        raise OctConvError(f"{path}: Global.decode_image: {decoding!r} should be a section")
    return described
