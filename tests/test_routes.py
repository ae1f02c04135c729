"""``tests/routes``: what it says of what is not there. ``make routes`` runs the routes."""

import json
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
        (["opencv", "--data", "nowhere"], "--data nowhere: should be a folder with images"),
        (["opencv", "--output", "no/x"], "--output no/x: its folder: no such folder"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, arguments, said):
    ran = routes(*arguments, PATH=str(tmp_path))
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (2, f"routes: {said}")


def test_a_route_whose_tool_is_not_there_is_noted_as_not_run(tmp_path):
    file = tmp_path / "routes.json"
    ran = routes("onnxruntime-web", "--output", str(file), PATH=str(tmp_path))
    said = "onnxruntime-web: npm is not there"
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (2, f"routes: {said}")
    (row,) = json.loads(file.read_text())["rows"]
    assert row["not_run"] == said


def test_without_onnx_runtime_nothing_is_made_and_the_extra_is_named(tmp_path):
    without = "import sys; sys.modules['onnxruntime'] = None"
    (tmp_path / "sitecustomize.py").write_text(without)
    ran = routes("opencv", PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == (
        "routes: python tests/routes needs onnxruntime: pip install 'paddleclas-octconv[onnx]'"
    )
