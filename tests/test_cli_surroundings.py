"""Commands where the system gives less than usual: one line, or the work done, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import error_line, run_cli

PYTHON = [sys.executable, "-m", "paddleclas_octconv"]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def shell(command: str, cwd: Path, **environ) -> subprocess.CompletedProcess:
    """Run a shell command in which ``$P`` is the command line of the package."""
    env = {**os.environ, "P": " ".join(PYTHON), **environ}
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("arguments", ["--help", "train --help", "compare --help", "configs"])
def test_an_ascii_terminal_gets_ascii(tmp_path, arguments):
    result = shell(f"$P {arguments}", tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path):
    result = shell("$P configs | head -1; exit ${PIPESTATUS[0]}", tmp_path)
    assert result.stdout.count("\n") == 1 and result.stderr == ""
    assert result.returncode in (0, 141)
    result = shell("(sleep 1; exec $P configs) | true; exit ${PIPESTATUS[0]}", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (141, "", "")


@LINUX
def test_a_full_output_is_told(tmp_path):
    result = shell("$P configs > /dev/full", tmp_path)
    assert result.returncode == 2
    assert "the disk is full" in error_line(result.stderr)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&-"])
def test_a_closed_stream_does_not_matter(tmp_path, closed):
    result = shell(f"$P configs {closed}", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_current_folder_that_is_gone_is_told(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    result = shell("cd gone; rmdir ../gone; $P configs", tmp_path)
    assert result.returncode == 2
    assert "current folder" in error_line(result.stderr)


@pytest.mark.parametrize("home", [None, "file", "missing"])
def test_no_home_is_needed(tmp_path, home):
    (tmp_path / "file").write_text("")
    unset = "unset HOME;" if home is None else f"export HOME={tmp_path / (home or '')};"
    for arguments in ("configs", "prepare digits"):
        result = shell(f"{unset} $P {arguments}", tmp_path)
        assert (result.returncode, result.stderr) == (0, "")


def test_without_paddle_the_extra_is_named(tmp_path):
    (tmp_path / "paddle.py").write_text("raise ModuleNotFoundError('no paddle', name='paddle')")
    result = run_cli(
        "summary", "-c", "Digits/OctMobileNetV1", cwd=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert result.returncode == 2
    assert "pip install 'paddleclas-octconv[cpu]'" in error_line(result.stderr)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may all")
def test_a_target_that_may_not_be_written_is_told(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    result = run_cli("prepare", "digits", "--root", "locked", cwd=tmp_path)
    assert result.returncode == 2
    assert "locked/digits: Permission denied" in error_line(result.stderr)


@LINUX
def test_a_target_that_cannot_be_made_is_told(tmp_path):
    for root in ("/proc/nowhere", "/dev/null"):
        result = run_cli("prepare", "digits", "--root", root, cwd=tmp_path)
        assert result.returncode == 2
        assert f"cannot write the data set {root}/digits" in error_line(result.stderr)


@pytest.mark.parametrize("name", [b"caf\xe9", "模型".encode(), b"a b"])
def test_names_in_any_encoding_are_told(tmp_path, name):
    for command in (b"train", b"configs"):
        option = b"-c" if command == b"train" else b"--copy"
        result = subprocess.run(
            [*map(os.fsencode, PYTHON), command, option, name],
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
        )
        assert result.returncode == 2
        assert error_line(result.stderr.decode()).startswith("paddleclas: error: ")


def test_the_shipped_configs_can_be_found_and_copied(tmp_path):
    folder = Path(run_cli("configs", "--path", cwd=tmp_path).stdout.strip())
    assert (folder / "Digits" / "OctMobileNetV1.yaml").is_file()
    result = run_cli("configs", "--copy", "Digits/OctMobileNetV1", cwd=tmp_path)
    assert result.stdout == "OctMobileNetV1.yaml\n"
    copy = tmp_path / "OctMobileNetV1.yaml"
    assert copy.read_bytes() == (folder / "Digits" / "OctMobileNetV1.yaml").read_bytes()
    copy.write_text("mine")
    again = run_cli("configs", "--copy", "Digits/OctMobileNetV1", cwd=tmp_path)
    assert "is there already" in error_line(again.stderr)
    assert copy.read_text() == "mine"
    shutil.rmtree(tmp_path)
