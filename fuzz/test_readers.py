"""Every reader that files of strangers reach, on spoilt forms of good ones (``make fuzz``).

What comes out is a value or one printable line, soon. The good files are made here, so that no
corpus has to be kept; what Hypothesis finds it keeps in ``.hypothesis`` and tries first.
``FUZZ_EXAMPLES`` bounds the examples of each reader.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import socketserver
import threading
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mxnet_files import archive, params
from PIL import Image
from test_deploy_operators import program
from test_hostile import spoilt_bytes

from paddleclas_octconv.checkpoints import manifest
from paddleclas_octconv.common import download
from paddleclas_octconv.common.documents import read_json, read_yaml
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import load_config
from paddleclas_octconv.data.archive import members
from paddleclas_octconv.data.list_files import read_label_map, read_list
from paddleclas_octconv.deploy import classify, inference_form, metadata
from paddleclas_octconv.deploy.engines import operators, paddle_files
from paddleclas_octconv.deploy.images import decode
from paddleclas_octconv.weights.mxnet_arrays import load_mxnet
from paddleclas_octconv.weights.safe_load import load_weights

SECONDS = 5
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "500")),
    deadline=SECONDS * 1000,
    suppress_health_check=list(HealthCheck),
)
CONFIG = {
    "Global": {"epochs": 1, "model_name": "x"},
    "PreProcess": {"transform_ops": [{"ResizeImage": {"size": 32}}, {"ToCHWImage": None}]},
    "PostProcess": {"Topk": {"topk": 5, "label_list": ["cat", "dog"]}},
}
XML = (
    '<?xml version="1.0"?><net name="n" version="11"><layers>'
    '<layer id="0" name="x" type="Parameter" version="opset1"/></layers></net>'
)


def image(kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(content, kind)
    return content.getvalue()


def weights(protocol: int) -> bytes:
    held = {"fc.weight": np.ones((3, 2), "f4"), "b": ("n", np.arange(3))}
    return pickle.dumps(held, protocol)


def onnx_model() -> bytes:
    helper = pytest.importorskip("onnx").helper
    (x, y) = (helper.make_tensor_value_info(name, 1, [1, 3]) for name in "xy")
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.5)
    weight = helper.make_tensor("w", 1, [2], [1.0, 2.0])
    return helper.make_model(helper.make_graph([node], "g", [x], [y], [weight])).SerializeToString()


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    layers = [paddle.nn.Conv2D(3, 4, 3), paddle.nn.AdaptiveAvgPool2D(1), paddle.nn.Flatten()]
    inference_form.save(paddle.nn.Sequential(*layers), folder, [3, 8, 8])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def reads_or_says_why(read, *arguments) -> None:
    try:
        read(*arguments)
    except OctConvError as error:
        assert str(error).isprintable() and str(error)


MXNET = params({"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.ones(2, "f4")})
READERS = {
    "config.yaml": (yaml.safe_dump(CONFIG).encode(), load_config),
    "inference.yml": (
        yaml.safe_dump(CONFIG).encode(),
        lambda path: (classify.read_description(path.parent), metadata.read(path.parent)),
    ),
    "aliases.yaml": (b"a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a}\n", lambda path: read_yaml(path, "")),
    "any.json": (json.dumps(CONFIG).encode(), lambda path: read_json(path, "")),
    "latest.manifest.json": (b'{"files": {"latest.pdparams": "00"}}', manifest.read),
    "model.xml": (XML.encode(), operators.check_openvino),
    "labels.txt": (b"0 cat\n1 sea lion\n", read_label_map),
    "train_list.txt": (b"a.png 0\nb.png 1\n", lambda path: read_list(path)),
    "two.pdparams": (weights(2), load_weights),
    "four.pdparams": (weights(4), load_weights),
    "a.params": (MXNET, load_mxnet),
    "a.tar": (archive({"a.params": MXNET}), load_mxnet),
    "data.tar": (
        archive({"cifar-10/train/cat/a.png": image("PNG")}),
        lambda path: [member.read() for member in members(path)],
    ),
    "a.png": (image("PNG"), decode),
    "a.jpg": (image("JPEG"), decode),
    "a.bmp": (image("BMP"), decode),
    "a.gif": (image("GIF"), decode),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.timeout(3600)
def test_files(name, folder):
    content, read = READERS[name]
    path = folder / name
    path.write_bytes(content)
    read(path)

    @FUZZ
    @given(spoilt_bytes(content))
    def fuzz(spoilt):
        path.write_bytes(spoilt)
        reads_or_says_why(read, path)

    fuzz()


@pytest.mark.timeout(3600)
def test_onnx(folder):
    content, path = onnx_model(), folder / "inference.onnx"
    path.write_bytes(content)
    operators.check_onnx(path)

    @FUZZ
    @given(spoilt_bytes(content))
    def fuzz(spoilt):
        path.write_bytes(spoilt)
        reads_or_says_why(operators.check_onnx, path)

    fuzz()


@pytest.mark.parametrize("suffix", [".json", ".pdmodel", ".pdiparams"])
@pytest.mark.timeout(3600)
def test_exported_folders(suffix, exported, folder):
    model, params = paddle_files.model_files(exported)
    files = {file.suffix: file.read_bytes() for file in (model, params)}
    if suffix == ".pdmodel":
        model = model.with_suffix(suffix)
        files.setdefault(suffix, program("feed", "conv2d", "fetch"))
    elif suffix not in files:
        pytest.skip(f"this Paddle writes no {suffix}")

    @FUZZ
    @given(spoilt_bytes(files[suffix]))
    def fuzz(spoilt):
        for file in (model, params):
            content = spoilt if file.suffix == suffix else files[file.suffix]
            (folder / file.name).write_bytes(content)
        reads_or_says_why(paddle_files.check_files, folder / model.name, folder / params.name)

    fuzz()


ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "a"\r\nLocation: /x\r\n\r\nhello'


@settings(FUZZ, max_examples=max(10, FUZZ.max_examples // 10), deadline=None)
@given(answers=st.lists(spoilt_bytes(ANSWER), min_size=1, max_size=3))
@pytest.mark.timeout(3600)
def test_http(answers, folder, monkeypatch):
    monkeypatch.setattr(download, "_PATIENCE", 0.5)
    monkeypatch.setattr(download, "_TIMEOUT", (1, 0.3))

    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                self.request.recv(65536)
                self.request.sendall(answers[0] if len(answers) == 1 else answers.pop())

    with socketserver.TCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/a"
        reads_or_says_why(download.download, address, folder / "a", None, 1000)
        server.shutdown()
