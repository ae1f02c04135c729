"""A vanilla network is trained, made octave and distilled; each is evaluated in each format."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import COMPARED, COMPARED_EPOCHS, measuring_here, run_here
from runs import Run

from paddleclas_octconv.common import machine
from paddleclas_octconv.compare import front, plan, plots, tables
from paddleclas_octconv.compare.folder import MANIFEST, load_runs, write
from paddleclas_octconv.compare.front import Point
from paddleclas_octconv.compare.planned import Options
from paddleclas_octconv.config import Config
from paddleclas_octconv.deploy.images import listed, preprocess_of
from paddleclas_octconv.deploy.int8.accuracy import top1
from paddleclas_octconv.deploy.predictor import create_predictor

for package in ("onnxruntime", "paddle2onnx"):
    pytest.importorskip(package)
pytestmark = pytest.mark.timeout(900)

NETWORK = "MobileNetV1_x0_25"
OCTAVE, DISTILLED = "vanilla-octavized0.5", "vanilla-octavized0.5-distilled"
NAMES = ["vanilla", OCTAVE, DISTILLED]
# The engine that is quantised for in the least time.
ENGINE, PRECISIONS = "onnxruntime", ["fp32", "int8"]
ARGUMENTS = (
    *("compare", "vanilla.yaml", *COMPARED[3:5], "--octavize", ".5", "--distil", "1"),
    *("--engine", ENGINE, "--precision", ",".join(PRECISIONS), "--output", "output"),
)


@pytest.fixture(scope="module")
def folder(compared, tmp_path_factory) -> Path:
    """A folder with a vanilla config, and a comparison that has trained it."""
    folder = shutil.copytree(compared, tmp_path_factory.mktemp("octavized") / "copy")
    manifest = folder / "output" / MANIFEST
    kept = json.loads(manifest.read_text())
    del kept["runs"]["oct"]
    manifest.write_text(json.dumps(kept))
    return folder


@pytest.fixture(scope="module")
def killed(folder) -> None:
    """The comparison is killed while it solves the octave network."""
    run = Run(folder, *ARGUMENTS)
    log = folder / "output/runs" / OCTAVE / "octavize.log"
    deadline = time.monotonic() + 300
    while not log.exists():
        assert run.process.poll() is None and time.monotonic() < deadline, run.said
        time.sleep(0.01)
    run.kill()


@pytest.fixture(scope="module")
def results(folder, killed) -> dict:
    """Of the comparison, called again."""
    with measuring_here():
        result = run_here(*ARGUMENTS, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "finished before: vanilla" in result.stderr
    return json.loads((folder / "output/results.json").read_text())


def test_each_is_a_contender_beside_the_network_it_is_made_of(folder, results):
    assert [model["model"] for model in results["models"]] == NAMES
    vanilla, octave, distilled = results["models"]
    assert {model["group"] for model in results["models"]} == {"vanilla"}
    assert octave["twin_model"] == distilled["twin_model"] == "vanilla"
    assert octave["arch"] == {
        "name": f"Oct{NETWORK}",
        "class_num": 4,
        "alpha": 0.5,
        "keep_stride": True,
    }
    assert distilled["arch"]["name"] == f"Oct{NETWORK}"
    assert octave["multiply_adds"] == distilled["multiply_adds"] < vanilla["multiply_adds"]
    assert [model["epochs"] for model in results["models"]] == [COMPARED_EPOCHS, 0, 1]
    assert [verdict["octave"] for verdict in results["verdicts"]] == NAMES[1:]


def test_what_is_solved_begins_with_the_last_epoch_of_its_source(folder, results):
    import paddle

    def weights(path: Path) -> dict:
        return {key: value.numpy() for key, value in paddle.load(str(path)).items()}

    runs = {run.name: run for run in load_runs(folder / "output")}
    (trained,) = (folder / "output/runs/vanilla/output").rglob("latest.pdparams")
    octave = weights(runs[OCTAVE].folder / "octave/weights.pdparams")
    last = weights(trained)
    # The classifier is no octave layer: it stays what it was trained to.
    (name,) = (key for key in last if key.endswith("fc.weight"))
    assert np.array_equal(octave[name], last[name])


def test_top1_of_every_format_is_that_of_its_export(folder, results, monkeypatch):
    monkeypatch.chdir(folder)
    config = Config.read(Path("vanilla.yaml")).sections
    for model in results["models"]:
        export = folder / "output/runs" / model["model"] / "inference"
        assert [form["precision"] for form in model["formats"]] == PRECISIONS
        for form in model["formats"]:
            assert form["refused"] is None and form["latency"]["median_ms"] > 0
            predictor = create_predictor(export, engine=ENGINE, precision=form["precision"])
            (found,) = top1(
                [predictor], listed(config, "Eval"), preprocess_of(config), lambda items, *_: items
            )
            assert form["top1"]["mean"] == found.right / 16
    fp32 = [model["formats"][0]["top1"]["mean"] for model in results["models"]]
    assert fp32 == [model["exported_accuracy"]["mean"] for model in results["models"]]
    assert results["models"][1]["eval_accuracy"]["mean"] == fp32[1]


def test_the_report_shows_the_fronts(folder, results):
    assert [each["precision"] for each in results["fronts"]] == [*PRECISIONS, "all"]
    text = (folder / "output/report.md").read_text()
    assert all(each["text"] in text for each in results["fronts"])
    assert "plots/accuracy-formats.png" in text
    (row,) = (line for line in text.splitlines() if re.match(rf"\| {OCTAVE} \| [\d.]+%", line))
    assert row.count(" ms |") == len(PRECISIONS)


def test_a_finished_comparison_is_not_repeated(
    folder, results, call_cli, monkeypatch, workers_here
):
    logs = {path: path.stat().st_mtime_ns for path in (folder / "output/runs").rglob("*.log")}
    kept = json.loads((folder / "output/latency.json").read_text())
    for forms in kept["latencies"].values():  # as on an idle machine, which measures once
        for each in forms.values():
            each["busy"] = False
    (folder / "output/latency.json").write_text(json.dumps({**kept, "machine": machine.in_words()}))
    monkeypatch.chdir(folder)
    again = call_cli(*ARGUMENTS)
    assert again.returncode == 0
    assert f"finished before: {', '.join(NAMES)}" in again.stderr
    assert logs == {path: path.stat().st_mtime_ns for path in logs}


@pytest.mark.parametrize(
    "points, on_it",
    [
        ([("a", 0.7, 3.0), ("b", 0.6, 2.0)], "ba"),
        ([("a", 0.7, 3.0), ("b", 0.6, 4.0)], "a"),
        ([("a", 0.7, 3.0), ("b", 0.7, 2.0)], "b"),
        ([("a", 0.7, 3.0), ("b", 0.8, 3.0)], "b"),
        ([("a", 0.7, 3.0), ("b", 0.7, 3.0)], "ab"),
        ([("a", 0.5, 1.0), ("b", 0.4, 2.0), ("c", 0.6, 3.0), ("d", 0.55, 4.0)], "ac"),
    ],
)
def test_on_the_front_are_those_that_none_beats(points, on_it):
    members = [Point(name, "fp32", top1, ms) for name, top1, ms in points]
    found = front.front(members)
    assert sorted(point.model for point in found) == sorted(on_it)
    assert [point.ms for point in found] == sorted(point.ms for point in found)
    by_definition = [
        point.model
        for point in members
        if not any(
            other.ms <= point.ms and other.top1 >= point.top1 and other[2:] != point[2:]
            for other in members
        )
    ]
    assert sorted(by_definition) == sorted(on_it)


def model(name: str, arch: str, *forms: tuple, seeds: int = 3) -> dict:
    """An entry of results: forms are (precision, top-1, milliseconds)."""
    return {
        "model": name,
        "arch": {"name": arch},
        "formats": [
            {
                "precision": precision,
                "top1": {"mean": top1, "spread": None, "count": seeds},
                "latency": {"median_ms": ms, "engine": "openvino", "spread": 0.05, "busy": False},
                "refused": None,
            }
            for precision, top1, ms in forms
        ],
    }


def test_the_verdict_says_whether_an_octave_network_lies_on_it():
    vanilla = model("A", "ResNet50", ("fp32", 0.7, 3.0), ("int8", 0.69, 1.0))
    octave = model("B", "OctResNet50", ("fp32", 0.68, 2.0), ("int8", 0.66, 1.2))
    fp32, int8, together = front.fronts([vanilla, octave])
    assert fp32["text"] == (
        "Front of top-1 over latency, fp32 (openvino, one image): B (68.00%, 2.00 ms), "
        "A (70.00%, 3.00 ms); octave networks on it: B."
    )
    assert int8["octave"] == [] and "no octave network lies on it" in int8["text"]
    assert together["front"] == [["A", "int8"], ["A", "fp32"]] and together["octave"] == []


def test_the_front_is_drawn_through_all_formats():
    vanilla = model("A", "ResNet50", ("fp32", 0.7, 3.0), ("int8", 0.69, 1.0))
    octave = model("B", "OctResNet50", ("fp32", 0.68, 2.0), ("int8", 0.66, 0.8))
    (axes,) = plots.all_formats([vanilla, octave], "ms").axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert {"A", "B", "fp32", "int8", "front"} <= set(lines)
    drawn = np.transpose(lines["front"].get_data())
    assert drawn == pytest.approx(np.array([[0.8, 66.0], [1.0, 69.0], [3.0, 70.0]]))
    colors = {lines[name].get_color() for name in "AB"}
    markers = {lines[name].get_marker() for name in ("fp32", "int8")}
    assert len(colors) == len(markers) == 2


def test_a_place_that_is_not_sure_is_said():
    vanilla = model("A", "ResNet50", ("fp32", 0.7, 3.0), seeds=1)
    octave = model("B", "OctResNet50", ("fp32", 0.68, 2.9), seeds=1)
    (found,) = front.fronts([vanilla, octave])
    assert found["octave"] == [["B", "fp32"]]
    assert "cannot be told from that of a more accurate one: B." in found["text"]
    assert found["text"].endswith("With one seed: another may change that.")


def test_a_format_that_is_refused_is_told(results):
    changed = json.loads(json.dumps(results))
    changed["models"][1]["formats"][-1].update(top1=None, latency=None, refused="--int8: too odd")
    (table,) = (each for each in tables.tables_of(changed) if each.title == "Formats")
    assert table.rows[1][-2:] == ["refused", ""] and table.note.endswith("--int8: too odd")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["vanilla.yaml", "--octavize", "2"], ["--octavize", "[0, 1)", "2"]),
        (["vanilla.yaml", "--octavize", "0,.5"], ["--octavize", "nothing becomes octave"]),
        (["vanilla.yaml", "--octavize", "x"], ["--octavize", "'x'"]),
        (["octave.yaml", "octave2.yaml", "--octavize", ".5"], ["--octavize", "octave2", "vanilla"]),
        (["vanilla.yaml", "octave.yaml", "--distil", "1"], ["--distil", "--octavize"]),
        (["vanilla.yaml", "--octavize", ".5", "--distil", "0"], ["--distil", "'0'"]),
        (["vanilla.yaml", "octave.yaml", "--precision", "int4"], ["--precision int4", "int8"]),
        (
            ["vanilla.yaml", "octave.yaml", "--precision", "fp32,int8", "--engine", "paddle"],
            ["--precision int8", "paddle"],
        ),
        (
            ["vanilla.yaml", "octave.yaml", "--precision", "bf16", "--engine", "onnxruntime"],
            ["--precision bf16", "onnxruntime", "fp32, int8"],
        ),
    ],
)
def test_bad_input_is_one_line(folder, tmp_path, capsys, monkeypatch, arguments, words):
    from paddleclas_octconv.cli import main

    config = yaml.safe_load((folder / "vanilla.yaml").read_text())
    (tmp_path / "vanilla.yaml").write_text(yaml.safe_dump(config))
    config["Arch"] = {"name": f"Oct{NETWORK}", "class_num": 4, "alpha": 0.5}
    for name in ("octave", "octave2"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments, "--output", "out"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ") and all(word in line for word in words), line
    assert not (tmp_path / "out").exists()


def test_emulated_bfloat16_is_refused(folder, capsys, monkeypatch):
    pytest.importorskip("openvino")
    from paddleclas_octconv.cli import main

    monkeypatch.setattr(machine, "has_bfloat16", lambda: False)
    monkeypatch.chdir(folder)
    arguments = ["vanilla.yaml", "--octavize", ".5", "--engine", "openvino", "--precision", "bf16"]
    assert main(["compare", *arguments, "--output", "elsewhere"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--precision bf16" in line and "emulates" in line
    assert not (folder / "elsewhere").exists()


@pytest.mark.parametrize("seeds", [None, [1, 2]])
def test_each_seed_has_its_own(folder, tmp_path, monkeypatch, seeds):
    monkeypatch.chdir(folder)
    options = Options(
        configs=["vanilla.yaml"],
        octavize=[0.25, 0.5],
        distil=2,
        seeds=seeds,
        output=tmp_path / "out",
    )
    planned = plan.make(options)
    write(planned)
    read = load_runs(tmp_path / "out")
    assert [run.name for run in read] == [run.name for run in planned.runs]
    assert len(read) == 5 * len(seeds or [7])
    for run in read:
        made_of = {"vanilla": None, "-distilled": run.model[: -len("-distilled")]}
        wanted = next((v for k, v in made_of.items() if run.model.endswith(k)), "vanilla")
        assert (run.source and run.source.model) == wanted
        assert run.source is None or run.source.seed == run.seed
        assert run.stages[0] == ("octavize" if wanted == "vanilla" else "train")
        assert run.epochs == {"vanilla": 0, None: 1}.get(wanted, 2)
    assert [run.name for run in plan.make(options).runs] == [run.name for run in read]
