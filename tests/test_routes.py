"""``tests/routes``: what it says of what is not there. ``make routes`` runs the routes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROUTES = Path(__file__).parent / "routes"
pytestmark = pytest.mark.process


def routes(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROUTES), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environ or None)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["opencvv"], "opencvv: no such route; did you mean opencv?"),
        (["onnxruntime-node"], "onnxruntime-node: npm is not there"),
        (["opencv", "--data", "nowhere"], "--data nowhere: should be a folder with images"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, arguments, said):
    ran = routes(*arguments, "--output", str(tmp_path / "routes.json"), PATH=str(tmp_path))
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (2, f"routes: {said}")
    assert not (tmp_path / "routes.json").exists()
