"""``paddleclas export --onnx``: the ONNX model gives what Paddle Inference gives."""

import numpy as np
import paddle
import pytest
import yaml

from paddleclas_octconv import cli, registry
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import network, to_onnx


@pytest.fixture(scope="module")
def onnxruntime():
    """The module; tests that need it are skipped where the extra [onnx] is not installed."""
    try:
        to_onnx.demand()
    except OctConvError as error:
        pytest.skip(str(error))
    return pytest.importorskip("onnxruntime")


def session(onnxruntime, folder):
    path = str(folder / "inference.onnx")
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_export_writes_a_model_that_agrees(onnxruntime, tiny_config, fetched_trainer, tmp_path):
    config = yaml.safe_load(tiny_config.read_text())
    paddle.seed(2)
    net = registry.build(**config["Arch"])
    paddle.save(net.state_dict(), str(tmp_path / "weights.pdparams"))
    overrides = [f"Global.pretrained_model={tmp_path}/weights"]
    overrides += [f"Global.save_inference_dir={tmp_path}/inference"]
    command = ["export", "-c", str(tiny_config), "--onnx", "--paddleclas", str(fetched_trainer)]
    assert cli.main([*command, *(word for o in overrides for word in ("-o", o))]) == 0
    opened = session(onnxruntime, tmp_path / "inference")
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
    net = registry.build(name, class_num=10)
    net.eval()
    network.re_parameterize(net)
    network.save(net, tmp_path, [3, *size])
    assert to_onnx.add(tmp_path, [3, *size]) <= to_onnx.TOLERANCE
    assert (tmp_path / "inference.onnx").is_file()


def test_another_model_is_refused(onnxruntime, tmp_path):
    for folder, alpha in ((tmp_path / "a", 0.5), (tmp_path / "b", 0.25)):
        network.save(registry.build("OctMobileNetV1_x0_25", alpha=alpha), folder, [3, 32, 32])
    to_onnx.convert(tmp_path / "b", [3, 32, 32])
    (tmp_path / "b" / "inference.onnx").rename(tmp_path / "a" / "inference.onnx")
    with pytest.raises(OctConvError, match=r"differs from Paddle Inference by .* more than 1e-04"):
        to_onnx.difference(tmp_path / "a", [3, 32, 32])


def test_what_is_missing_is_one_clear_error(monkeypatch, capsys):
    monkeypatch.setattr(to_onnx, "find_spec", lambda name: None)
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: True)
    assert cli.main(["export", "-c", "Digits/OctMobileNetV1.yaml", "--onnx"]) == 2
    assert "--onnx needs paddle2onnx and onnxruntime: pip install" in capsys.readouterr().err
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: False)
    with pytest.raises(OctConvError, match="--onnx: .* Paddle 3"):
        to_onnx.demand()
