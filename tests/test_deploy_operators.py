"""Models that do more than compute are refused before an engine opens them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.engines import operators
from paddleclas_octconv.deploy.engines.paddle_files import check_files
from paddleclas_octconv.deploy.predictor import create_predictor

MODEL = Path("inference.json" if machine.paddle_writes_pir() else "inference.pdmodel")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    layers = [paddle.nn.Conv2D(3, 4, 3), paddle.nn.AdaptiveAvgPool2D(1), paddle.nn.Flatten()]
    inference_form.save(paddle.nn.Sequential(*layers), folder, [3, 8, 8])
    return folder


@pytest.mark.skipif(not machine.paddle_writes_pir(), reason="this Paddle writes no PIR")
@pytest.mark.parametrize(
    "name",
    [
        *(
            "1.print",
            "1.py_func",
            "1.save",
            "1.load_combine",
            "pd_op.save_combine",
            "1.run_program",
        ),
        *(
            "2.if",
            "cf.yield",
            "custom_op.add",
            "1.while",
            "1.assert",
            "add",
            "",
            None,
            7,
            [],
            "p.p",
        ),
    ],
)
def test_pir(exported, tmp_path, name):
    model = json.loads((exported / "inference.json").read_text())
    ops = model["program"]["regions"][0]["blocks"][0]["ops"]
    ops.insert(-1, {**ops[-2], "#": name})
    (tmp_path / "inference.json").write_text(json.dumps(model))
    (tmp_path / "inference.pdiparams").write_bytes((exported / "inference.pdiparams").read_bytes())
    with pytest.raises(OctConvError, match="the operator .* is none that"):
        create_predictor(tmp_path, engine="paddle")


@pytest.mark.skipif(not machine.paddle_writes_pir(), reason="this Paddle writes no PIR")
@pytest.mark.parametrize(
    "content",
    [
        '{"program": {"regions": []}, "program": REGIONS}',  # readers may take either
        '{"program": {"regions": [{"blocks": [{"ops": []}]}]}}',
        '{"program": {"regions": [REGIONS, REGIONS]}}',
        "[" * 100_000,
        "[]",
    ],
)
def test_pir_of_another_form(exported, tmp_path, content):
    regions = json.dumps(json.loads((exported / "inference.json").read_text())["program"])
    (tmp_path / "inference.json").write_text(content.replace("REGIONS", regions))
    (tmp_path / "inference.pdiparams").write_bytes((exported / "inference.pdiparams").read_bytes())
    with pytest.raises(OctConvError, match=r"inference\.json: is cut or damaged"):
        create_predictor(tmp_path, engine="paddle")


def program(*kinds: str):
    from paddle.base.proto import framework_pb2

    described = framework_pb2.ProgramDesc()
    block = described.blocks.add(idx=0, parent_idx=-1)
    for kind in kinds:
        block.ops.add(type=kind)
    return described.SerializeToString()


@pytest.mark.parametrize("kind", ["save", "load", "print", "py_func", "while", "read_file", "x"])
def test_pdmodel(exported, tmp_path, kind):
    model = tmp_path / "inference.pdmodel"
    params = exported / "inference.pdiparams"
    model.write_bytes(program("feed", "conv2d", "fetch"))
    check_files(model, params)
    model.write_bytes(program("feed", "conv2d", kind, "fetch"))
    with pytest.raises(OctConvError, match=f"the operator '{kind}' is none that"):
        check_files(model, params)


def onnx_model(domain="", kind="Relu", **attributes):
    helper = pytest.importorskip("onnx").helper
    (x, y) = (helper.make_tensor_value_info(name, 1, [1, 3]) for name in "xy")
    node = helper.make_node(kind, ["x"], ["y"], domain=domain, **attributes)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets)


def body():
    return onnx_model().graph


def with_function(model):
    model.functions.add(name="Relu", domain="")
    return model


def with_data_elsewhere(model):
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[3], data_location=1)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: onnx_model("com.microsoft", "EPContext"), "operator 'EPContext' is none that"),
        (lambda: onnx_model("com.stranger", "Relu"), "operator 'com.stranger.Relu' is none that"),
        (lambda: onnx_model("", "Loop", body=body()), "operator 'Loop' is none that"),
        (lambda: onnx_model("", "Relu", then_branch=body()), "operator 'Relu' is none that"),
        (lambda: onnx_model("", "Relu", bodies=[body()]), "operator 'Relu' is none that"),
        (lambda: with_function(onnx_model()), "functions, which no export does"),
        (lambda: with_data_elsewhere(onnx_model()), "in another file, which no export does"),
    ],
)
def test_onnx(tmp_path, make, said):
    path = tmp_path / "inference.onnx"
    path.write_bytes(make().SerializeToString())
    with pytest.raises(OctConvError, match=said):
        operators.check_onnx(path)
    whole = onnx_model().SerializeToString()
    path.write_bytes(whole)
    operators.check_onnx(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(OctConvError, match="cut or damaged"):
        create_predictor(tmp_path, engine="onnxruntime")


@pytest.mark.parametrize(
    "layers",
    [
        '<layer type="Relu" version="extension"/>',
        '<layer type="Relu"/>',
        '<layer type="Loop" version="opset5"><body/></layer>',
        '<layer type="Relu" version="opset1">',
        '<!DOCTYPE x [<!ENTITY a "a">]><net/>',
    ],
)
def test_openvino(tmp_path, layers):
    path = tmp_path / "model.xml"
    path.write_text(layers if layers.startswith("<!") else f"<net>{layers}</net>")
    with pytest.raises(OctConvError, match="is none that|no export does|not XML"):
        operators.check_openvino(path)
    path.write_text('<net><layer type="ReLU" version="opset1"/></net>')
    operators.check_openvino(path)


def test_exports_pass(exported):
    model = MODEL
    check_files(exported / model, exported / "inference.pdiparams")
    predictor = create_predictor(exported, engine="paddle")
    assert predictor(np.zeros((2, 3, 8, 8), "float32")).shape == (2, 4)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1])
def test_numbers_of_protocol_buffers(number):
    """As Google's own package writes them."""
    encoder = pytest.importorskip("google.protobuf.internal.encoder")
    content = encoder._VarintBytes(number)
    assert operators.varint(b"\xff" + content + b"\xff", 1) == (number, 1 + len(content))
    for cut in (content[:-1], b"\xff" * 10 + b"\x00"):  # the second is longer than 64 bits
        with pytest.raises(IndexError):
            operators.varint(cut, 0)


@pytest.mark.parametrize("kind, length", [(0, 2), (1, 8), (2, 5), (5, 4)])
def test_fields_that_nobody_knows_are_passed_over(tmp_path, kind, length):
    """Of each kind that Protocol Buffers have, before what counts."""
    path = tmp_path / "inference.onnx"
    values = {0: b"\xff\x01", 2: b"\x04" + b"\xff" * 4}
    unknown = bytes([30 << 3 & 0x7F | 0x80 | kind, 30 >> 4]) + values.get(kind, b"\xff" * length)
    path.write_bytes(unknown + onnx_model(alpha=0.5).SerializeToString())
    operators.check_onnx(path)
    path.write_bytes(unknown + onnx_model("com.stranger").SerializeToString())
    with pytest.raises(OctConvError, match="is none that"):
        operators.check_onnx(path)
    for content in (unknown[:-1], bytes([30 << 3 & 0x7F | 0x80 | 3, 30 >> 4])):
        path.write_bytes(content)
        with pytest.raises(OctConvError, match="cut or damaged"):
            operators.check_onnx(path)
