"""A Python that is out of range is told so before anything is built or fetched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = "Python 3.8 to 3.13"


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_names_the_pythons_that_do(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (old, tmp_path / "missing", ""):
        command = ["make", "demo", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 2
        assert f"{NEEDED} is needed: make PYTHON=" in result.stderr
        assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("version", ["3, 7, 16", "3, 14, 0"])
def test_setup_names_the_pythons_that_do(version):
    code = (
        "import runpy, setuptools.command.build_py, sys\n"
        f"sys.version_info = ({version})\n"
        "runpy.run_path('setup.py')"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(f"paddleclas-octconv needs {NEEDED}; this is ")
    assert result.stderr.count("\n") == 1
