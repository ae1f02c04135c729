"""Exported folders that are cut, incomplete or something else: one line names the file."""

import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import paddle
import pytest
from conftest import error_line

from paddleclas_octconv import cli, registry
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.engines.paddle_files import check_params
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


@pytest.mark.parametrize(
    "dtype",
    [
        *("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16"),
        *("float32", "float64", "complex64", "complex128"),
        *(name for name in ("float8_e4m3fn", "float8_e5m2") if hasattr(paddle, name)),
    ],
)
def test_parameters_of_every_type_are_passed_over(dtype, tmp_path):
    """Two tensors, one behind the other, as Paddle writes them."""
    params = tmp_path / "inference.pdiparams"
    paddle.save(paddle.ones([3, 5]).astype(dtype), str(params), use_binary_format=True)
    one = params.read_bytes()
    version, levels = struct.unpack("<IQ", one[:12])
    assert version == levels == 0
    with_levels = struct.pack("<IQQ", 0, 2, 16) + bytes(16) + struct.pack("<Q", 8) + bytes(8)
    for content in (one, one + one, with_levels + one[12:] + one):
        params.write_bytes(content)
        check_params(params)
        params.write_bytes(content[:-1])
        with pytest.raises(OctConvError, match=r"is cut .* needs 1 more"):
            check_params(params)
        params.write_bytes(content + b"\0")
        with pytest.raises(OctConvError, match="is cut or damaged .* is none"):
            check_params(params)


class Detector(paddle.nn.Layer):
    """One of PaddleDetection's kind: it takes the size of the image too."""

    def __init__(self):
        super().__init__()
        self.conv = paddle.nn.Conv2D(3, 3, 1)

    def forward(self, image, size):
        return self.conv(image).mean([2, 3]) * size.sum()


def detector(folder):
    """Its export, in each engine's format: two inputs, of which the first is the image."""
    shapes = {"image": [None, 3, 32, 32], "size": [None, 2]}
    specs = [paddle.static.InputSpec(shape, "float32", name) for name, shape in shapes.items()]
    static = paddle.jit.to_static(Detector(), input_spec=specs, full_graph=True)
    paddle.jit.save(static, str(folder / "inference"))

    onnx, helper = pytest.importorskip("onnx"), pytest.importorskip("onnx.helper")
    values = {name: helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceSum", ["size"], ["sum"]),
        helper.make_node("Mul", ["mean", "sum"], ["out"]),
    ]
    out = helper.make_tensor_value_info("out", 1, [None, 3])
    graph = helper.make_graph(nodes, "detector", list(values.values()), [out])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, str(folder / "inference.onnx"))

    openvino = pytest.importorskip("openvino")
    (folder / "openvino").mkdir()
    read = openvino.Core().read_model(str(folder / "inference.onnx"))
    openvino.save_model(read, str(folder / "openvino" / "model.xml"))


def test_a_network_that_takes_more_than_images_is_refused_by_every_engine(tmp_path, capsys):
    """Paddle Inference itself computes with whatever lies in the memory of the other input."""
    detector(tmp_path)
    models = {"paddle": "inference.json", "onnxruntime": "inference.onnx"}
    if not machine.paddle_writes_pir():
        models["paddle"] = "inference.pdmodel"
    for engine, file in {**models, "openvino": "openvino/model.xml"}.items():
        with pytest.raises(OctConvError) as caught:
            create_predictor(tmp_path, engine=engine)
        said = f"{tmp_path / file}: its network takes something else than images (N, C, H, W)"
        assert str(caught.value) == said
    assert cli.main(["benchmark", str(tmp_path), "--repeats", "1"]) == 2
    said = f"{tmp_path / models['paddle']}: its network takes something else than images"
    assert said in error_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["model.pth", "pytorch_model.bin", "config.json"],
        ["yolo11n.xml", "yolo11n.bin", "metadata.yaml"],
        ["model.xml", "model.bin", "metadata.yaml"],
        ["saved_model.pb", "variables/variables.index"],
    ],
    ids=["nothing", "torchvision", "ultralytics", "openvino", "tensorflow"],
)
def test_a_folder_of_another_program_is_one_line(files, tmp_path, capsys):
    folder, image = tmp_path / "folder", tmp_path / "image.png"
    image.write_bytes(b"")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"of another program")
    folder.mkdir(exist_ok=True)
    for command, said in {
        f"predict {folder} {image}": f"{folder}/inference.yml: no such file: it says how images",
        f"benchmark {folder}": f"{folder} holds no exported model: inference.",
    }.items():
        assert cli.main(command.split()) == 2
        assert said in error_line(capsys.readouterr().err)
    with pytest.raises(OctConvError, match="holds no exported model"):
        create_predictor(folder)
