"""Exported folders that are cut, incomplete or something else: one line names the file."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from paddleclas_octconv import registry
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.predictor import create_predictor, model_files

OLD = """
import sys
from paddleclas_octconv import registry
from paddleclas_octconv.deploy import inference_form
inference_form.save(registry.build("MobileNetV1_x0_25", class_num=10), sys.argv[1], [3, 32, 32])
"""


@pytest.fixture(scope="module")
def pir(tmp_path_factory):
    if not machine.paddle_writes_pir():
        pytest.skip("this Paddle writes pdmodel alone")
    folder = tmp_path_factory.mktemp("pir")
    inference_form.save(registry.build("MobileNetV1_x0_25", class_num=10), folder, [3, 32, 32])
    return folder


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    environ = {**os.environ, "FLAGS_enable_pir_api": "0"}
    subprocess.run([sys.executable, "-c", OLD, str(folder)], env=environ, check=True)
    return folder


@pytest.fixture(params=["inference.json", "inference.pdmodel"])
def folder(request, tmp_path):
    """A copy of an export in one format."""
    source = request.getfixturevalue("pir" if request.param.endswith(".json") else "old")
    return shutil.copytree(source, tmp_path / "inference")


def model_of(folder):
    return model_files(folder)[0]


def refused(folder):
    with pytest.raises(OctConvError) as caught:
        create_predictor(folder, engine="paddle")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_whole_folder_is_read(folder):
    images = np.zeros((1, 3, 32, 32), "float32")
    assert create_predictor(folder, engine="paddle")(images).shape == (1, 10)


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_cut_model_is_named(folder, share):
    model = model_of(folder)
    os.truncate(model, int(model.stat().st_size * share))
    assert refused(folder) == f"{model}: is cut or damaged (paddleclas export writes it)"


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"\x00" * 99, bytes(range(1, 255)) * 9, b"9" * 9]
)
def test_a_model_of_something_else_is_named(folder, content):
    model = model_of(folder)
    model.write_bytes(content)
    assert refused(folder).startswith(f"{model}: is cut or damaged")


@pytest.mark.parametrize("lost", [1, 100, 500_000, None])
def test_cut_parameters_are_named(folder, lost):
    """Of a file that lacks its last bytes Paddle itself says nothing, and predicts nonsense."""
    params = folder / "inference.pdiparams"
    os.truncate(params, max(0, params.stat().st_size - (lost or 10**9)))
    assert refused(folder).startswith(f"{params}: is cut")


@pytest.mark.parametrize("content", [b"\x00" * 1000, os.urandom(5000)], ids=["zeros", "random"])
def test_parameters_of_something_else_are_named(folder, content):
    params = folder / "inference.pdiparams"
    params.write_bytes(content)
    assert refused(folder).startswith(f"{params}: is cut or damaged")


def test_parameters_of_another_network_are_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    inference_form.save(registry.build("ResNet18", class_num=10), tmp_path / "other", [3, 32, 32])
    shutil.copy(tmp_path / "other" / "inference.pdiparams", folder)
    assert refused(folder).startswith(f"{model_of(folder)}: Paddle Inference cannot read it: ")


def test_a_missing_file_is_named(folder):
    model = model_of(folder)
    params = folder / "inference.pdiparams"
    params.rename(folder / "away")
    assert refused(folder) == f"{params}: no such file (paddleclas export writes it)"
    params.mkdir()
    assert refused(folder) == f"{params}: is a folder, not a file (paddleclas export writes it)"
    params.rmdir()
    (folder / "away").rename(params)
    model.unlink()
    assert "no such file" in refused(folder)
    os.mkfifo(model)
    assert "no such file" in refused(folder) or "is a pipe" in refused(folder)
