"""What a network takes for what, counted while PaddleClas evaluates it."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

import numpy as np

from ..patches.paddleclas_engine import EVAL, within
from ..run.picture import MOST_CLASSES


class Confusion:
    """Counts the evaluation that is at work."""

    def __init__(self) -> None:
        self._counts: np.ndarray | None = None

    def watch(self) -> None:
        """Count each evaluation of the ``Engine`` on ``sys.path``."""
        within(EVAL, self._counting)

    def taken(self) -> list[list[int]] | None:
        """Images by true class (rows) and predicted class (columns) since the evaluation began;
        None where an image has several labels, or the classes are too many."""
        counts, self._counts = self._counts, None
        return None if counts is None else counts.tolist()

    @contextlib.contextmanager
    def _counting(self, engine: Any) -> Iterator[None]:
        self._counts = None
        metrics = getattr(engine, "eval_metric_func", None)
        if metrics is None or not hasattr(metrics, "register_forward_post_hook"):
            yield
            return
        hook = metrics.register_forward_post_hook(self._count)
        try:
            yield
        finally:
            hook.remove()

    def _count(self, layer: Any, inputs: Any, output: Any) -> None:
        """A forward hook of the metrics, which get what all ranks have predicted."""
        with contextlib.suppress(Exception):  # no training fails for want of a picture
            self._add(*inputs[:2])

    def _add(self, scores: Any, labels: Any) -> None:
        if isinstance(scores, dict):
            scores = scores.get("logits")
        images, classes = scores.shape
        if list(labels.shape) not in ([images], [images, 1]):
            return
        if not 2 <= classes <= MOST_CLASSES:
            return
        true = labels.numpy().reshape(-1).astype(int)
        if self._counts is None:
            self._counts = np.zeros((classes, classes), int)
        if images and true.min() >= 0 and true.max() < classes:
            predicted = scores.argmax(axis=1).numpy().reshape(-1)
            np.add.at(self._counts, (true, predicted), 1)
