"""What eval, infer and summary print: a table, or JSON that a program reads."""

from __future__ import annotations

import csv
import io
import json
import shutil

import pytest
from conftest import run_here

from paddleclas_octconv.cli import eval as evaluation
from paddleclas_octconv.cli import tables, weights
from paddleclas_octconv.run.job import Job


@pytest.fixture(scope="module")
def trained(tiny_run, tmp_path_factory):
    """A folder in which the tiny network is trained for an epoch."""
    return shutil.copytree(tiny_run, tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture
def trainer_once(monkeypatch):
    """The trainer runs once; to be printed otherwise, what it has told is told again."""
    run, told = Job.run, []

    def once(self, *args, **kwargs):
        told.append(told[0] if told else (run(self, *args, **kwargs), self.results))
        code, self.results = told[0]
        return code

    monkeypatch.setattr(Job, "run", once)


def test_eval_prints_one_table_or_json(trained, tiny_config, trainer_once):
    table = run_here("eval", "-c", tiny_config, cwd=trained)
    assert table.returncode == 0, table.stderr
    assert "[Eval]" not in table.stdout + table.stderr
    (log,) = trained.rglob("eval.log")
    assert "[Eval][Epoch 0][Avg]" in log.read_text()
    result = run_here("eval", "-c", tiny_config, "--json", cwd=trained)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["network"] == "OctMobileNetV1_x0_25"
    assert found["weights"].endswith("best_model")
    assert 0 <= found["top1"] <= 1 and found["CELoss"] > 0
    rows = [line.split() for line in table.stdout.splitlines() if line.startswith("| top1")]
    assert rows == [["|", "top1", "|", f"{found['top1']:.4f}", "|"]]


def test_infer_prints_a_table_or_json_or_csv(trained, tiny_config, tiny_data, trainer_once):
    images = ["--images", tiny_data / "images" / "7.png", "--topk", 3]
    result = run_here("infer", "-c", tiny_config, *images, "--json", cwd=trained)
    (found,) = json.loads(result.stdout)
    assert found["image"].endswith("7.png")
    scores = [each["score"] for each in found["classes"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert all(each["class"] == f"class{each['class_id']}" for each in found["classes"])
    rows = run_here("infer", "-c", tiny_config, *images, "--csv", cwd=trained).stdout
    header, first, *_ = csv.reader(io.StringIO(rows))
    assert header == ["image", "class_id", "class", "score"]
    assert first[2] == found["classes"][0]["class"]
    table = run_here("infer", "-c", tiny_config, *images, cwd=trained).stdout
    best = found["classes"][0]
    assert f"{best['class']} ({best['class_id']})" in table and "7.png" in table
    assert "class_ids" not in table


def test_json_and_csv_exclude_each_other(tiny_config, call_cli):
    result = call_cli("infer", "-c", tiny_config, "--json", "--csv")
    assert result.returncode == 2 and "not allowed with" in result.stderr


def test_what_is_no_class_is_printed_as_it_is(capsys):
    """PaddleClas's attribute networks say more than classes."""
    print(tables.classes_table([{"attributes": ["male"], "output": [1], "file_name": "a.jpg"}]))
    said = capsys.readouterr().out
    assert "attributes: ['male']" in said and "a.jpg" in said
    assert evaluation.HELP


def test_summary_as_json_and_in_a_narrow_terminal(tiny_config, call_cli, monkeypatch):
    found = json.loads(call_cli("summary", "-c", tiny_config, "--json").stdout)
    assert found["input"] == [3, 32, 32]
    assert sum(layer["parameters"] for layer in found["layers"]) == found["total_parameters"]
    assert any(layer["low"] for layer in found["layers"])
    larger = json.loads(call_cli("summary", "-c", tiny_config, "--json", "--image-size", 64).stdout)
    assert larger["multiply_adds"] > 3.9 * found["multiply_adds"]
    monkeypatch.setenv("COLUMNS", "80")
    lines = call_cli("summary", "-c", tiny_config).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for layer in found["layers"]:  # its name in one piece
        assert any(line.startswith(f"{layer['name']} ") for line in lines)
    assert f"Total params: {found['total_parameters']:,}" in lines


def test_the_list_of_weights_fits_80_columns(call_cli, monkeypatch):
    monkeypatch.setattr(weights.store, "is_fetched", lambda checkpoint: True)
    lines = call_cli("weights").stdout.splitlines()
    assert max(map(len, lines)) <= 80 and lines[2].endswith(" fetched")
