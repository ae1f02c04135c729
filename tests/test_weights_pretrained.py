"""The ``pretrained`` argument of a backbone, and weights of the vanilla twin as a state dict."""

from __future__ import annotations

import http.server
import logging
import os
import threading
import warnings

import numpy as np
import paddle
import pytest
from backbones import build, twin
from paddle.quantization.imperative.qat import ImperativeQuantAware

from paddleclas_octconv.common.errors import OctConvError

NAME = "OctMobileNetV1_x0_25"


@pytest.fixture
def log(caplog):
    """What PaddleClas's logger was told."""
    logger = logging.getLogger("ppcls")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def saved(tmp_path):
    """The path of a file with the state dict of a network."""

    def save(state_dict, name="weights.pdparams"):
        path = tmp_path / name
        paddle.save(state_dict, str(path))
        return str(path)

    return save


def assert_same(network, state_dict):
    for key, value in network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), state_dict[key].numpy(), err_msg=key)


def other(state_dict):
    """Other values of the same shapes."""
    return {key: value + 1 for key, value in state_dict.items()}


def test_own_weights_are_loaded_exactly(saved, log):
    weights = other(build(NAME).state_dict())
    path = saved(weights)
    for pretrained in (path, path[: -len(".pdparams")]):
        assert_same(build(NAME, pretrained=pretrained), weights)
    assert log.messages[-1] == f"{NAME}: loaded {path}: the network's own"


def test_half_precision_weights_are_loaded(saved):
    half = {key: value.astype("float16") for key, value in build(NAME).state_dict().items()}
    network = build(NAME, pretrained=saved(half))
    assert_same(network, {key: value.astype("float32") for key, value in half.items()})
    assert network.fc.weight.dtype == paddle.float32


def test_vanilla_weights_are_cut(saved, log):
    vanilla = twin(NAME).state_dict()
    path = saved(vanilla)
    network = build(NAME, pretrained=path)
    block = network.blocks[1].pointwise_conv
    kernel = vanilla["blocks.1.pointwise_conv.conv.weight"].numpy()
    np.testing.assert_array_equal(block.conv.hl.weight.numpy(), kernel[16:, :8])
    np.testing.assert_array_equal(network.fc.weight.numpy(), vanilla["fc.weight"].numpy())
    assert log.messages[-1].startswith(f"{NAME}: loaded {path}: kernels and batch norms cut from")


@pytest.mark.parametrize("make", [build, twin])
def test_another_number_of_classes_starts_the_classifier_anew(saved, log, make):
    weights = other(make(NAME, class_num=7).state_dict())
    fresh = build(NAME)
    network = build(NAME, pretrained=saved(weights))
    for key in ("fc.weight", "fc.bias"):
        np.testing.assert_array_equal(network.state_dict()[key], fresh.state_dict()[key])
    assert not np.array_equal(network.conv.bn.weight.numpy(), fresh.conv.bn.weight.numpy())
    assert log.messages[-1].endswith("; fc starts anew: 10 classes, not 7")


def test_nothing_is_loaded_without_pretrained(log):
    weights = build(NAME).state_dict()
    assert_same(build(NAME, pretrained=False), weights)
    assert_same(build(NAME, pretrained=None, use_ssld=True), weights)
    assert not log.messages


def test_tensors_of_no_layer_are_named_in_the_log(saved, log):
    weights = {**build(NAME).state_dict(), "centers": paddle.ones([2])}  # of a loss
    assert_same(build(NAME, pretrained=saved(weights)), weights)
    assert log.messages[-1].endswith("; nothing here uses centers")


@pytest.mark.parametrize(
    "weights, expected",
    [
        (
            lambda: build(NAME, alpha=0.25).state_dict(),
            "does not fit OctMobileNetV1_x0_25: blocks.0.pointwise_conv.conv.hh.weight is "
            "[12, 8, 1, 1], should be [8, 8, 1, 1], ",
        ),
        (lambda: build("OctMobileNetV2_x0_5").state_dict(), "missing conv.conv.weight, "),
        (
            lambda: twin("OctMobileNetV1_x0_5").state_dict(),
            "does not fit the vanilla twin of OctMobileNetV1_x0_25: conv.conv.weight is "
            "[16, 3, 3, 3], should be [8, 3, 3, 3], conv.bn.weight is [16], should be [8], ",
        ),
        (
            lambda: {k: v for k, v in twin(NAME).state_dict().items() if "blocks.3." not in k},
            "missing blocks.3.depthwise_conv.conv.weight, blocks.3.depthwise_conv.bn.weight, "
            "blocks.3.depthwise_conv.bn.bias and 7 more",
        ),
        (
            lambda: build(NAME, conv_bias=True).state_dict(),
            "unexpected conv.conv.bias, blocks.0.depthwise_conv.conv.hh.bias, "
            "blocks.0.pointwise_conv.conv.hh.bias and ",
        ),
        (lambda: {}, "missing conv.conv.weight, "),
    ],
    ids=["alpha", "another network", "another width", "incomplete", "biases", "empty"],
)
def test_weights_that_do_not_fit_name_the_first_keys(saved, weights, expected):
    path = saved(weights())
    with pytest.raises(OctConvError) as error:
        build(NAME, pretrained=path)
    assert str(error.value).startswith(f"pretrained: {path} does not fit ")
    assert expected in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    "pretrained, expected",
    [
        (True, "no ImageNet weights of OctMobileNetV1_x0_25 are published"),
        (1, "must be False or a path, got 1"),
        ("missing", "missing.pdparams: no such file"),
        ("weights.pth", "convert these weights first"),
    ],
)
def test_what_cannot_be_loaded(pretrained, expected):
    with pytest.raises(OctConvError, match=expected):
        build(NAME, pretrained=pretrained)


def test_planted_code_does_not_run(saved, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = saved({**build(NAME).state_dict(), "fc.bias": Payload()})
    with pytest.raises(OctConvError, match=r"^pretrained: .*refers to .*\.system"):
        build(NAME, pretrained=path)
    assert not (tmp_path / "ran").exists()


def test_an_address_is_downloaded_and_no_other_is_taken_for_it(saved, tmp_path, monkeypatch):
    weights = other(twin(NAME).state_dict())
    saved(weights)
    monkeypatch.setenv("PADDLECLAS_OCTCONV_CACHE", str(tmp_path / "cache"))
    (tmp_path / "second").mkdir()
    own = build(NAME).state_dict()
    paddle.save(own, str(tmp_path / "second" / "weights.pdparams"))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        network = build(NAME, pretrained=f"{address}/weights.pdparams")
        second = build(NAME, pretrained=f"{address}/second/weights.pdparams")
        (tmp_path / "weights.pdparams").unlink()
        again = build(NAME, pretrained=f"{address}/weights.pdparams")
        with pytest.raises(OctConvError, match="404"):
            build(NAME, pretrained=f"{address}/none.pdparams")
        (tmp_path / "late.pdparams").write_bytes(b"<html>")
        with pytest.raises(OctConvError, match=f"{address}/late.pdparams .*it is not kept"):
            build(NAME, pretrained=f"{address}/late.pdparams")
        paddle.save(own, str(tmp_path / "late.pdparams"))
        build(NAME, pretrained=f"{address}/late.pdparams")
    finally:
        server.shutdown()
        server.server_close()
    for each, expected in ((network, weights), (again, weights), (second, own)):
        np.testing.assert_array_equal(each.fc.bias.numpy(), expected["fc.bias"].numpy())


@pytest.mark.parametrize("method", ["set_state_dict", "set_dict", "load_dict"])
def test_a_state_dict_of_the_vanilla_twin_is_cut(method, log):
    vanilla = other(twin(NAME).state_dict())
    network = build(NAME)
    missing, unexpected = getattr(network, method)(vanilla)
    assert (missing, unexpected) == ([], [])
    kernel = vanilla["blocks.1.pointwise_conv.conv.weight"].numpy()
    np.testing.assert_array_equal(network.blocks[1].pointwise_conv.conv.ll.weight, kernel[16:, 8:])
    assert log.messages[-1].startswith(f"{NAME}: weights loaded: kernels and batch norms cut")


def test_own_state_dicts_are_loaded_as_paddle_does(log):
    network = build(NAME)
    weights = other(network.state_dict())
    assert network.set_state_dict(weights) == ([], [])
    assert_same(network, weights)
    del weights["conv.conv.weight"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert network.set_state_dict(weights) == (["conv.conv.weight"], [])
    assert not log.messages


def test_half_a_vanilla_state_dict_is_refused():
    half = dict(list(twin(NAME).state_dict().items())[:40])
    with pytest.raises(OctConvError, match="the state dict does not fit the vanilla twin"):
        build(NAME).set_state_dict(half)


def test_a_network_under_quantisation_loads_its_own_state_dict():
    network = build(NAME)
    ImperativeQuantAware().quantize(network)  # its layers stand in the places of convolutions
    weights = other(network.state_dict())
    assert network.set_state_dict(weights) == ([], [])
    assert_same(network, weights)
