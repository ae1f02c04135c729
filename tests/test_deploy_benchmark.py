"""The benchmark measures what it says; its times are not tested."""

import csv
import json
import re
import sys
from glob import glob
from pathlib import Path

import paddle
import pytest
import yaml
from conftest import error_line

from paddleclas_octconv import cli, registry
from paddleclas_octconv.cli.benchmark import _judge, parse
from paddleclas_octconv.cli.measured import render
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form, metadata
from paddleclas_octconv.deploy.engines import ENGINES
from paddleclas_octconv.measure import complexity, kernels, prepare, program
from paddleclas_octconv.measure.benchmark import steadier
from paddleclas_octconv.measure.cases import (
    Case,
    Contender,
    Settings,
    cases_of,
    formats_of,
    groups_of,
)
from paddleclas_octconv.measure.operations import Operations
from paddleclas_octconv.measure.prepare import twin_of
from paddleclas_octconv.measure.rows import Measured, rows_of

SMALL = ["--image-size", "32", "--repeats", "2", "--warmup", "1"]


def measured(*rounds):
    return Measured([list(turn) for turn in rounds], peak_memory=1)


def test_speed_up_is_the_ratio_of_the_medians_and_its_share_that_of_the_multiply_adds():
    octave, twin = Case("octave", batch_size=3), Case("twin", batch_size=3)
    first, second = rows_of(
        [Contender("octave", "o", twin="twin"), Contender("twin", "t")],
        {("octave", 224): {"multiply_adds": 50}, ("twin", 224): {"multiply_adds": 100}},
        {
            octave: measured([0.010, 0.012], [0.015, 0.018]),
            twin: measured([0.012, 0.020], [0.018, 0.030]),
        },
    )
    assert (first.median_ms, second.median_ms) == (pytest.approx(13.5), pytest.approx(19))
    assert first.minimum_ms == pytest.approx(10)
    assert first.quartiles_ms == [pytest.approx(11.5), pytest.approx(15.75)]
    assert first.images_per_second == pytest.approx(3 / 0.0135)
    assert first.speed_up == pytest.approx(19 / 13.5)
    assert first.promised == pytest.approx(2.0)
    assert first.share_of_promised == pytest.approx(first.speed_up / 2)
    assert first.speed_up_by_round[1] == pytest.approx((16 / 11 + 24 / 16.5) / 2)
    assert (first.vs, second.vs, second.speed_up) == ("twin", None, None)
    assert first.speed_up_over_paddle == pytest.approx(first.speed_up)


def test_another_engine_is_compared_with_the_twin_in_it_and_with_the_twin_in_paddle():
    contenders = [Contender("octave", "o", twin="twin"), Contender("twin", "t")]
    planned = cases_of(contenders, [("openvino", "bf16")], [64, 96], [1])
    assert [(c.contender, c.engine, c.precision) for c in planned if c.image_size == 64] == [
        ("octave", "openvino", "bf16"),
        ("twin", "openvino", "bf16"),
        ("twin", "paddle", "fp32"),
    ]
    assert [len(group) for group in groups_of(contenders, planned)] == [3, 3]
    seconds = {"octave": 0.002, "twin": 0.004}
    found = {
        case: measured([seconds[case.contender] if case.engine == "openvino" else 0.010])
        for case in planned
    }
    counted = {(name, size): {} for name in seconds for size in (64, 96)}
    octave, twin, paddle, *_ = rows_of(contenders, counted, found)
    assert octave.speed_up == pytest.approx(2)
    assert octave.speed_up_over_paddle == pytest.approx(5)
    assert twin.speed_up_over_paddle == pytest.approx(2.5)
    assert paddle.speed_up_over_paddle is paddle.speed_up is None


def test_each_engine_is_measured_in_the_precisions_it_has():
    assert formats_of(["openvino", "paddle", "onnxruntime"], ["f32", "bf16", "int8"]) == [
        ("openvino", "fp32"),
        ("openvino", "bf16"),
        ("openvino", "int8"),
        ("paddle", "fp32"),
        ("paddle", "bf16"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
    ]
    assert formats_of(["paddle"], ["fp32", "fp16"]) == [("paddle", "fp32")]
    assert formats_of(["paddle"], ["fp16"], gpu=True) == [("paddle", "fp16")]
    with pytest.raises(OctConvError, match="'bf16': the engine onnxruntime has fp32"):
        formats_of(["onnxruntime"], ["bf16"])
    with pytest.raises(OctConvError, match="'int8' on a CPU: the engine paddle is measured in"):
        formats_of(["paddle"], ["int8"])


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
    assert result["settings"]["threads"] == 1
    assert {row["batch_size"] for row in result["networks"]} == {1}
    assert {"processor", "cores", "versions", "date", "command"} <= set(result["machine"])
    assert result["machine"]["versions"]["paddleclas"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two exported folders of networks for images of 32x32 in four classes."""
    found = []
    for name in ("a", "b"):
        folder = tmp_path_factory.mktemp(name)
        net = registry.build("MobileNetV1_x0_25", class_num=4)
        inference_form.save(net, folder, [3, 32, 32])
        found.append(str(folder))
    return found


QUICK = ["--repeats", "2", "--warmup", "1"]


class Attention(paddle.nn.Layer):
    """A product of two feature maps, as a transformer has."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(3, 2)

    def forward(self, x):
        x = x.flatten(2)
        return self.fc(paddle.matmul(x, x.transpose([0, 2, 1])).mean(2))


def test_products_of_feature_maps_are_counted(tmp_path):
    inference_form.save(Attention(), tmp_path, [3, 4, 4])
    assert program.load(tmp_path).multiply_adds() == 3 * 3 * 16 + 3 * 2


def test_exported_folders_are_compared_as_asked(
    folders, tiny_config, tmp_path, capsys, monkeypatch, workers_here
):
    monkeypatch.delenv("COLUMNS", raising=False)  # names are whole where any width is good
    a, b = folders
    files = {kind: tmp_path / f"result.{kind}" for kind in ("json", "csv")}
    command = ["benchmark", a, "--vs", b, "--data", str(tiny_config), "--eval-images", "8", *QUICK]
    command += [word for kind, file in files.items() for word in (f"--{kind}", str(file))]
    assert cli.main(command) == 0
    row, reference = json.loads(files["json"].read_text(encoding="utf-8"))["networks"]
    counted = complexity.measure(registry.build("MobileNetV1_x0_25", class_num=4), (3, 32, 32))
    assert (row["label"], row["vs"], reference["label"]) == (a, b, b)
    assert row["image_size"] == 32  # that of the export
    assert row["multiply_adds"] == counted.multiply_adds
    assert row["total_parameters"] == counted.total_parameters
    assert row["promised"] == 1
    size = sum(file.stat().st_size for file in map(Path, glob(f"{a}/inference.*")))
    assert row["file_size"] == size
    assert row["images"] == 8 and row["top1"] == reference["top1"]
    assert f"| {a}" in capsys.readouterr().out
    first, second = csv.DictReader(files["csv"].open(encoding="utf-8"))
    assert first["label"] == a and float(first["median_ms"]) == row["median_ms"]
    assert json.loads(second["quartiles_ms"]) == reference["quartiles_ms"]


def test_top1_is_that_of_the_network(folders, tiny_config):
    from paddleclas_octconv.config import load_config
    from paddleclas_octconv.deploy import images

    config = load_config(tiny_config)
    listed = images.listed(config, "Eval")
    batch = images.samples(config, 100)
    net = registry.build("MobileNetV1_x0_25", class_num=4)
    net.eval()
    predicted = net(paddle.to_tensor(batch)).argmax(1).numpy()
    expected = int((predicted == listed.labels).sum())
    operations = Operations()
    operations.load(folders[0], 32, 1, engine="paddle")
    found = operations.count_right(
        [str(path) for path in listed.paths],
        listed.labels,
        metadata.transform_ops(config),
        metadata.decode_image(config),
    )
    assert len(batch) == len(listed.paths) == 16
    assert found == expected


@pytest.mark.parametrize(
    "more, said",
    [
        (["--image-size", "64"], "--image-size 64: "),
        (["--engine", "onnxruntime"], "holds no inference.onnx"),
        (["--train-step"], "is an exported folder; it cannot train"),
        (["ResNet18", "--data", "Digits/OctMobileNetV1.yaml"], "random weights"),
    ],
)
def test_what_a_folder_cannot_is_one_clear_line(
    folders, more, said, capsys, tiny_config, workers_here
):
    if "--data" in more:
        more = [more[0], "--image-size", "32", "--data", str(tiny_config)]
    assert cli.main(["benchmark", folders[0], *more, *QUICK]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ") and said in line


def test_data_of_another_size_is_refused(folders, tiny_config, tmp_path, capsys, workers_here):
    config = yaml.safe_load(tiny_config.read_text())
    config["Infer"]["transforms"].insert(1, {"ResizeImage": {"size": [40, 48]}})
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump(config))
    command = ["benchmark", folders[0], "--data", str(tmp_path / "larger.yaml"), *QUICK]
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert "larger.yaml: makes images of 48x40, but 32x32 is measured" in said
    config["DataLoader"]["Eval"]["dataset"]["delimiter"] = 5
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(command) == 2
    assert "larger.yaml: DataLoader.Eval.dataset.delimiter" in capsys.readouterr().err


def test_a_speed_up_below_the_one_demanded_fails(folders, capsys, workers_here):
    a, b = folders
    assert cli.main(["benchmark", a, "--vs", b, "--fail-below", "100", *QUICK]) == 1
    # Short turns may tell no ratio.
    said = capsys.readouterr().err
    assert re.search(
        f"--fail-below 100: {re.escape(a)} (is|cannot be told to be) .*as fast as {re.escape(b)}",
        said,
    )


def test_several_engines_in_one_table_over_exports_that_are_kept(
    tmp_path, capsys, monkeypatch, workers_here
):
    for engine in ("openvino", "onnxruntime"):
        if not ENGINES[engine].is_installed():
            pytest.skip(f"{engine} is not installed")
    file, kept = tmp_path / "result.json", tmp_path / "exports"
    command = ["benchmark", "OctMobileNetV1_x0_25", "--engine", "openvino,onnxruntime", *SMALL]
    command += ["--json", str(file), "--exports", str(kept)]
    assert cli.main(command) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["networks"]
    found = [(row["label"], row["engine"]) for row in rows]
    assert found == [
        ("OctMobileNetV1_x0_25", "openvino"),
        ("OctMobileNetV1_x0_25", "onnxruntime"),
        ("MobileNetV1_x0_25", "openvino"),
        ("MobileNetV1_x0_25", "onnxruntime"),
        ("MobileNetV1_x0_25", "paddle"),
    ]
    for row in rows[:2]:
        assert row["vs"] == "MobileNetV1_x0_25"
        # None: a busy machine, whose times tell no ratio.
        assert row["speed_up_over_paddle"] in (None, rows[4]["median_ms"] / row["median_ms"])
    assert "x Paddle" in capsys.readouterr().out
    twin = Contender("MobileNetV1_x0_25", "MobileNetV1_x0_25")
    contenders = [Contender("OctMobileNetV1_x0_25", "OctMobileNetV1_x0_25", twin=twin.label), twin]
    cases = cases_of(contenders, [(row["engine"], "fp32") for row in rows[:2]], [32], [1])
    made = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    with monkeypatch.context() as patch:
        for module in ("measure.prepare", "deploy.conversion"):  # workers would have nothing to do
            patch.setattr(f"paddleclas_octconv.{module}.Worker", None)
        folders = prepare.export(contenders, cases, kept, print)
    assert {folder.name for folder in folders.values()} == {path.name for path in kept.iterdir()}
    assert made == {path: path.stat().st_mtime_ns for path in kept.rglob("*")}


def test_the_parameters_of_an_export_lie_alike_whatever_was_built_before(tmp_path):
    """Of the two formats, which share them, one may be exported later, in another process."""
    for folder in ("first", "second"):
        Operations().export("OctMobileNetV1_x0_25", {}, 32, True, str(tmp_path / folder))
    first, second = ((tmp_path / each / "inference.pdiparams") for each in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_training_steps(tmp_path, prepared_here):
    file = tmp_path / "result.json"
    command = ["benchmark", "OctMobileNetV1_x0_25:class_num=10", "--train-step", *SMALL]
    assert cli.main([*command, "--profile", "--json", str(file)]) == 0
    result = json.loads(file.read_text(encoding="utf-8"))
    assert [row["label"] for row in result["networks"]] == [
        "OctMobileNetV1_x0_25:class_num=10",
        "MobileNetV1_x0_25:class_num=10",
    ]
    assert {row["batch_size"] for row in result["networks"]} == {4}
    octave, twin = ({kind["name"]: kind for kind in r["kernels"]} for r in result["networks"])
    assert twin["batch_norm"]["count"] == twin["batch_norm_grad"]["count"] == 27
    assert octave["batch_norm"]["count"] == octave["batch_norm_grad"]["count"] > 27
    assert all(kind["milliseconds"] > 0 for kind in (*octave.values(), *twin.values()))


def test_an_operator_takes_the_median_of_its_times():
    steps = [[("conv2d", 3.0), ("add", 1.0), ("conv2d", 2.0)], [("conv2d", 1.0), ("add", 5.0)]]
    steps[1].append(("conv2d", 4.0))
    steps.append([("conv2d", 9.0), ("add", 2.0), ("conv2d", 2.0)])
    assert kernels.by_operator(steps) == [
        kernels.Kernels("conv2d", 2, 5.0),
        kernels.Kernels("add", 1, 2.0),
    ]


def test_where_paddleclas_has_no_twin_it_is_the_network_without_low_frequencies(workers_here):
    twin = twin_of(parse("OctMobileNetV2_x1_125:class_num=10"), 32)
    assert (twin.name, twin.options) == ("OctMobileNetV2_x1_125", {"class_num": 10, "alpha": 0})
    assert twin_of(twin, 32) is None
    assert twin_of(parse("MobileNetV1_x0_25"), 32) is None


def test_on_a_narrow_terminal_the_table_is_two_that_fit(monkeypatch):
    contenders = [Contender("OctMobileNetV1_x0_25", "o", twin="twin"), Contender("twin", "t")]
    planned = cases_of(contenders, [("onnxruntime", "fp32")], [224], [1])
    counted = {(name, 224): {"multiply_adds": 10**9, "parameters": 10**7} for name in
               ("OctMobileNetV1_x0_25", "twin")}  # fmt: skip
    table = rows_of(contenders, counted, {case: measured([1.234] * 3) for case in planned})
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = render(table, Settings())
    assert max(map(len, narrow.splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "200")
    wide = render(table, Settings())
    assert len(wide.splitlines()) < len(narrow.splitlines())
    for word in ("x twin", "x Paddle", "peak MB", "G MAdds", "1234.00"):
        assert word in narrow and word in wide


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
        (["./nowhere"], "./nowhere: is neither the name of a network nor a folder"),
        (["ResNet50:alpha"], "'alpha' should be KEY=VALUE"),
        (["MobileNetV1:alpha=0.5"], "MobileNetV1 takes no 'alpha'"),
        (["OctResNet50:alpha=2"], "alpha must be a number in"),
        (["OctResNet50", "--repeats", "0"], "--repeats: '0' should be a whole number from 1"),
        (["OctResNet50", "--json", "nowhere/x.json"], "--json nowhere/x.json: its folder"),
        (["OctResNet50", "--csv", "."], "--csv .: is a folder"),
        (["tests", "--vs", "tests"], "tests holds no exported model"),
        (["ResNet18", "--precision", "fp16", *SMALL], "'fp16' on a CPU"),
        (["ResNet18", "--precision", "int4"], "precision 'int4' should be one of"),
        (["ResNet18", "--engine", "openvin"], "did you mean openvino?"),
        (["ResNet18", "--image-size", "32,0"], "'0' should be a whole number from 1 to"),
        (["ResNet18", "--batch-size", "1,"], "'' should be a whole number from 1"),
        (["ResNet18", "--fail-below", "x"], "'x' should be a ratio"),
        (["MobileNetV1_x0_25", "--fail-below", "1.2", *SMALL], "no network here has a twin"),
        (["ResNet18", "--eval-images", "5"], "--eval-images: goes with --data"),
        (["ResNet18:alpha={0.5}"], "'alpha={0.5}' should be KEY=VALUE"),
        (["ResNet18", "--data", "Digits/nothing.yaml"], "Digits/nothing.yaml"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, said, capsys, workers_here):
    assert cli.main(["benchmark", *arguments]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ")
    assert said in line


@pytest.mark.parametrize(
    "engine, precision, package, said",
    [
        ("openvino", "int8", "nncf", "--precision int8 with --engine openvino needs nncf: pip"),
        ("onnxruntime", "int8", "onnx", "--precision int8 with --engine onnxruntime needs onnx: "),
        ("onnxruntime", "fp32", "paddle2onnx", "--engine onnxruntime needs paddle2onnx: pip"),
        ("openvino", "fp32", "openvino", "the engine openvino is not installed: pip"),
    ],
)
def test_a_missing_extra_is_told_before_anything_runs(
    engine, precision, package, said, monkeypatch, capsys
):
    for name in ("openvino", "nncf", "onnx", "onnxruntime", "paddle2onnx"):
        pytest.importorskip(name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("paddleclas_octconv.common.worker.Worker.__init__", None)  # runs nothing
    command = ["benchmark", "OctMobileNetV1_x0_25", "--engine", engine, "--precision", precision]
    assert cli.main(command) == 2
    assert said in error_line(capsys.readouterr().err)


def test_an_exported_program_is_counted(tmp_path):
    net = registry.build("MobileNetV1_x0_25", class_num=10)
    inference_form.save(net, tmp_path, [3, 32, 32])
    loaded = program.load(tmp_path)
    counted = complexity.measure(net, (3, 32, 32))
    assert loaded.counts()["depthwise_conv2d"] == 13
    assert loaded.counts()["conv2d"] == 14
    assert loaded.multiply_adds() == counted.multiply_adds
    assert loaded.total_parameters == counted.total_parameters
    assert loaded.image_shape == [3, 32, 32]


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


def test_profile_shows_the_kernels_of_the_deploy_form(tmp_path, capsys, prepared_here):
    file = tmp_path / "result.json"
    command = ["benchmark", "OctMobileNetV1_x0_25", "--profile", "--json", str(file), *SMALL]
    command += ["--image-size", "64"]  # at which no map of one pixel is upsampled: that is a tile
    assert cli.main(command) == 0
    octave, twin = json.loads(file.read_text(encoding="utf-8"))["networks"]
    counts = {kind["name"]: kind["count"] for kind in octave["kernels"]}
    assert counts["resampling"] == 10
    assert "batch_normalization" not in counts
    assert {kind["name"]: kind["count"] for kind in twin["kernels"]}["convolution"] == 27
    assert "the rest" in capsys.readouterr().out


def test_profile_needs_onednn(capsys):
    assert cli.main(["benchmark", "OctMobileNetV1", "--profile", "--no-onednn"]) == 2
    assert "--profile: shows what Paddle runs on the CPU" in capsys.readouterr().err


BUSY = [[0.010], [0.011], [0.012], [0.200], [0.400]]  # as other programs leave the times


def test_times_that_vary_too_much_tell_no_ratio(capsys):
    contenders = [Contender("octave", "o", twin="twin"), Contender("twin", "t")]
    planned = cases_of(contenders, [("paddle", "fp32")], [224], [1])
    counted = {(name, 224): {"multiply_adds": 10**9} for name in ("octave", "twin")}
    steady = [[0.010], [0.0101], [0.0102]]
    for unsteady in ("octave", "twin"):
        found = {
            case: measured(*(BUSY if case.contender == unsteady else steady)) for case in planned
        }
        octave, twin = rows_of(contenders, counted, found)
        assert octave.vs == "twin" and octave.promised == 1
        assert octave.speed_up is octave.speed_up_by_round is octave.share_of_promised is None
        table = [octave, twin]
        assert "?: times with a spread above 25% tell no ratio" in render(table, Settings())
        assert _judge(table, 0.1) == 1
        assert "octave cannot be told to be as fast as twin" in capsys.readouterr().err
    table = rows_of(contenders, counted, {case: measured(*steady) for case in planned})
    assert table[0].speed_up == 1 and "?" not in render(table, Settings())


def test_what_was_disturbed_is_measured_again():
    """The steadier one of two measurements counts."""
    steady = [[[0.010]], [[0.0101]], [[0.0102]]]
    busy, busier = [[turn] for turn in BUSY], [[[0.010]], [[0.020]], [[4.000]]]
    for first, second, expected in ((busy, steady, steady), (busy, busier, busy)):
        said: list[str] = []
        assert steadier(iter([first, second]).__next__, said.append) is expected
        assert said == ["other programs keep this machine busy: measuring again"]
    said = []
    assert steadier(iter([steady]).__next__, said.append) is steady and said == []
