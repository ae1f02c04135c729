"""Sizes and costs: the published ones, the vanilla twins', and what `paddleclas models` prints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import paddle
import pytest
from backbones import KINDS, NAMES, build, twin
from conftest import error_line

from paddleclas_octconv import list_models
from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.backbones.counts import COUNTS
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.measure.complexity import measure
from paddleclas_octconv.measure.counts import counts_of

pytestmark = pytest.mark.usefixtures("undrawn")

# Parameters in millions and multiply-adds in millions, as published.
EXACT = [
    ("OctMobileNetV1", 0.5, 4.232, 318),
    ("OctResNet50", 0.5, 25.557, 2367),
    ("OctResNet101", 0.5, 44.549, 3991),
    ("OctResNet152", 0.5, 60.193, 5615),
]
NEAR = [
    ("OctMobileNetV1_x0_75", 0.375, 2.6, 213),
    ("OctMobileNetV2", 0.375, 3.5, 256),
    ("OctMobileNetV2_x1_125", 0.5, 4.2, 295),
    ("OctPreResNet50", 0.125, None, 3600),
    ("OctPreResNet50", 0.25, None, 3100),
    ("OctPreResNet50", 0.75, None, 1900),
    ("OctResNet152_v1f", 0.125, 60.2, 10900),
    ("OctSE_ResNet152_v1e", 0.125, 66.8, 10900),
]


@pytest.mark.parametrize("name,alpha,parameters,multiply_adds", EXACT)
def test_published_sizes_to_the_digits_printed(name, alpha, parameters, multiply_adds):
    complexity = measure(build(name, alpha=alpha, class_num=1000))
    assert round(complexity.parameters / 1e6, 3) == parameters
    assert complexity.multiply_adds / 1e6 == pytest.approx(multiply_adds, rel=0.01)


@pytest.mark.parametrize("name,alpha,parameters,multiply_adds", NEAR)
def test_published_sizes_within_1_percent(name, alpha, parameters, multiply_adds):
    complexity = measure(build(name, alpha=alpha, class_num=1000))
    if parameters is not None:
        assert round(complexity.parameters / 1e6, 1) == parameters
    assert complexity.multiply_adds / 1e6 == pytest.approx(multiply_adds, rel=0.0125)


@pytest.mark.parametrize("name,total", [("OctMobileNetV1", 3_253_898), ("OctResNet50", 23_625_674)])
def test_total_parameters_are_those_paddle_summary_counts(name, total):
    network = build(name, conv_bias=True)
    assert measure(network, (3, 32, 32)).total_parameters == total
    assert paddle.summary(network, (1, 3, 32, 32))["total_params"] == total


@pytest.mark.parametrize("name", [name for name in NAMES if CATALOGUE[name].twin])
def test_vanilla_sizes_are_those_of_the_twin(name):
    ours = measure(build(name), (3, 65, 96))
    theirs = measure(twin(name), (3, 65, 96))
    assert ours.vanilla_parameters == ours.parameters == theirs.parameters
    assert ours.vanilla_multiply_adds == theirs.multiply_adds > ours.multiply_adds


@pytest.mark.parametrize("name", NAMES)
def test_alpha_0_costs_what_the_vanilla_network_costs(name):
    plain = measure(build(name, alpha=0), (3, 65, 96))
    assert plain.multiply_adds == plain.vanilla_multiply_adds
    assert plain.parameters == plain.vanilla_parameters


def test_what_paddle_flops_leaves_behind_is_not_counted():
    network = build("OctMobileNetV1_x0_25")
    before = measure(network, (3, 32, 32))
    with pytest.raises(OctConvError):
        paddle.flops(network, [3, 32, 32])  # it clears up only when it gets to its end
    assert "fc.total_ops" in network.state_dict()
    assert measure(network, (3, 32, 32)) == before


def test_measuring_leaves_the_network_as_it_was():
    network = build("OctMobileNetV1_x0_25")
    network.train()
    before = {key: value.numpy() for key, value in network.state_dict().items()}
    measure(network, (3, 32, 32))
    assert network.training and network.blocks.training
    assert all((value.numpy() == before[key]).all() for key, value in network.state_dict().items())


# alpha


@pytest.mark.parametrize("name", KINDS)
def test_alpha_takes_a_number_or_one_per_stage(name):
    network = CATALOGUE[name].load()
    octave, plain = network.family.octave_stages, network.family.plain_stages
    assert network.stage_alphas(0.25) == [0.25] * octave + [0.0] * plain
    each = [0.125] * (octave + plain)
    assert network.stage_alphas(each) == each
    assert measure(build(name, alpha=each), (3, 32, 32)).multiply_adds > 0


@pytest.mark.parametrize("alpha", [[0.5] * 3, [0.5] * 6, [], [0.5, "a", 0, 0], "0.5", None, True])
@pytest.mark.parametrize("name", KINDS)
def test_other_alphas_are_refused(name, alpha):
    network = CATALOGUE[name].load()
    stages = network.family.octave_stages + network.family.plain_stages
    with pytest.raises(OctConvError) as error:
        build(name, alpha=alpha)
    assert str(error.value) == (
        f"alpha must be a number in [0, 1), or a list of {stages} of them, one per stage, "
        f"got {alpha!r}"
    )


@pytest.mark.parametrize("alpha", [-0.1, 1, 1.5, float("nan")])
def test_alphas_outside_0_to_1_are_refused(alpha):
    with pytest.raises(OctConvError, match="alpha must be a number in"):
        build("OctResNet50", alpha=alpha)


@pytest.mark.parametrize("alpha,branch", [(0.001, "low"), (1 - 1e-9, "high")])
def test_an_alpha_that_leaves_a_branch_empty_is_refused(alpha, branch):
    with pytest.raises(OctConvError, match=f"alpha={alpha} leaves the {branch} branch of 64 chann"):
        build("OctResNet50", alpha=alpha)


@pytest.mark.parametrize("option", ["lr_mult_list", "stride_list"])
def test_lists_of_another_length_are_refused(option):
    with pytest.raises(OctConvError, match=f"{option} must be a list of 5"):
        build("OctResNet26", **{option: [1.0, 1.0]})


# paddleclas models


def test_models_prints_a_line_for_each_backbone(call_cli):
    done = call_cli("models", "OctMobileNetV1", "OctResNet26", "--image-size", "224")
    header, first, second = done.stdout.splitlines()
    assert header.split() == ["params", "mult-adds", "vanilla", "ratio", "vanilla", "twin"]
    assert first.split()[0] == "OctResNet26"
    assert " ".join(second.split()) == "OctMobileNetV1 4.232 M 318.2 M 568.7 M 0.56 MobileNetV1"
    assert done.returncode == 0


def test_the_documentation_has_what_models_prints(call_cli):
    printed = call_cli("models").stdout.splitlines()
    documented = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")
    assert len(printed) == len(NAMES) + 1
    assert max(map(len, printed)) <= 80
    assert "\n".join(f"    {line}" for line in printed) in documented


def test_models_takes_patterns_and_python_has_them_too(call_cli):
    done = call_cli("models", "*mobilenetv2_X*", "OctResNet26")
    names = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert names == ["OctResNet26", *list_models("octmobilenetv2_x*")]
    assert len(names) == 4 and list_models() == list(NAMES)


@pytest.mark.parametrize("name", ["OctMobileNetV1_x0_25", "OctMobileNetV2_x0_5"])
def test_the_table_of_counts_is_that_of_the_networks(name):
    assert COUNTS[name] == counts_of(name)


def test_the_table_of_counts_has_every_network():
    assert list(COUNTS) == list(NAMES)  # python -m paddleclas_octconv.measure.counts


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES if os.environ.get("OCTCONV_ALL_NETWORKS") == "1" else KINDS)
def test_the_whole_table_of_counts_is_that_of_the_networks(name):
    assert COUNTS[name] == counts_of(name)


def test_models_prints_json(call_cli):
    name = "OctMobileNetV2_x0_5"
    done = call_cli(
        "models", name, "--json", "--image-size", "65x96", "--alpha", "0.25,0,0.5,0.5,0"
    )
    [row] = json.loads(done.stdout)
    expected = measure(
        build(name, class_num=1000, alpha=[0.25, 0, 0.5, 0.5, 0]), (3, 65, 96)
    )._asdict()
    ratio = expected["multiply_adds"] / expected["vanilla_multiply_adds"]
    assert row == {"name": name, "twin": "MobileNetV2_x0_5", **expected, "ratio": round(ratio, 4)}


@pytest.mark.parametrize(
    "args,message",
    [
        (["--image-size", "²"], "models: argument --image-size: '²' should be SIZE"),
        (["--image-size", "2x2x2"], "models: argument --image-size: '2x2x2' should be SIZE"),
        (["*Swin*"], "pattern fits no backbone: '*Swin*'"),
        (["OctResNet5"], "unknown backbone: 'OctResNet5'; did you mean OctResNet50"),
        (["--alpha", "half"], "models: argument --alpha: 'half' should be a number"),
        (["--image-size", "0"], "models: argument --image-size: '0' should be SIZE or HEIGHTxW"),
        (
            ["OctResNet50", "--alpha", "0.5,0.5"],
            "OctResNet50: alpha must be a number in [0, 1), or a list of 4 of them",
        ),
        (["Octave:ResNet18,name=5"], "Octave:ResNet18,name=5: 'name=5' should be KEY=VALUE"),
        (["Octave:ResNet18,alpha={[]:1}"], "Octave:ResNet18,alpha={[]:1}: 'alpha={[]:1}' should"),
        (
            ["Octave:ResNet18,lr_mult_list=5"],
            "Octave:ResNet18,lr_mult_list=5: Octave cannot be built: AssertionError: lr_mult_list",
        ),
        (["OctResNet50", "--alpha", "0.001"], "OctResNet50: alpha=0.001 leaves the low branch"),
    ],
)
def test_models_refuses_bad_input_in_one_line(call_cli, args, message):
    done = call_cli("models", *args)
    assert done.returncode == 2
    assert error_line(done.stderr).startswith(f"paddleclas: error: {message}")
