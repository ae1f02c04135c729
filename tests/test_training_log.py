"""What is read in the log of a training: how far it is, and its curves."""

from __future__ import annotations

import math

import pytest

from paddleclas_octconv.run.training_log import TrainingLog, read_curves

# As PaddleClas 2.4 to develop write them, with their time before.
STEP = "[2026/01/01 00:00:00] ppcls INFO: [Train][Epoch {}/12][Iter: {}/10]lr(Cosine): {:.8f}, "
MEASURED = "top1: {:.5f}, top5: 0.90000, CELoss: {:.5f}, loss: {:.5f}, "
TIMES = "batch_cost: 0.10000s, reader_cost: 0.01000, ips: 612.34567 samples/s, eta: 0:00:20"


@pytest.fixture
def log(tmp_path):
    """Writes lines into a log."""
    file = tmp_path / "train.log"

    def write(*lines: str) -> None:
        with file.open("a") as opened:
            opened.writelines(f"{line}\n" for line in lines)

    write.file = file
    return write


def step(epoch: int, number: int, top1: float, loss: float = 2.5, lr: float = 0.001) -> str:
    return STEP.format(epoch, number, lr) + MEASURED.format(top1, loss, loss) + TIMES


def end(epoch: int, top1: float, loss: float) -> str:
    return f"[Train][Epoch {epoch}/12][Avg]" + MEASURED.format(top1, loss, loss).rstrip(", ")


def evaluated(epoch: int, top1: float, loss: float) -> str:
    return f"[Eval][Epoch {epoch}][Avg]CELoss: {loss:.5f}, loss: {loss:.5f}, top1: {top1:.5f}"


def test_how_far_it_is(log):
    training = TrainingLog([log.file])
    assert training.look().epochs == 0  # before there is a log
    log(step(2, 5, 0.25, lr=4.3e-3))
    seen = training.look()
    assert (seen.epochs, seen.train_accuracy, seen.loss) == (1.5, 0.25, 2.5)
    assert (seen.rate, seen.speed) == (0.0043, 612.34567)
    log(end(2, 0.375, 2.0), "[Eval][Epoch 2][Iter: 3/4]CELoss: 1.0, loss: 1.0, top1: 0.9")
    seen = training.look()
    assert (seen.epochs, seen.train_accuracy, seen.evaluated) == (2, 0.375, 0.75)
    assert seen.eval_accuracy is None  # of three quarters of the images it would not be one
    log(evaluated(2, 0.5, 1.25))
    seen = training.look()
    assert (seen.eval_accuracy, seen.evaluated, seen.rate) == (0.5, None, 0.0043)


def test_half_a_line_is_read_when_it_is_whole(log):
    training = TrainingLog([log.file])
    text = step(1, 5, 0.25)
    with log.file.open("a") as file:
        file.write(text[:60])
        file.flush()
        assert training.look().epochs == 0
        file.write(text[60:] + "\n")
    assert training.look().epochs == 0.5


def test_the_curves_are_those_of_whole_epochs(log):
    log(step(1, 0, 0.0, lr=0.1), step(1, 5, 0.1, lr=0.2), end(1, 0.25, 2.0), evaluated(1, 0.5, 1.5))
    log(step(2, 0, 0.9), end(2, 0.5, 1.0))
    curves = read_curves([log.file])
    assert curves.train_accuracy == [(1, 0.25), (2, 0.5)]
    assert curves.train_loss == [(1, 2.0), (2, 1.0)]
    assert curves.eval_accuracy == [(1, 0.5)] and curves.eval_loss == [(1, 1.5)]
    assert curves.learning_rate == [(0, 0.1), (0.5, 0.2), (1.0, 0.001)]


def test_what_is_trained_again_counts_as_trained_last(log):
    for epoch, top1 in ((1, 0.1), (2, 0.2), (3, 0.3)):
        log(step(epoch, 0, 0.0), end(epoch, top1, 1.0), evaluated(epoch, top1, 1.0))
    log(step(2, 0, 0.0), step(2, 5, 0.0, lr=0.5))
    curves = read_curves([log.file])
    assert curves.train_accuracy == curves.eval_accuracy == [(1, 0.1)]
    assert curves.learning_rate == [(0, 0.001), (1, 0.001), (1.5, 0.5)]
    log(end(2, 0.7, 1.0), evaluated(2, 0.8, 1.0))
    assert read_curves([log.file]).eval_accuracy == [(1, 0.1), (2, 0.8)]


def test_of_the_moving_average_the_second_evaluation_counts(log):
    log(end(1, 0.25, 2.0), evaluated(1, 0.5, 1.5), evaluated(1, 0.75, 1.25))
    assert read_curves([log.file]).eval_accuracy == [(1, 0.75)]


def test_another_training_in_the_same_log_is_passed_over(log):
    log(step(9, 0, 0.5), end(9, 0.5, 1.0))
    assert TrainingLog([log.file], only_new=True).look().epochs == 0
    assert TrainingLog([log.file]).look().epochs == 9


@pytest.mark.parametrize(
    "said, loss, accuracy",
    [
        ("loss: 1.5, AccuracyScore: 0.875", 1.5, 0.875),
        ("MultiLabelLoss: 0.3, loss: 0.3, MultiLabelMAP(integral): 0.700", 0.3, 0.7),
        ("DistillationCELoss_Student_Teacher: 2.0, loss: 2.0, top1: 0.25", 2.0, 0.25),
        ("CELoss: nan, loss: nan, top1: 0.1", math.nan, 0.1),
        ("recall1: 0.5, recall5: 0.75", None, 0.5),
    ],
)
def test_other_losses_and_metrics(log, said, loss, accuracy):
    log(end(1, 0.25, 2.0), f"[Eval][Epoch 1][Avg]{said}")
    curves = read_curves([log.file])
    assert curves.eval_accuracy == [(1, accuracy)]
    assert dict(curves.eval_loss).get(1) == (loss and pytest.approx(loss, nan_ok=True))
