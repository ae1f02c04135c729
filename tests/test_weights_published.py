"""The authors' published networks: the table, and outputs of their own code on random weights."""

from __future__ import annotations

import os
import re

import numpy as np
import paddle
import pytest
from backbones import assert_close, build, few_blocks, images, settle
from mxnet_files import archive, drawn, logits, params, picture, published, spelt

from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.backbones.published_weights import PUBLISHED, find
from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.weights.match import load_into, match_weights
from paddleclas_octconv.weights.octconv_mxnet import from_octconv_mxnet

# One a family; all 31 with OCTCONV_ALL_PUBLISHED=1.
FILES = (
    published()
    if os.environ.get("OCTCONV_ALL_PUBLISHED") == "1"
    else [
        "mobilenet_v1_075_alpha-0.375",
        "mobilenet_v2_1125_alpha-0.5",
        "resnet152_v1f_alpha-0.125",
        "se-resnet152_v1e_alpha-0.125",
        "a01_densenet-121_alpha-0.125",
        "a02_resnet-26_alpha-0.750",
        "a04_resnext-50_32x4d_alpha-0.250",
        "a05_se-resnet-50_alpha-0.500",
    ]
)


def checkpoint_of(file):
    [found] = [c for c in PUBLISHED if c.file.rpartition(".")[0] == file]
    return found


def author_names(network):
    family = CATALOGUE[network].family
    return family.authors_units, family.counts_layers


def loaded(file, weights, **options):
    checkpoint = checkpoint_of(file)
    network = build(checkpoint.network, class_num=1000, alpha=checkpoint.alpha, **options)
    ours = from_octconv_mxnet(weights, *author_names(checkpoint.network))
    load_into(network, match_weights(network, ours, file, new_classes=False).weights)
    network.eval()
    return network


def outputs(network):
    with paddle.no_grad():
        return network(paddle.to_tensor(picture())).numpy()[0]


@pytest.mark.parametrize("file", FILES)
def test_outputs_are_those_of_the_authors_code(file, undrawn):
    ours, theirs = outputs(loaded(file, drawn(file)))[::4], logits(file)
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("file", [file for file in published() if file[0] != "a"])
def test_gluons_older_names_are_read_too(file):
    def names(older):
        named = {key: np.full((1, 1, 1, 1), n) for n, key in enumerate(spelt(file, older))}
        ours = from_octconv_mxnet(named, *author_names(checkpoint_of(file).network))
        return {key: value.ravel().tolist() for key, value in ours.items()}

    assert names(older=True) == names(older=False)


def test_the_name_of_the_network_may_come_first():
    file = "mobilenet_v1_075_alpha-0.375"
    weights = {name: np.ones((1, 1, 1, 1)) for name in spelt(file, older=True)}
    prefixed = {f"arg:M075_{name}": value for name, value in weights.items()}
    names = author_names("OctMobileNetV1_x0_75")
    assert set(from_octconv_mxnet(prefixed, *names)) == set(from_octconv_mxnet(weights, *names))


def test_the_scales_of_norms_without_scales_count_as_ones():
    """Whatever the file has there, as MXNet itself computes."""
    file = "se-resnet152_v1e_alpha-0.125"
    weights = {name: np.full((1, 1, 1, 1), 3.0) for name in spelt(file, older=False)}
    ours = from_octconv_mxnet(weights, *author_names(checkpoint_of(file).network))
    ones = {key for key, value in ours.items() if (value == 1).all()}
    without = {key for key in ours if re.search(r"norm\.(high|low)\.weight$", key)}
    assert ones == without != set() and len(ours) > 2 * len(ones)


def test_the_table_names_31_files_of_networks_that_there_are():
    assert len(PUBLISHED) == len({c.path for c in PUBLISHED}) == 31
    assert {c.file.rpartition(".")[0] for c in PUBLISHED} == set(published())
    for checkpoint in PUBLISHED:
        assert checkpoint.network in CATALOGUE
        assert find(checkpoint.network, checkpoint.alpha) == checkpoint
        shares = CATALOGUE[checkpoint.network].load().stage_alphas(checkpoint.alpha)
        assert find(checkpoint.network, shares) == checkpoint
        assert f"alpha-{checkpoint.alpha}" in checkpoint.file
    assert sum(c.sha256 is not None for c in PUBLISHED) == 8


def test_an_alpha_is_implied_where_one_is_published():
    implied = {name: find(name).alpha for name in CATALOGUE if CATALOGUE[name].weights}
    assert implied["OctResNet152_v1f"] == 0.125
    assert implied["OctMobileNetV2"] == 0.375
    assert implied["OctPreResNet50"] == 0.5
    assert implied["OctDenseNet121"] == 0.125  # the more accurate of two


@pytest.mark.parametrize(
    "name, alpha, message",
    [
        ("OctPreResNet50", 0.3, "of OctPreResNet50 at alpha 0.3 are published, but: 0.125, 0.25"),
        ("OctPreResNet50", [0.5] * 4, r"at alpha \[0.5, 0.5, 0.5, 0.5\] are published"),
        ("OctMobileNetV1_x0_25", None, "no ImageNet weights of OctMobileNetV1_x0_25 are published"),
    ],
)
def test_what_is_not_published_is_told_of_with_what_is(name, alpha, message):
    with pytest.raises(OctConvError, match=message):
        find(name, alpha)


# The families


@pytest.mark.parametrize("name", ["OctResNet152_v1f", "OctSE_ResNet152_v1e", "OctPreResNet26"])
def test_nhwc_computes_the_same(name):
    plain = build(name, **few_blocks(name))
    settle(plain, images(2, 3, 65, 96))
    other = build(name, **few_blocks(name), data_format="NHWC")
    other.set_state_dict(plain.state_dict())
    x = images(2, 3, 65, 96)
    plain.eval(), other.eval()
    with paddle.no_grad():
        assert_close(other(x), plain(x), 1e-5)


def test_the_batch_norms_before_a_block_stay_without_scale_and_shift():
    name = "OctSE_ResNet152_v1e"
    network = build(name, **few_blocks(name))
    for key, value in network.named_parameters():
        if key.endswith((".weight", ".bias")):
            assert value.trainable == ("norm." not in key), key


def test_folding_leaves_only_the_batch_norms_that_a_shortcut_passes():
    network = build("OctPreResNet26")
    network.eval()
    for layer in network.sublayers():
        if hasattr(layer, "re_parameterize"):
            layer.re_parameterize()
    for block in network.blocks:
        assert block.conv0.bn is not None
        assert block.conv1.bn is None and block.conv2.bn is None


# paddleclas convert-weights


def convert(tmp_path, content, name, arch, *options):
    source, out = tmp_path / name, tmp_path / "out.pdparams"
    source.write_bytes(content)
    return main(["convert-weights", "--arch", arch, *options, str(source), str(out)])


FILE, ARCH = "mobilenet_v1_075_alpha-0.375", "OctMobileNetV1_x0_75"


@pytest.fixture(scope="module")
def weights():
    return drawn(FILE)


def test_converts_a_params_file_and_finds_its_alpha(tmp_path, weights, capsys):
    assert convert(tmp_path, params(weights), "w.params", ARCH) == 0
    assert "from facebookresearch/OctConv, alpha 0.375" in capsys.readouterr().out
    network = build(ARCH, class_num=1000, alpha=0.375, pretrained=str(tmp_path / "out.pdparams"))
    network.eval()
    assert_close(outputs(network)[::4], logits(FILE), 1e-5)


def test_converts_an_archive_of_half_precision(tmp_path, weights):
    half = {key: value.astype(np.float16) for key, value in weights.items()}
    members = {"x/net-symbol.json": b"{}", "x/net-0000.params": params(half)}
    assert convert(tmp_path, archive(members), "w.tar", ARCH) == 0
    network = build(ARCH, class_num=1000, alpha=0.375, pretrained=str(tmp_path / "out.pdparams"))
    network.eval()
    assert_close(outputs(network)[::4], logits(FILE), 2e-2)
    kernel = network.conv.conv.weight.numpy()
    np.testing.assert_array_equal(kernel, half["conv1.0.weight"].astype(np.float32))


def test_converts_the_paddle_port(tmp_path):
    """renmada/OctConv-paddle: Gluon's names, Paddle's parameters, a head of its own."""
    file = "mobilenet_v2_1125_alpha-0.5"
    renamed = {
        "gamma": "weight",
        "beta": "bias",
        "running_mean": "_mean",
        "running_var": "_variance",
        "tail.": "head.",
        "classifer.": "head.5.",
    }
    port = {}
    for key, value in drawn(file).items():
        for theirs, new in renamed.items():
            key = key.replace(theirs, new)
        port[key] = paddle.to_tensor(value)
    paddle.save(port, str(tmp_path / "best_model.pdparams"))
    source, out = str(tmp_path / "best_model.pdparams"), str(tmp_path / "out.pdparams")
    assert main(["convert-weights", "--arch", "OctMobileNetV2_x1_125", source, out]) == 0
    network = build("OctMobileNetV2_x1_125", class_num=1000, pretrained=out)
    network.eval()
    assert_close(outputs(network)[::4], logits(file), 1e-5)


@pytest.mark.parametrize(
    "arch, options, message",
    [
        (ARCH, ["--alpha", "0.5"], "should be"),
        ("OctMobileNetV1", [], "does not fit OctMobileNetV1: "),
        ("OctDenseNet121", [], "does not fit OctDenseNet121: missing "),
        ("OctPreSE_ResNet50", [], "does not fit OctPreSE_ResNet50: missing "),
    ],
)
def test_weights_of_another_network_end_in_one_line(
    tmp_path, weights, capsys, arch, options, message
):
    assert convert(tmp_path, params(weights), "w.params", arch, *options) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and message in said
    assert not (tmp_path / "out.pdparams").exists()
