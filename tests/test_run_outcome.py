"""What is said in the end of processes that have told how they fared, or died without a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from paddleclas_octconv.run.outcome import Outcome, Watch


@pytest.fixture
def tell(tmp_path, monkeypatch):
    """Writes what a process of a run tells, as ``child/telling.py`` does."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, **entry) -> None:
        with open(tmp_path / name, "a") as file:
            file.write(json.dumps(entry) + "\n")

    return write


def conclude(folder, code: int, launched: bool = True) -> Outcome:
    with Watch(folder) as watch:
        return watch.conclude(code, launched)


def begin(tell, rank: int, **entry) -> None:
    tell(f"rank-{rank}", **{"pid": os.getpid(), "log": f"log/workerlog.{rank}", **entry})


def test_what_was_found_is_handed_on(tell, tmp_path):
    tell("results", epoch=1, values={"top1": 0.5})
    (tmp_path / "results").open("a").write('{"epoch": 2, "val')  # killed while it wrote
    assert conclude(tmp_path, 0).results == ({"epoch": 1, "values": {"top1": 0.5}},)
    assert conclude(tmp_path, 130) == Outcome(130, (), ({"epoch": 1, "values": {"top1": 0.5}},))
    assert conclude(tmp_path, 1, launched=False) == Outcome(1)  # its process has said why


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_of_an_interruption_nothing_is_said(tell, tmp_path, number):
    begin(tell, 0)
    tell("rank-0", code=128 + number, message="")
    assert conclude(tmp_path, 128 + number) == Outcome(128 + number)


@pytest.mark.parametrize(
    "name, hint", [("SIGKILL", True), ("SIGSEGV", False), ("SIGABRT", False), ("SIGUSR1", None)]
)
def test_a_signal_that_ends_the_trainer_is_named(tmp_path, name, hint):
    code = 128 + getattr(signal, name)
    lines = conclude(tmp_path, code, launched=False).lines
    if hint is None:
        assert lines == ()
    else:
        (line,) = lines
        assert line.startswith(f"error: the trainer was ended by {name}")
        assert ("out of memory? a smaller DataLoader" in line) == hint
    assert conclude(tmp_path, 128 + 100, launched=False).lines == ()  # no signal there is


def test_the_rank_that_failed_is_named_with_its_code_and_log(tell, tmp_path):
    begin(tell, 0)
    begin(tell, 1)
    tell("rank-0", code=0, message="")
    tell("rank-1", code=2, message="DataLoader.Train: no such file")
    assert conclude(tmp_path, 1) == Outcome(
        2, ("error: rank 1: DataLoader.Train: no such file; its log: log/workerlog.1",)
    )


def test_a_rank_without_words_is_told_by_its_exit_code(tell, tmp_path):
    begin(tell, 0)
    tell("rank-0", code=7, message="")
    assert conclude(tmp_path, 1).lines == (
        "error: rank 0: ended with exit code 7; its log: log/workerlog.0",
    )


def test_of_a_rank_that_was_started_again_the_last_word_counts(tell, tmp_path):
    for code, message in ((3, "first"), (4, "second")):
        begin(tell, 0, log=f"log/{message}")
        tell("rank-0", code=code, message=message)
    assert conclude(tmp_path, 1) == Outcome(4, ("error: rank 0: second; its log: log/second",))


def test_the_launcher_that_failed_itself_is_told(tell, tmp_path):
    begin(tell, 0)
    tell("launcher", code=0, message="")
    line = "error: the launcher ended with exit code 1; see what it says above"
    assert conclude(tmp_path, 1) == Outcome(1, (line,))
    tell("launcher", code=5, message="no port is free")
    assert conclude(tmp_path, 1) == Outcome(
        5, ("error: paddle.distributed.launch: no port is free",)
    )


def ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def watched(folder) -> Outcome:
    """The outcome, after the ranks were looked at while they lived."""
    with Watch(folder) as watch:
        time.sleep(0.3)
        return watch.conclude(1, launched=True)


def test_a_rank_that_was_killed_is_the_culprit_of_those_that_fail_for_it(tell, tmp_path):
    begin(tell, 0)
    begin(tell, 1, pid=ended())
    outcome = watched(tmp_path)
    assert outcome.code == 1
    (line,) = outcome.lines
    assert line.startswith("error: rank 1 was killed (out of memory? a smaller DataLoader.Train")
    assert line.endswith(", so all were stopped; its log: log/workerlog.1")


def test_the_first_of_several_that_died_is_the_one_whose_log_is_older(tell, tmp_path):
    (tmp_path / "log").mkdir()
    for rank, seconds in ((0, 30), (1, 10), (2, 20)):
        log = tmp_path / "log" / f"workerlog.{rank}"
        log.touch()
        os.utime(log, (seconds, seconds))
        begin(tell, rank, pid=ended())
    assert watched(tmp_path).lines[0].startswith("error: rank 1 was killed")


def test_a_rank_that_ended_well_is_no_culprit(tell, tmp_path):
    begin(tell, 0, pid=ended())
    tell("rank-0", code=0, message="")
    begin(tell, 1)
    tell("rank-1", code=2, message="broken")
    assert watched(tmp_path).lines == ("error: rank 1: broken; its log: log/workerlog.1",)


@pytest.mark.parametrize("count, named", [(1, 1), (5, 5), (7, 5)])
def test_images_that_cannot_be_read_are_counted_and_some_named(tell, tmp_path, count, named):
    for number in range(count):
        tell("images", image=f"{number}.png")
    tell("images", image="0.png")
    (line,) = conclude(tmp_path, 0).lines
    images = "1 image" if count == 1 else f"{count} images"
    assert line.startswith(f"warning: {images} could not be read, {count + 1} times in all")
    assert [f"{number}.png" in line for number in range(count)] == [
        number < named for number in range(count)
    ]
    assert (" and 2 more" in line) == (count == 7) and ("more" in line) == (count == 7)
