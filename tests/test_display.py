"""What is shown while trainings go on: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from rich.console import Console

from paddleclas_octconv.run import watched
from paddleclas_octconv.run.display import Display
from paddleclas_octconv.run.training_log import TrainingLog
from paddleclas_octconv.run.watched import DONE, Watched

NAMES = ("OctResNet50-alpha0.25-seed1", "OctResNet50-alpha0.25-seed2", "ResNet50-seed1")


@pytest.fixture
def trainings(tmp_path) -> list[Watched]:
    def training(name: str) -> Watched:
        file = tmp_path / f"{name}.log"
        is_done = file.with_suffix(".done").exists
        stage = lambda: DONE if is_done() else "train"  # noqa: E731
        return Watched(name, name.rpartition("-")[0], 12, TrainingLog([file]), stage)

    return [training(name) for name in NAMES]


def log(training: Watched, *lines: str) -> None:
    (file,) = training.log._offsets
    with file.open("a") as opened:
        opened.writelines(f"{line}\n" for line in lines)


def finish(training: Watched) -> None:
    (file,) = training.log._offsets
    file.with_suffix(".done").touch()


def step(epoch: int, number: int, top1: float) -> str:
    return (
        f"[Train][Epoch {epoch}/12][Iter: {number}/10]lr(Cosine): 0.00123456, top1: {top1}, "
        "loss: 2.1, ips: 612.3 samples/s"
    )


def epoch(number: int) -> str:
    return f"[Train][Epoch {number}/12][Avg]top1: 0.375, loss: 2.0"


def shown(view: Display, width: int = 80) -> list[str]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(view.render(width))
    return console.export_text().splitlines()


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """What the clock shows, in seconds."""
    now = [0.0]
    monkeypatch.setattr(watched.time, "monotonic", lambda: now[0])
    return now


def test_the_table_has_a_row_a_training_in_80_columns(trainings, clock):
    view = Display(trainings, jobs=2)
    log(trainings[0], step(1, 5, 0.25))
    view.look(NAMES[:2])
    clock[0] = 30.0
    log(trainings[0], step(2, 5, 0.5), "[Eval][Epoch 1][Avg]loss: 1.2, top1: 0.4375")
    view.look(NAMES[:2])
    lines = shown(view)
    assert max(map(len, lines)) <= 80
    first, second, third = (line.split() for line in lines[1:4])
    assert first == [NAMES[0], "train", "1.5/12", "0.5000", "0.4375", "2.1000", "0.0012", "5:15"]
    assert second[:3] == [NAMES[1], "train", "0.0/12"]
    assert third[:3] == [NAMES[2], "waiting", "0.0/12"]
    assert lines[-1] == "all: 11:15 left"
    finish(trainings[0])
    view.look(NAMES[1:])
    lines = shown(view)
    assert lines[1].split()[1] == "done" and lines[3].split()[1] == "train"


def test_one_training_has_rate_and_speed_too_in_80_columns(trainings):
    trainings[0].name = "OctMobileNetV1"
    view = Display(trainings[:1])
    log(trainings[0], step(12, 5, 0.5), "[Eval][Epoch 11][Iter: 1/2]")
    view.look()
    header, row, last = shown(view)
    assert header.split()[-5:] == ["acc", "loss", "lr", "img/s", "left"] and len(row) <= 80
    assert row.split() == [
        *("OctMobileNetV1", "eval", "50%", "11.5/12", "0.5000"),
        *("2.1000", "0.0012", "612", "?"),
    ]
    assert last == "all: ? left"


@pytest.mark.parametrize("width", [55, 65])
def test_in_a_narrow_terminal_columns_are_left_out(trainings, width):
    view = Display(trainings)
    log(trainings[0], step(2, 5, 0.5))
    view.look()
    lines = shown(view, width)
    assert max(map(len, lines)) <= width
    assert lines[0].split()[-3:] == ["eval", "acc", "left"]
    assert len({line.split()[0] for line in lines[1:4]}) == 3


@pytest.mark.parametrize("jobs_at_once, told", [(2, 100.0), (1, 190.0)])
def test_the_time_for_all_is_that_of_jobs_side_by_side(trainings, clock, jobs_at_once, told):
    view = Display(trainings, jobs_at_once)
    view.look()
    assert view.left() is None
    for each, done in zip(trainings, (2, 6, 9)):  # at ten seconds an epoch: 100, 60, 30 are left
        clock[0] = 10.0 * done
        log(each, epoch(done))
        view.look()
    assert view.left() == told


def test_the_pace_of_what_is_trained_does_not_change_afterwards(trainings, clock):
    view = Display(trainings)
    view.look(NAMES[:1])
    for number in range(1, 13):  # ten seconds each
        clock[0] += 10.0
        log(trainings[0], epoch(number))
        view.look(NAMES[:1])
    finish(trainings[0])
    clock[0] += 1000.0
    view.look(NAMES[1:2])
    _, first, second, _, _ = shown(view)
    assert first.split()[1] == "done" and second.split()[-1] == "2:00"


def test_what_comes_after_the_training_is_not_told_to_be_done(trainings, clock):
    only = trainings[0]
    only.stage = lambda: "export"
    view = Display([only])
    view.look()
    clock[0] = 10.0
    log(only, epoch(12))
    view.look()
    _, row, last = shown(view)
    assert row.split()[1:3] == ["export", "12.0/12"] and ":" not in row
    assert last == "all are trained"


def test_without_a_terminal_each_epoch_is_a_line(trainings, clock, capsys):
    only = trainings[:1]
    log(only[0], epoch(1))
    with Display(only) as view:
        view.look()
        clock[0] = 9.0
        log(only[0], step(2, 0, 0.5), epoch(2), "[Eval][Epoch 2][Avg]loss: 1.2, top1: 0.4375")
        log(only[0], step(3, 0, 0.5), epoch(3), step(4, 0, 0.0), epoch(4))
        view.look()
        said = capsys.readouterr().err.splitlines()
        assert said == [  # the first is of the time before, the fourth may still be evaluated
            "epoch 2/12, loss 2.0000, train acc 0.3750, eval acc 0.4375, lr 0.0012, 612 img/s, "
            "0:24 left",
            "epoch 3/12, loss 2.0000, train acc 0.3750, lr 0.0012, 612 img/s, 0:24 left",
        ]
    assert capsys.readouterr().err.startswith("epoch 4/12, loss 2.0000")


def test_what_is_logged_at_the_very_end_is_told(trainings, capsys):
    only = trainings[:1]
    with Display(only) as view:
        log(only[0], step(1, 0, 0.5), epoch(1))
        view.look()
        log(only[0], "[Eval][Epoch 1][Avg]loss: 1.2, top1: 0.4375")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("epoch 1/12, ") and "eval acc 0.4375" in line


def test_what_is_trained_again_is_told_and_timed_again(trainings, clock, capsys):
    only = trainings[:1]
    log(only[0], epoch(7))  # of a run that was killed before its first checkpoint
    with Display(only) as view:
        view.look()
        clock[0] = 100.0
        log(only[0], step(1, 0, 0.5))
        view.look()
        clock[0] = 110.0
        log(only[0], epoch(1), "[Eval][Epoch 1][Avg]loss: 1.2, top1: 0.4375")
        view.look()
    said = capsys.readouterr().err
    assert said.startswith("epoch 1/12, loss 2.0000") and said.endswith("1:50 left\n")


def test_of_several_trainings_a_line_names_its_own(trainings, clock, capsys):
    with Display(trainings) as view:
        view.look(NAMES[1:2])
        log(trainings[1], epoch(1), "[Eval][Epoch 1][Avg]loss: 1.2, top1: 0.4375")
        trainings[1].stage = lambda: "export"
        view.look(NAMES[1:2])
        view.look(NAMES[1:2])
        view.stage("latency")
        view.stage("latency", "round 5 of 20, 1:01 left")
    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert (first, third) == (f"2/3 {NAMES[1]}: train", f"2/3 {NAMES[1]}: export")
    assert second.startswith(f"2/3 {NAMES[1]}: epoch 1/12, loss 2.0000")
    assert second.endswith(" left, all: 0:00") and fourth == "paddleclas: latency"


def test_a_stage_stands_below_the_table(trainings):
    view = Display(trainings)
    view.stage("latency", "round 5 of 20, 1:01 left")
    assert shown(view)[-1] == "latency: round 5 of 20, 1:01 left"


CHILD = r"""
import sys, time
with open(sys.argv[1], "a") as log:
    print("[Train][Epoch 1/2][Avg]top1: 0.375, loss: 2.0", file=log)
print("a warning, " + "x" * 100, file=sys.stderr, flush=True)
print("10%\r100%", flush=True)
time.sleep(1.2)
"""
PARENT = f"""
import sys
from pathlib import Path
from paddleclas_octconv.common.say import say
from paddleclas_octconv.run import process
from paddleclas_octconv.run.display import Display
from paddleclas_octconv.run.training_log import TrainingLog
from paddleclas_octconv.run.watched import Watched

training = Watched("OctNet", "OctNet", 2, TrainingLog([Path(sys.argv[1])]))
with Display([training]) as display, display.output() as output:
    say("of this process")
    command = [sys.executable, "-c", {CHILD!r}, sys.argv[1]]
    code = process.run(command, {{}}, output, display.look)
print("ended with", code, flush=True)
"""


@pytest.mark.parametrize("terminal", ["xterm-256color", "dumb"])
def test_on_a_terminal(tmp_path, terminal):
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "train.log"],
        env={**os.environ, "TERM": terminal, "COLUMNS": "80"},
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    said = b""
    while process.poll() is None or not said.endswith(b"\n"):
        try:
            said += os.read(leader, 1 << 16)
        except OSError:  # nobody holds the other end any more
            break
    os.close(leader)
    text = said.decode()
    assert process.wait() == 0 and "ended with 0" in text
    assert "paddleclas: of this process\r\n" in text
    assert "a warning, " + "x" * 100 in text  # in one piece, to be copied
    if terminal == "dumb":
        assert "\x1b" not in text and "epoch 1/2, loss 2.0000, train acc 0.3750" in text
        return
    assert (
        "1.0/2" in text and "100%\r\n" in text and "10%\r" not in text
    )  # of a progress bar, its last state
    assert text.endswith("ended with 0\r\n") and "\x1b[2K" in text  # the table is taken away


def test_the_speed_is_that_of_all_processes(trainings):
    log(trainings[0], step(1, 5, 0.25))  # 612.3 images a second
    for world, speed in ((1, "612"), (2, "1225")):
        trainings[0].world = world
        trainings[0].look()
        assert trainings[0].row()[-1] == speed


def test_the_time_that_is_left_follows_what_is_done(clock):
    clock[0] = 40.0
    assert watched.time_left(10.0, 0, 9) == ""
    assert watched.time_left(10.0, 3, 9) == ", 1:00 left"
    assert watched.time_left(10.0, 9, 9) == ", 0:00 left"
