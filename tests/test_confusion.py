"""What a network takes for what, counted beside PaddleClas's metrics, against scikit-learn's."""

from __future__ import annotations

import types

import numpy as np
import paddle
import pytest
from sklearn.metrics import confusion_matrix

from paddleclas_octconv.child.confusion import Confusion


class Metrics(paddle.nn.Layer):
    """Is called as PaddleClas calls its own: with what is predicted, and the labels."""

    def forward(self, scores, labels):
        return {}


@pytest.fixture
def evaluate():
    """Evaluates batches of (scores, labels); the matrix that is told."""

    def run(*batches, metrics=None) -> list | None:
        confusion = Confusion()
        engine = types.SimpleNamespace(eval_metric_func=metrics or Metrics())
        with confusion._counting(engine):
            for scores, labels in batches:
                engine.eval_metric_func(scores, labels)
            found = confusion.taken()
        engine.eval_metric_func(*batches[0])  # after the evaluation nothing is counted
        assert confusion.taken() is None
        return found

    return run


def batch(images: int, classes: int, seed: int) -> tuple:
    random = np.random.RandomState(seed)
    scores = random.standard_normal((images, classes)).astype("float32")
    return paddle.to_tensor(scores), paddle.to_tensor(random.randint(0, classes, (images, 1)))


@pytest.mark.parametrize("as_dict", [False, True])
def test_it_is_the_matrix_of_all_batches(evaluate, as_dict):
    batches = [batch(8, 5, 0), batch(3, 5, 1)]
    labels = np.concatenate([labels.numpy().ravel() for _, labels in batches])
    predicted = np.concatenate([scores.numpy().argmax(1) for scores, _ in batches])
    given = [({"logits": s}, y) for s, y in batches] if as_dict else batches
    assert evaluate(*given) == confusion_matrix(labels, predicted, labels=range(5)).tolist()


def test_several_labels_and_many_classes_have_none(evaluate):
    scores, _ = batch(8, 5, 0)
    assert evaluate((scores, paddle.ones([8, 5]))) is None
    assert evaluate(batch(4, 101, 0)) is None
    assert evaluate((scores, paddle.full([8, 1], 7, "int64"))) == np.zeros((5, 5), int).tolist()


def test_what_cannot_be_counted_is_left_out(evaluate):
    scores, labels = batch(8, 5, 0)
    for odd in (([scores, scores], labels), (scores, "labels"), ({}, labels), (None, None)):
        assert evaluate(odd) is None
