"""``paddleclas export --onnx``: the ONNX model gives what Paddle Inference gives."""

import shutil

import numpy as np
import paddle
import pytest
import yaml
from backbones import shallow

from paddleclas_octconv import cli, registry
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import agreement, conversion, inference_form
from paddleclas_octconv.deploy.engines import CONVERTED, base

ONNX = CONVERTED["onnxruntime"]


@pytest.fixture(scope="module")
def onnxruntime():
    """The module; tests that need it are skipped where the extra [onnx] is not installed."""
    try:
        ONNX.demand_conversion()
    except OctConvError as error:
        pytest.skip(str(error))
    return pytest.importorskip("onnxruntime")


def session(onnxruntime, folder):
    path = str(folder / "inference.onnx")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_export_writes_a_model_that_agrees(onnxruntime, tiny_config, exported):
    net = registry.build(**yaml.safe_load(tiny_config.read_text())["Arch"])
    net.set_state_dict(paddle.load(str(exported.with_name("weights.pdparams"))))
    opened = session(onnxruntime, exported)
    net.eval()
    for size in (1, 3):  # the batch is dynamic
        images = np.random.RandomState(size).randn(size, 3, 32, 32).astype("float32")
        (given,) = opened.run(None, {opened.get_inputs()[0].name: images})
        wanted = paddle.nn.functional.softmax(net(paddle.to_tensor(images))).numpy()
        np.testing.assert_allclose(given, wanted, atol=1e-4)


@pytest.mark.parametrize(
    "name, size",
    [
        ("OctMobileNetV1_x0_25", (75, 97)),
        ("OctMobileNetV1_x0_25", (None, None)),
        ("OctMobileNetV2_x0_5", (None, None)),
        ("OctResNet26", (75, 97)),
    ],
)
def test_octave_networks_of_any_size(onnxruntime, tmp_path, name, size):
    net = shallow(name)
    net.eval()
    inference_form.re_parameterize(net)
    inference_form.save(net, tmp_path, [3, *size])
    assert conversion.add(ONNX, tmp_path, [3, *size]) <= agreement.TOLERANCE
    assert (tmp_path / "inference.onnx").is_file()


@pytest.fixture(scope="module")
def converted(onnxruntime, tmp_path_factory):
    """A folder with a model and its conversion."""
    folder = tmp_path_factory.mktemp("onnx")
    net = registry.build("OctMobileNetV1_x0_25", class_num=10)
    inference_form.re_parameterize(net)
    inference_form.save(net, folder, [3, 32, 32])
    assert conversion.add(ONNX, folder, [3, 32, 32]) <= agreement.TOLERANCE
    return folder


def test_a_thousandth_in_one_kernel_of_the_file_is_refused(converted, tmp_path):
    import onnx

    folder = shutil.copytree(converted, tmp_path / "inference")
    model = onnx.load(str(folder / "inference.onnx"))
    kernels = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    assert len(kernels) > 20
    for kernel in kernels[::9]:
        before = kernel.SerializeToString()
        values = onnx.numpy_helper.to_array(kernel) * np.float32(1.001)
        kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
        onnx.save(model, str(folder / "inference.onnx"))
        with pytest.raises(OctConvError, match=r"differs from Paddle Inference by .* than 1e-04"):
            conversion.check(ONNX, folder, [3, 32, 32])
        kernel.ParseFromString(before)


def test_what_is_missing_is_one_clear_error(monkeypatch, capsys):
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: True)
    assert cli.main(["export", "-c", "Digits/OctMobileNetV1.yaml", "--onnx"]) == 2
    assert "--onnx needs paddle2onnx and onnxruntime: pip install" in capsys.readouterr().err
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: False)
    with pytest.raises(OctConvError, match="--onnx: .* Paddle 3"):
        ONNX.demand_conversion()
