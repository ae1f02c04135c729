"""``paddleclas convert-weights``."""

from __future__ import annotations

import importlib
import os
import pickle
import sys

import numpy as np
import paddle
import pytest
from backbones import build, twin

from paddleclas_octconv.cli import main
from paddleclas_octconv.weights.octconv_pytorch import from_octconv_pytorch
from paddleclas_octconv.weights.safe_load import load_weights

NAME = "OctMobileNetV1_x0_25"


@pytest.fixture
def convert(tmp_path, capfd):
    """Runs the command in a folder of its own: (exit code, what it says)."""

    def run(source, *options, arch=NAME, out="out.pdparams"):
        capfd.readouterr()
        source, out = str(tmp_path / source), str(tmp_path / out)
        code = main(["convert-weights", "--arch", arch, *options, source, out])
        printed = capfd.readouterr()
        return code, printed.out if code == 0 else printed.err

    return run


@pytest.fixture
def refuses(convert, tmp_path):
    """Asserts that the command ends in one line and writes nothing."""

    def check(expected, *args, **options):
        before = sorted(tmp_path.rglob("*"))
        code, message = convert(*args, **options)
        assert code == 2
        assert message.startswith("paddleclas: error: ") and message.count("\n") == 1
        assert expected in message
        assert sorted(tmp_path.rglob("*")) == before

    return check


def randomise(network):
    random = np.random.default_rng(0)
    for tensor in network.state_dict().values():
        tensor.set_value(random.random(tensor.shape).astype(np.float32))
    return network


def test_cuts_vanilla_weights(convert, tmp_path):
    vanilla = randomise(twin(NAME, class_num=7)).state_dict()
    paddle.save(vanilla, str(tmp_path / "vanilla.pdparams"))
    options = ["--alpha", "0.25", "--conv-bias"]
    code, message = convert("vanilla.pdparams", *options, out="a/b.pdparams")
    assert code == 0
    assert "b.pdparams: weights of OctMobileNetV1_x0_25: kernels and batch norms cut" in message
    network = build(NAME, class_num=7, alpha=0.25, conv_bias=True)
    assert network.set_state_dict(paddle.load(str(tmp_path / "a/b.pdparams"))) == ([], [])
    kernel = vanilla["blocks.1.pointwise_conv.conv.weight"].numpy()
    conv = network.blocks[1].pointwise_conv.conv
    np.testing.assert_array_equal(conv.hl.weight.numpy(), kernel[24:, :12])
    assert not conv.hl.bias.numpy().any()
    np.testing.assert_array_equal(network.fc.weight.numpy(), vanilla["fc.weight"].numpy())
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.pdparams"]


def test_an_alpha_for_each_stage(convert, tmp_path):
    paddle.save(twin("OctResNet50").state_dict(), str(tmp_path / "vanilla.pdparams"))
    code, _ = convert("vanilla.pdparams", "--alpha", "0.5,0.25,0.25,0", arch="OctResNet50")
    assert code == 0
    shape = load_weights(tmp_path / "out.pdparams")["blocks.3.conv0.conv.ll.weight"].shape
    assert shape == (32, 128, 1, 1)  # from 0.5 of 256 channels to 0.25 of 128


def test_refuses_what_makes_no_sense(refuses, tmp_path):
    paddle.save(build(NAME).state_dict(), str(tmp_path / "own.pdparams"))
    paddle.save(twin("OctMobileNetV1_x0_5").state_dict(), str(tmp_path / "wide.pdparams"))
    refuses("did you mean OctResNet50 or", "own.pdparams", arch="OctResnet50")
    refuses("should end in .pdparams", "own.pdparams", out="out.pdmodel")
    refuses("own.pdparams exists already", "wide.pdparams", out="own.pdparams")
    refuses("missing.pdparams: no such file", "missing.pdparams")
    (tmp_path / "text.pdparams").write_text("text")
    refuses("text.pdparams is damaged, or not a file of weights", "text.pdparams")
    refuses("nothing to convert", "own.pdparams")
    refuses("conv.conv.weight is [16, 3, 3, 3], should be [8, 3, 3, 3]", "wide.pdparams")
    refuses("'half' should be a number", "wide.pdparams", "--alpha", "half")
    refuses("alpha must be a number in [0, 1)", "wide.pdparams", "--alpha", "2")
    (tmp_path / "file").touch()
    paddle.save(twin(NAME).state_dict(), str(tmp_path / "vanilla.pdparams"))
    refuses("cannot be written: ", "vanilla.pdparams", out="file/out.pdparams")


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_planted_code_runs_only_if_trusted(convert, refuses, tmp_path):
    marker = tmp_path / "ran"
    weights = {key: value.numpy() for key, value in twin(NAME).state_dict().items()}
    weights["fc.bias"] = Payload(marker)
    (tmp_path / "evil.pdparams").write_bytes(pickle.dumps(weights))
    refuses("system, which is neither an array nor a container", "evil.pdparams")
    assert not marker.exists()
    assert convert("evil.pdparams", "--trust-weights")[0] == 2  # its fc.bias is no array
    assert marker.exists()


def test_pytorch_weights_need_torch(refuses, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "oct.pth").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    refuses("pip install torch", "oct.pth")


# What d-li14/octconv.pytorch calls the layers of a unit and their tensors.
LEAVES = {
    "conv.hh.weight": "conv.conv_h2h.weight",
    "conv.hl.weight": "conv.conv_h2l.weight",
    "conv.lh.weight": "conv.conv_l2h.weight",
    "conv.ll.weight": "conv.conv_l2l.weight",
    **{
        f"bn.{branch}.{ours}": f"bn_{letter}.{theirs}"
        for branch, letter in (("high", "h"), ("low", "l"))
        for ours, theirs in (
            ("weight", "weight"),
            ("bias", "bias"),
            ("_mean", "running_mean"),
            ("_variance", "running_var"),
        )
    },
}
UNITS = {"conv0": "conv1", "conv1": "conv2", "conv2": "conv3", "short": "downsample.0"}
STEM = {
    "conv.weight": "{}.weight",
    "bn.weight": "{}.weight",
    "bn.bias": "{}.bias",
    "bn._mean": "{}.running_mean",
    "bn._variance": "{}.running_var",
}


def pytorch_key(arch, key):
    """The name of one of our tensors there."""
    if key.startswith("fc."):
        return key
    if arch == "OctResNet50":
        if key.startswith("stem.0."):
            leaf = key[len("stem.0.") :]
            return STEM[leaf].format("conv1" if leaf[:4] == "conv" else "bn1")
        _, index, unit, leaf = key.split(".", 3)
        firsts = [0, 3, 7, 13]
        stage = max(i for i, first in enumerate(firsts) if int(index) >= first)
        return f"layer{stage + 1}.{int(index) - firsts[stage]}.{UNITS[unit]}.{LEAVES[leaf]}"
    if key.startswith("conv."):
        leaf = key[len("conv.") :]
        return STEM[leaf].format("features.0.0" if leaf[:4] == "conv" else "features.0.1")
    _, index, unit, leaf = key.split(".", 3)
    number = {"depthwise_conv": 0, "pointwise_conv": 1}[unit]
    return f"features.{int(index) + 1}.{number}.{LEAVES[leaf]}"


@pytest.mark.parametrize("arch", ["OctResNet50", "OctMobileNetV1"])
def test_names_of_octconv_pytorch(arch):
    ours = {key: value.numpy() for key, value in randomise(build(arch)).state_dict().items()}
    theirs = {pytorch_key(arch, key): value for key, value in ours.items()}
    assert len(theirs) == len(ours)
    theirs["fc.weight"] = theirs["fc.weight"].T
    counters = {
        key[: -len("running_var")] + "num_batches_tracked": np.array(1)
        for key in theirs
        if key.endswith("running_var")
    }
    converted = from_octconv_pytorch({**theirs, **counters})
    assert set(converted) == set(ours)
    for key, value in converted.items():
        np.testing.assert_array_equal(value, ours[key])


def test_torch_files_are_loaded_safely(convert, refuses, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours = randomise(build("OctMobileNetV1")).state_dict()
    theirs = {
        f"module.{pytorch_key('OctMobileNetV1', key)}": torch.tensor(
            value.numpy().T.copy() if key == "fc.weight" else value.numpy()
        )
        for key, value in ours.items()
    }
    torch.save({"state_dict": theirs}, tmp_path / "oct.pth")
    assert convert("oct.pth", arch="OctMobileNetV1")[0] == 0
    loaded = load_weights(tmp_path / "out.pdparams")
    for key, value in ours.items():
        np.testing.assert_array_equal(loaded[key], value.numpy())
    torch.save({**theirs, "x": Payload(tmp_path / "ran")}, tmp_path / "evil.pth")
    refuses("posix.system, which is neither", "evil.pth", out="evil.pdparams")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "half.pth").write_bytes((tmp_path / "oct.pth").read_bytes()[:5000])
    refuses("is damaged", "half.pth", out="half.pdparams")
    refuses("missing conv1.conv.weight", "oct.pth", arch="OctMobileNetV2", out="other.pdparams")


@pytest.mark.parametrize("arch", ["OctMobileNetV1", "OctResNet50"])
def test_gives_the_outputs_of_octconv_pytorch(convert, tmp_path, monkeypatch, arch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    home = os.environ.get("OCTCONV_PYTORCH_HOME")
    if not home:
        pytest.skip("OCTCONV_PYTORCH_HOME names no checkout of d-li14/octconv.pytorch")
    monkeypatch.syspath_prepend(home)
    module, function = {
        "OctMobileNetV1": ("oct_mobilenet", "oct_mobilenet"),
        "OctResNet50": ("oct_resnet", "oct_resnet50"),
    }[arch]
    torch.manual_seed(0)
    theirs = getattr(importlib.import_module(module), function)()
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
            torch.nn.init.uniform_(layer.weight, 0.8, 1.2)
            torch.nn.init.uniform_(layer.bias, -0.2, 0.2)
    images = torch.randn(4, 3, 128, 128)
    with torch.no_grad():
        theirs.train()(images)  # gives the batch norms statistics
        expected = theirs.eval()(images).numpy()
    torch.save(theirs.state_dict(), tmp_path / "oct.pth")

    assert convert("oct.pth", arch=arch)[0] == 0
    ours = build(arch, class_num=1000)
    ours.set_state_dict(paddle.load(str(tmp_path / "out.pdparams")))
    ours.eval()
    with paddle.no_grad():
        got = ours(paddle.to_tensor(images.numpy())).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("value", [np.float32(1), np.zeros((0, 10**9), np.float32)])
def test_arrays_of_no_use_are_told(refuses, tmp_path, value):
    state = {key: tensor.numpy() for key, tensor in twin(NAME, class_num=7).state_dict().items()}
    for keys in (state, ("fc.weight", "fc.bias")):
        spoilt = {**state, **{key: np.asarray(value) for key in keys}}
        (tmp_path / "spoilt.pdparams").write_bytes(pickle.dumps(spoilt, 4))
        refuses("does not fit", "spoilt.pdparams")
