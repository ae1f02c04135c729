"""The programs of the page compile, and say what this package says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
import yaml
from conftest import run_cli

from paddleclas_octconv.deploy.images import Preprocess
from paddleclas_octconv.deploy.predictor import create_predictor

PROGRAMS = Path(__file__).resolve().parent.parent / "docs" / "programs"
pytestmark = pytest.mark.process
ANSWER = 60  # seconds in which the server starts, answers and ends, on a busy machine too


@pytest.fixture(scope="module")
def folder(exported) -> Path:
    """An export with a model for each engine."""
    return exported


@pytest.fixture()
def image(folder, tiny_data) -> np.ndarray:
    """A prepared image (1, 3, H, W)."""
    described = yaml.safe_load((folder / "inference.yml").read_text())
    steps = Preprocess(described["PreProcess"]["transform_ops"])
    return steps.read(tiny_data / "images" / "0.png")[None]


def run_program(source: str, tmp_path: Path, given: list, arguments: list, image) -> tuple:
    """The class and the probability that a program prints, compiled with some more arguments."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ to compile with")
    program = tmp_path / "classify"
    command = [compiler, "-std=c++17", PROGRAMS / source, "-o", program, *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [program, *arguments], input=image.tobytes(), capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    number, probability = done.stdout.split()
    return int(number), float(probability)


def home(variable: str, what: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no folder with {what}")
    return Path(os.environ[variable])


def test_openvino_in_cpp(folder, image, tmp_path):
    openvino = Path(pytest.importorskip("openvino").__file__).parent
    (library,) = (openvino / "libs").glob("libopenvino.so.*")
    given = ["-I", openvino / "include", library, f"-Wl,-rpath,{library.parent}"]
    model = folder / "openvino" / "model.xml"
    found = run_program("openvino.cpp", tmp_path, given, [model], image)
    check(found, folder, image)


def test_onnx_runtime_in_cpp(folder, image, tmp_path):
    ort = home("ONNXRUNTIME_HOME", "include/ and lib/ of an archive of ONNX Runtime")
    given = ["-I", ort / "include", "-L", ort / "lib", "-lonnxruntime", f"-Wl,-rpath,{ort / 'lib'}"]
    model = folder / "inference.onnx"
    found = run_program("onnxruntime.cpp", tmp_path, given, [model], image)
    check(found, folder, image)


def test_paddle_inference_in_cpp(folder, image, tmp_path):
    root = home("PADDLE_INFERENCE_HOME", "Paddle's C++ inference archive") / "paddle"
    lib = root / "lib"
    given = ["-I", root / "include", "-L", lib, "-lpaddle_inference", f"-Wl,-rpath,{lib}"]
    files = [folder / "inference.json", folder / "inference.pdiparams", str(image.shape[-1])]
    found = run_program("paddle_inference.cpp", tmp_path, given, files, image)
    check(found, folder, image)


def check(found: tuple, folder: Path, image: np.ndarray) -> None:
    (scores,) = create_predictor(folder, engine="paddle")(image)
    assert found[0] == scores.argmax()
    assert abs(found[1] - scores.max()) < 1e-5


@contextlib.contextmanager
def served(folder: Path, tmp_path: Path):
    """The address of the server over a folder, as long as it answers: the threads of one that hangs
    are told where they stand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = tmp_path / "server.txt"
    command = [sys.executable, "-X", "faulthandler", "-m", "uvicorn", "--app-dir", str(PROGRAMS)]
    with said.open("w") as stderr:
        server = subprocess.Popen(
            [*command, "server:app", "--port", str(port)],
            env={**os.environ, "MODEL": str(folder), "PREDICTORS": "2"},
            stderr=stderr,
        )
    try:
        limit = time.monotonic() + ANSWER
        while "Uvicorn running" not in said.read_text():
            assert server.poll() is None, said.read_text()
            if time.monotonic() > limit:
                raise requests.Timeout("it does not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/classify"
        server.terminate()
        server.wait(ANSWER)
    except (requests.Timeout, subprocess.TimeoutExpired) as error:
        server.send_signal(signal.SIGABRT)  # has faulthandler write
        server.wait(ANSWER)
        pytest.fail(f"{error}\n{said.read_text()}")
    finally:
        server.kill()
        server.wait()


def test_the_server_answers_many_at_once_and_goes_on_after_what_is_no_image(
    folder, tiny_data, tmp_path
):
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package)
    from concurrent.futures import ThreadPoolExecutor

    photos = sorted((tiny_data / "images").glob("*.png"))[:6]
    file = tmp_path / "predicted.json"
    done = run_cli("predict", folder, photos[0].parent, "--json", file, "--engine", "paddle")
    assert done.returncode == 0, done.stderr
    wanted = {Path(each["file_name"]).name: each for each in json.loads(file.read_text())}
    sent = [photo.read_bytes() for photo in photos]
    with served(folder, tmp_path) as url, ThreadPoolExecutor(6) as clients:

        def post(data: bytes) -> requests.Response:
            return requests.post(url, data=data, timeout=ANSWER)

        for photo, answer in zip(photos * 4, clients.map(post, sent * 4)):
            found = answer.json()
            assert found["class_ids"] == wanted[photo.name]["class_ids"]
            np.testing.assert_allclose(found["scores"], wanted[photo.name]["scores"], atol=1e-5)
        assert post(b"no image").status_code == 422
        assert post(b"").status_code == 422
        assert post(sent[0]).status_code == 200
