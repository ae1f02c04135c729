"""One training at a time in an output folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paddleclas_octconv.common.alone import alone_in
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.files import refuse_links_out
from paddleclas_octconv.common.locks import hold

OF_A_TRAINING = ("Global.output_dir", "training")
HOLDER = """
import sys
from paddleclas_octconv.common.alone import alone_in
with alone_in(sys.argv[1], "Global.output_dir", "training"):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNTER = """
import sys
from pathlib import Path
from paddleclas_octconv.common.locks import hold
for _ in range(40):
    with hold(Path(sys.argv[1], "lock")):
        count = Path(sys.argv[1], "count")
        count.write_text(str(int(count.read_text()) + 1))
"""


@pytest.fixture
def holder(tmp_path):
    """(another process that trains in a folder, that folder)."""
    folder = tmp_path / "output" / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process, folder
    process.kill()
    process.wait()


def test_second_training_is_refused_until_the_first_has_ended(holder):
    process, folder = holder
    with pytest.raises(OctConvError, match="another training is running in"), alone_in(
        str(folder), *OF_A_TRAINING
    ):
        raise AssertionError
    assert folder.is_dir()
    process.stdin.close()
    process.wait()
    assert not folder.parent.exists()  # it has written nothing
    with alone_in(str(folder), *OF_A_TRAINING):
        pass


def test_killed_training_leaves_no_lock(holder):
    process, folder = holder
    process.kill()
    process.wait()
    with alone_in(str(folder), *OF_A_TRAINING):
        pass


def test_nothing_of_it_stays(tmp_path):
    with alone_in(str(tmp_path / "a" / "b"), *OF_A_TRAINING):
        (tmp_path / "a" / "b" / "weights").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["weights"]


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OctConvError, match="Global.output_dir: .*file/x cannot be made"), alone_in(
        str(tmp_path / "file" / "x"), *OF_A_TRAINING
    ):
        raise AssertionError


def test_other_machines_of_a_run_are_let_in(holder):
    _, folder = holder
    with alone_in(str(folder), *OF_A_TRAINING, guards=False):
        pass


def test_lock_that_is_removed_with_its_holder_keeps_others_out(tmp_path):
    (tmp_path / "count").write_text("0")
    counters = [subprocess.Popen([sys.executable, "-c", COUNTER, str(tmp_path)]) for _ in range(4)]
    assert [counter.wait() for counter in counters] == [0] * 4
    assert (tmp_path / "count").read_text() == "160"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_lock_is_held_again_after_its_file_is_gone(tmp_path):
    lock = Path(tmp_path, "lock")
    with hold(lock), hold(tmp_path / "other"):
        assert lock.exists()
    assert not lock.exists()


def test_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("precious")
    for target in ("other", "nothing"):
        lock = tmp_path / f"{target}.lock"
        lock.symlink_to(tmp_path / target)
        with pytest.raises(OSError), hold(lock):
            raise AssertionError
    assert (tmp_path / "other").read_text() == "precious"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["train.log", "vdl", "a/latest.pdparams.part", "x/y/eval.log"])
def test_what_leads_out_of_a_folder_is_refused(tmp_path, name):
    folder = tmp_path / "output"
    path = folder / name
    path.parent.mkdir(parents=True)
    (folder / "inside").symlink_to(path.parent)
    (folder / "best.pdparams").symlink_to("latest.pdparams")
    refuse_links_out(folder, "Global.output_dir")
    refuse_links_out(tmp_path / "none", "Global.output_dir")
    for target in (tmp_path / "elsewhere", "/dev/full", f"{'../' * 30}etc", tmp_path):
        path.symlink_to(target)
        with pytest.raises(OctConvError, match=f"Global.output_dir: .*/{name} is a link to"):
            refuse_links_out(folder, "Global.output_dir")
        path.unlink()
    os.mkfifo(path)
    with pytest.raises(OctConvError, match=f"{name} is a pipe"):
        refuse_links_out(folder, "Global.output_dir")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, where no file can be made")
@pytest.mark.timeout(20)
def test_lock_whose_file_cannot_be_made_is_told_not_waited_for():
    with pytest.raises(OSError), hold(Path("/proc/paddleclas.lock")):
        raise AssertionError
