"""A whole comparison: two tiny networks are trained, exported, measured and reported on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from conftest import COMPARED, COMPARED_EPOCHS
from PIL import Image

from paddleclas_octconv.compare import latency, runs
from paddleclas_octconv.compare import results as results_of
from paddleclas_octconv.compare.folder import load_runs
from paddleclas_octconv.compare.planned import Run
from paddleclas_octconv.config import Config


@pytest.fixture(scope="module")
def folder(compared, tmp_path_factory) -> Path:
    """A copy of the folder with two configs and their comparison."""
    return shutil.copytree(compared, tmp_path_factory.mktemp("compare") / "copy")


@pytest.fixture(scope="module")
def results(folder) -> dict:
    return json.loads((folder / "output/results.json").read_text())


def run_of(folder: Path, world: int = 1, **sections) -> Run:
    config = Config({"Arch": {"name": "ResNet50"}, **sections}, folder / "config.yaml")
    return Run("a", "a", 1, config, folder, 1, 1, 1, world)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_comparison_not_the_run_alone(number, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "create_job", lambda *args, **kwargs: None)
    monkeypatch.setattr(runs.training, "train", lambda *args, **kwargs: 128 + number)
    run = run_of(tmp_path, Global={"output_dir": str(tmp_path), "epochs": 1})
    with pytest.raises(KeyboardInterrupt):
        runs.execute(run, None)
    assert runs.read_state(run)["done"] == []
    assert not (tmp_path / ".lock").exists()


def test_the_time_of_a_killed_training_counts(tmp_path, monkeypatch):
    """Killed, it could not write it down: it is that up to its last line."""
    calls = []
    monkeypatch.setattr(runs, "create_job", lambda *args, **kwargs: None)
    monkeypatch.setattr(runs.training, "train", lambda *args, **kwargs: calls.append(args) or 1)
    run = run_of(tmp_path, Global={"output_dir": str(tmp_path), "epochs": 1})
    (tmp_path / "train.log").write_text("[Train]")
    os.utime(tmp_path / "train.log", (1500, 1500))
    state = {"done": [], "seconds": {"train": 20.0}, "segments": [{"first_epoch": 1, "began": 1}]}
    state.update(peak_memory=0, training_since=1000.0)
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(runs.Failed):
        runs.execute(run, None)
    after = runs.read_state(run)
    assert len(calls) == 1 and 520.0 <= after["seconds"]["train"] < 560.0
    assert "training_since" not in after and "Python" in after["segments"][1]["machine"]


def test_the_speed_of_training_is_that_of_all_processes(tmp_path):
    (tmp_path / "train.log").write_text("[Train][Epoch 1/1][Iter: 0/1]ips: 40.0 samples/s\n")
    run = run_of(tmp_path, world=2)
    assert results_of._throughput(run) == 80.0


def test_classes_beyond_those_of_the_labels_are_counted(tmp_path):
    found = {"labels": [0, 1], "predicted": [0, 7], "confidence": [0.5, 0.6], "images": ["a", "b"]}
    (tmp_path / "predictions.json").write_text(json.dumps(found))
    run = run_of(tmp_path)
    told = results_of._predictions(run)
    assert len(told["classes"]) == len(told["confusion"]) == 8
    assert told["confusion"][1][7] == 1
    assert [mistake["predicted"] for mistake in told["mistakes"]] == ["7"]


def keep_latencies(file: Path) -> None:
    """Let them be an idle machine's, which these tests do not leave it: not measured again."""
    kept = json.loads(file.read_text())
    for forms in kept["latencies"].values():
        forms["fp32"]["busy"] = False
    file.write_text(json.dumps({**kept, "machine": latency.machine.in_words()}))


def test_an_interrupted_run_says_so(folder):
    interrupted = json.loads((folder / "interrupted.json").read_text())
    assert interrupted["code"] == 130
    assert interrupted["state"]["done"] == []


def test_it_goes_on_where_it_stopped(folder, results):
    state = json.loads((folder / "output/runs/oct/state.json").read_text())
    first, second = (segment["first_epoch"] for segment in state["segments"])
    assert first == 1 and 2 <= second <= COMPARED_EPOCHS
    epochs = list(range(1, COMPARED_EPOCHS + 1))
    for entry in results["models"]:
        (run,) = entry["runs"]
        assert [epoch for epoch, _ in run["curves"]["train_accuracy"]] == epochs
        assert [epoch for epoch, _ in run["curves"]["eval_accuracy"]] == epochs


def test_the_figures_are_those_of_the_trainer(folder, results):
    assert [entry["model"] for entry in results["models"]] == ["oct", "vanilla"]
    for entry in results["models"]:
        log = (folder / "output/runs" / entry["model"] / "train.log").read_text()
        for key, part in (("train_accuracy", "Train"), ("eval_accuracy", "Eval")):
            pattern = rf"\[{part}\]\[Epoch {COMPARED_EPOCHS}[/\d]*\]\[Avg\].*?top1: ([0-9.]+)"
            assert entry[key]["mean"] == pytest.approx(
                float(re.findall(pattern, log)[-1]), abs=1e-4
            )
        # One network, on the same images, once in the trainer and once exported.
        assert entry["exported_accuracy"]["mean"] == pytest.approx(entry["eval_accuracy"]["mean"])
        assert sum(map(sum, entry["confusion"])) == results["eval_images"] == 16
        right = sum(entry["confusion"][index][index] for index in range(4))
        assert right / 16 == entry["exported_accuracy"]["mean"]
        assert entry["latency"]["median_ms"] > 0
        assert entry["peak_memory"] > 2**26
    octave, vanilla = results["models"]
    assert octave["multiply_adds"] < vanilla["multiply_adds"]
    assert octave["total_parameters"] == vanilla["total_parameters"]
    assert octave["group"] == vanilla["group"] == "vanilla"


def test_the_report_needs_no_other_file(folder, results):
    page = (folder / "output/report.html").read_text()
    assert set(re.findall(r'(?:src|href)="(\w+):?', page)) == {"data"}
    text = (folder / "output/report.md").read_text()
    plots = re.findall(r"\]\((plots/[^)]+)\)", text)
    assert len(plots) == len(set(plots)) >= 5
    for name in plots:
        with Image.open(folder / "output" / name) as picture:
            assert min(picture.size) > 200
    for entry in results["models"]:
        assert f"| {entry['model']} | {COMPARED_EPOCHS} |" in text
        assert f"{entry['eval_accuracy']['mean']:.4f}" in text


def test_visualdl_overlays_the_runs(folder, results):
    assert sorted(path.name for path in (folder / "output/visualdl").iterdir()) == [
        "oct",
        "vanilla",
    ]


def test_a_finished_run_is_not_repeated(folder, results, call_cli, monkeypatch, workers_here):
    before = {path: path.stat().st_mtime_ns for path in (folder / "output/runs").rglob("*.log")}
    keep_latencies(folder / "output/latency.json")
    monkeypatch.chdir(folder)
    again = call_cli(*COMPARED)
    assert again.returncode == 0
    assert "finished before: oct, vanilla" in again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_latencies_are_kept_where_they_can_still_be_true(folder, results, monkeypatch):
    output = folder / "output"
    kept = json.loads((output / "latency.json").read_text())
    measured = []
    monkeypatch.setattr(latency, "_measure", lambda *args: measured.append(args) or [])
    members = [run for run in load_runs(output) if run.name in kept["latencies"]]
    try:
        for change, count in (
            ({"machine": latency.machine.in_words()}, 0),
            ({"machine": "another, 64 cores"}, 1),
            ({"latencies": {"oct": {"fp32": {"busy": True}}}}, 2),
        ):
            for forms in kept["latencies"].values():
                forms["fp32"]["busy"] = False
            (output / "latency.json").write_text(json.dumps({**kept, **change}))
            monkeypatch.setattr(latency.machine, "load", lambda: 0.0)
            latency.of_exports(output, members, "paddle")
            assert len(measured) == count
    finally:
        (output / "latency.json").write_text(json.dumps(kept))


def test_a_failed_run_leaves_the_others(folder, results, call_cli, monkeypatch, workers_here):
    config = yaml.safe_load((folder / "oct.yaml").read_text())
    config["Arch"]["alpha"] = 0.001  # leaves the low branch without channels
    (folder / "broken.yaml").write_text(yaml.safe_dump(config))
    keep_latencies(folder / "output/latency.json")
    monkeypatch.chdir(folder)
    failed = call_cli("compare", "broken.yaml", "vanilla.yaml", *COMPARED[3:])
    assert failed.returncode == 1
    assert (
        "broken: train failed with exit code 2: see output/runs/broken/train.log" in failed.stderr
    )
    assert "alpha=0.001" in (folder / "output/runs/broken/train.log").read_text()
    report = (folder / "output/report.md").read_text()
    assert "not in this report:** broken" in report
    assert all(f"| {model} | {COMPARED_EPOCHS} |" in report for model in ("vanilla", "oct"))
