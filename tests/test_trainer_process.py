"""A run that is interrupted leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from runs import alive

from paddleclas_octconv.common import processes
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.run import process

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# A child that has a child of its own, in another session as the ranks of the launcher are.
FAMILY = """
import os, signal, subprocess, sys, time
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                           start_new_session=True)
if sys.argv[1] == "deaf":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
print(os.getpid(), sleeper.pid, flush=True)
time.sleep(60)
"""
PARENT = """
import os, signal, sys
from paddleclas_octconv.run import process
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may be under nohup
process.PATIENCE, process._TERMINAL = 0.5, 0.2
sys.exit(process.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ))
"""


@pytest.mark.parametrize("hearing", ["polite", "deaf"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_leaves_no_process(number, hearing):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, FAMILY, hearing],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    family = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    started = time.monotonic()
    parent.send_signal(number)
    assert parent.wait(timeout=20) == 128 + number
    assert time.monotonic() - started < 10
    assert not any(map(alive, family))


HEARING = """
import signal, sys, time

def hear(number, frame):
    print("heard", number, flush=True)
    sys.exit(0)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, hear)
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_once(number):
    patient = PARENT.replace("0.5, 0.2", "30, 0.2")
    parent = subprocess.Popen(
        [sys.executable, "-c", patient, HEARING, ""], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "up\n"
    parent.send_signal(number)
    assert parent.communicate(timeout=60)[0] == f"heard {number:d}\n"
    assert parent.returncode == 128 + number


def test_exit_code_is_the_childs():
    for code in (0, 3):
        assert process.run([sys.executable, "-c", f"raise SystemExit({code})"], os.environ) == code
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert process.run([sys.executable, "-c", kill], os.environ) == 128 + signal.SIGKILL


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    process.run([sys.executable, "-c", ""], os.environ)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("hearing", ["polite", "deaf"])
def test_a_run_that_hangs_is_ended_with_all_that_it_has_started(hearing, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "STILL", 1.0)
    with open(tmp_path / "pids", "w") as output, pytest.raises(
        OctConvError, match="^the trainer did nothing for 1 seconds"
    ):
        process.run(
            [sys.executable, "-c", FAMILY, hearing], os.environ, output, demand_progress=True
        )
    family = (tmp_path / "pids").read_text().split()
    assert len(family) == 2
    assert not any(psutil.pid_exists(int(pid)) for pid in family)
