"""The benchmark measures what it says; its times are not tested."""

import json

import pytest

from paddleclas_octconv import cli, registry
from paddleclas_octconv.cli.benchmark import parse
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.measure import benchmark, complexity, kernels, program
from paddleclas_octconv.measure.benchmark import Contender

SMALL = ["--image-size", "32", "--repeats", "2", "--warmup", "1"]


def test_speed_up_is_the_ratio_of_the_medians_and_its_share_that_of_the_multiply_adds():
    octave, twin = benchmark.rows(
        [Contender("octave", "o", twin="twin"), Contender("twin", "t")],
        [{"multiply_adds": 50}, {"multiply_adds": 100}],
        [[[0.010, 0.012], [0.015, 0.018]], [[0.012, 0.020], [0.018, 0.030]]],
        [1, 2],
        batch_size=3,
    )
    assert (octave.median_ms, twin.median_ms) == (pytest.approx(12), pytest.approx(18))
    assert octave.minimum_ms == pytest.approx(10)
    assert octave.images_per_second == pytest.approx(250)
    assert octave.speed_up == pytest.approx(1.5)
    assert octave.promised == pytest.approx(2.0)
    assert octave.share_of_promised == pytest.approx(0.75)
    assert octave.speed_up_by_round[1] == pytest.approx(1.5, abs=0.01)
    assert (octave.vs, twin.vs, twin.speed_up) == ("twin", None, None)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The figures of one run of the command: a network in both forms, and its twin."""
    file = tmp_path_factory.mktemp("benchmark") / "result.json"
    command = ["benchmark", "OctMobileNetV1_x0_25", "--form", "both", "--json", str(file), *SMALL]
    assert cli.main(command) == 0
    return json.loads(file.read_text(encoding="utf-8"))


def test_network_in_both_forms_beside_its_twin(result):
    rows = {row["label"]: row for row in result["networks"]}
    deploy, plain = rows["OctMobileNetV1_x0_25"], rows["OctMobileNetV1_x0_25 (plain)"]
    twin = rows["MobileNetV1_x0_25"]
    assert len(rows) == 3
    assert (deploy["form"], plain["form"]) == ("deploy", "plain")
    assert deploy["vs"] == plain["vs"] == twin["label"]
    counted = complexity.measure(registry.build("OctMobileNetV1_x0_25"), (3, 32, 32))
    assert deploy["multiply_adds"] == plain["multiply_adds"] == counted.multiply_adds
    assert twin["multiply_adds"] == counted.vanilla_multiply_adds
    assert deploy["promised"] == counted.vanilla_multiply_adds / counted.multiply_adds
    for row in rows.values():
        assert 0 < row["minimum_ms"] <= row["median_ms"]
        assert row["peak_memory"] > 10 * 2**20


def test_figures_come_with_what_they_depend_on(result):
    assert result["settings"]["threads"] == result["settings"]["batch_size"] == 1
    assert {"processor", "cores", "versions", "date", "command"} <= set(result["machine"])
    assert result["machine"]["versions"]["paddleclas"]


def test_exported_folders_are_compared_as_asked(tmp_path, capsys):
    for name in ("a", "b"):
        net = registry.build("MobileNetV1_x0_25", class_num=10)
        inference_form.save(net, tmp_path / name, [3, 32, 32])
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    file = tmp_path / "result.json"
    assert cli.main(["benchmark", a, "--vs", b, "--json", str(file), *SMALL]) == 0
    row, reference = json.loads(file.read_text(encoding="utf-8"))["networks"]
    counted = complexity.measure(registry.build("MobileNetV1_x0_25", class_num=10), (3, 32, 32))
    assert (row["label"], row["vs"], reference["label"]) == (a, b, b)
    assert row["multiply_adds"] == counted.multiply_adds
    assert row["total_parameters"] == counted.total_parameters
    assert row["promised"] == 1
    assert f"| {a}" in capsys.readouterr().out


def test_training_steps(tmp_path):
    file = tmp_path / "result.json"
    command = ["benchmark", "OctMobileNetV1_x0_25:class_num=10", "--train-step", *SMALL]
    assert cli.main([*command, "--json", str(file)]) == 0
    result = json.loads(file.read_text(encoding="utf-8"))
    assert [row["label"] for row in result["networks"]] == [
        "OctMobileNetV1_x0_25:class_num=10",
        "MobileNetV1_x0_25:class_num=10",
    ]
    assert result["settings"]["batch_size"] == 4


def test_where_paddleclas_has_no_twin_it_is_the_network_without_low_frequencies():
    twin = benchmark.twin_of(parse("OctMobileNetV2_x1_125:class_num=10"), 32)
    assert (twin.name, twin.options) == ("OctMobileNetV2_x1_125", {"class_num": 10, "alpha": 0})
    assert benchmark.twin_of(twin, 32) is None
    assert benchmark.twin_of(parse("MobileNetV1_x0_25"), 32) is None


def test_a_networks_name_comes_before_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("OctResNet50", "ResNet50", "exported"):
        (tmp_path / folder).mkdir()
    assert parse("OctResNet50").folder is None
    assert parse("ResNet50").folder is None
    assert parse("./OctResNet50").folder == "./OctResNet50"
    assert parse("exported").folder == "exported"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["OctMobilenet"], "OctMobilenet: no such network; did you mean OctMobileNetV"),
        (["./nowhere"], "./nowhere: neither a network's name nor a folder"),
        (["ResNet50:alpha"], "'alpha' should be KEY=VALUE"),
        (["MobileNetV1:alpha=0.5"], "MobileNetV1 takes no 'alpha'"),
        (["OctResNet50:alpha=2"], "alpha must be a number in"),
        (["OctResNet50", "--repeats", "0"], "--repeats: '0' should be a whole number from 1"),
        (["OctResNet50", "--json", "nowhere/x.json"], "--json nowhere/x.json: its folder"),
        (["tests", "--vs", "tests"], "tests holds no exported model"),
        (["ResNet18", "--precision", "fp16", *SMALL], "'fp16' on a CPU"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, said, capsys):
    assert cli.main(["benchmark", *arguments]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ")
    assert said in line


def test_an_exported_folder_cannot_train(tmp_path, capsys):
    inference_form.save(registry.build("MobileNetV1_x0_25"), tmp_path, [3, 32, 32])
    assert cli.main(["benchmark", str(tmp_path), "--train-step", *SMALL]) == 2
    assert "is an exported folder; it cannot train" in capsys.readouterr().err


def test_an_exported_program_is_counted(tmp_path):
    net = registry.build("MobileNetV1_x0_25", class_num=10)
    inference_form.save(net, tmp_path, [3, 32, 32])
    loaded = program.load(tmp_path)
    counted = complexity.measure(net, (3, 32, 32))
    assert loaded.counts()["depthwise_conv2d"] == 13
    assert loaded.counts()["conv2d"] == 14
    assert loaded.multiply_adds() == counted.multiply_adds
    assert loaded.total_parameters == counted.total_parameters


def test_multiply_adds_of_a_model_of_any_size_are_unknown(tmp_path):
    inference_form.save(
        registry.build("MobileNetV1_x0_25", class_num=10), tmp_path, [3, None, None]
    )
    assert program.load(tmp_path).multiply_adds() is None


def test_kernels_are_added_up_by_kind():
    convolution = "onednn_verbose,v1,primitive,exec,cpu,convolution,jit,src,,,mb1_ic3,{}"
    pooling = "onednn_verbose,v1,primitive,exec,cpu,pooling,jit,src,,,mb1ic3,{}"
    lines = ["onednn_verbose,v1,info,cpu", "something else,exec"]
    for milliseconds in (1.0, 2.0, 9.0):  # in each of three predictions
        lines += [convolution.format(milliseconds)] * 2 + [pooling.format(0.5)]
    assert kernels.summarize(lines, steps=3) == [
        kernels.Kernels("convolution", 2, 4.0),
        kernels.Kernels("pooling", 1, 0.5),
    ]


def test_profile_shows_the_kernels_of_the_deploy_form(tmp_path, capsys):
    file = tmp_path / "result.json"
    command = ["benchmark", "OctMobileNetV1_x0_25", "--profile", "--json", str(file), *SMALL]
    assert cli.main(command) == 0
    octave, twin = json.loads(file.read_text(encoding="utf-8"))["networks"]
    counts = {kind["name"]: kind["count"] for kind in octave["kernels"]}
    assert counts["resampling"] == 10
    assert "batch_normalization" not in counts
    assert {kind["name"]: kind["count"] for kind in twin["kernels"]}["convolution"] == 27
    assert "the rest" in capsys.readouterr().out


def test_profile_needs_onednn(capsys):
    assert cli.main(["benchmark", "OctMobileNetV1", "--profile", "--no-onednn"]) == 2
    assert "--profile: shows predictions on the CPU with oneDNN alone" in capsys.readouterr().err
