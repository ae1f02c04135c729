"""A process of its own: its state, its environment, what it prints, how it ends."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from paddleclas_octconv.common import processes
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.worker import Worker


class Work:
    """Operations that need nothing."""

    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count

    def environment(self, name):
        return os.environ.get(name)

    def print(self, text):
        print(text, flush=True)
        os.write(2, b"and an error\n")

    def refuse(self):
        raise OctConvError("the message")

    def fail(self):
        raise RuntimeError("what went wrong")

    def hang(self):
        lock = threading.Lock()
        with lock:
            print("about to wait", file=sys.stderr, flush=True)
            lock.acquire()

    def compute(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.count += 1

    def write(self, seconds):
        end = time.monotonic() + seconds
        with open(os.devnull, "wb", buffering=0) as file:
            while time.monotonic() < end:
                file.write(bytes(1 << 20))
                time.sleep(0.05)

    def sizes(self):
        import random

        return random.__file__


@pytest.fixture
def worker(monkeypatch):
    # The package of the tests is importable for the process, as the product is.
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    with Worker(Work, threads=3, EXTRA="yes") as worker:
        yield worker


def test_it_keeps_its_state_between_calls(worker):
    assert worker.call("add", number=2) == 2
    assert worker.call("add", number=3) == 5


def test_threads_and_variables_are_its_own(worker):
    assert worker.call("environment", name="OMP_NUM_THREADS") == "3"
    assert worker.call("environment", name="EXTRA") == "yes"
    assert os.environ.get("EXTRA") is None


def test_what_it_prints_is_no_reply(worker):
    worker.call("print", text="{}")
    assert worker.said().split("\n")[-3:] == ["{}", "and an error", ""]
    worker.call("print", text="later")
    assert worker.said() == "later\nand an error\n"


def test_bad_input_leaves_it_alive(worker):
    with pytest.raises(OctConvError, match="^the message$"):
        worker.call("refuse")
    assert worker.call("add", number=1) == 1


def test_a_failure_is_told_with_its_last_words(worker):
    with pytest.raises(OctConvError, match="fail: .* code 1: RuntimeError: what went wrong"):
        worker.call("fail")


def test_a_death_is_told_with_its_code(worker):
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(OctConvError, match="add: its process ended with code -9"):
        worker.call("add", number=1)


@pytest.fixture
def impatient(monkeypatch):
    """Two seconds without work are taken for a hang, of which half a second's work is none."""
    monkeypatch.setattr(processes, "STILL", 2.0)
    monkeypatch.setattr("paddleclas_octconv.common.worker._EVERY", 0.2)


def test_one_that_hangs_is_ended_and_told(worker, impatient):
    with pytest.raises(
        OctConvError, match=r"^hang: .* nothing for 2 seconds .* \(it last said: about to wait\)$"
    ):
        worker.call("hang")
    worker.close()
    assert not psutil.pid_exists(worker.pid)


def test_one_that_is_stopped_is_ended_too(worker, impatient):
    assert worker.call("add", number=1) == 1
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(OctConvError, match="^add: its process did nothing for 2 seconds"):
        worker.call("add", number=1)


@pytest.mark.parametrize("work", ["compute", "write"])
def test_one_that_works_takes_as_long_as_it_takes(worker, impatient, work):
    worker.call(work, seconds=5)
    assert worker.call("add", number=0) >= 0


def test_the_current_folder_is_not_imported_from(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    with Worker(Work) as worker:
        assert not worker.call("sizes").startswith(str(tmp_path))


PARENT = """
from test_worker import Work
from paddleclas_octconv.common.worker import Worker
worker = Worker(Work)
worker.call("add", number=1)
print(worker.pid, flush=True)
input()
"""


def test_it_does_not_outlive_a_parent_that_is_killed():
    environ = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
