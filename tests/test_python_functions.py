"""What the package offers in Python: the commands as functions, from a folder to a prediction."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from conftest import run_python

import paddleclas_octconv as octconv
from paddleclas_octconv.api import export, jobs
from paddleclas_octconv.backbones.published_weights import PUBLISHED
from paddleclas_octconv.cli import parser_of
from paddleclas_octconv.config import Config
from paddleclas_octconv.run import launch

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "pictures.ipynb"
# Options of commands alone: how a command prints, and what is an environment variable in Python.
OF_COMMANDS = {"help", "json", "csv", "all", "module"}
LAUNCH = {name.replace("-", "_") for name, _ in launch.OPTIONS}


def cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def options_of(command: str) -> set[str]:
    """The options of a command by the names that a function gives them."""
    names = {re.sub("^(recipe|launch)_", "", each.dest) for each in parser_of(command)._actions}
    return {"output" if name == "inference" else name for name in names} - OF_COMMANDS


def parameters(function) -> set[str]:
    return {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }


def test_dir_is_what_all_has():
    assert sorted(dir(octconv)) == sorted(octconv.__all__) == sorted(set(octconv.__all__))
    assert all(getattr(octconv, name) is not None for name in octconv.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        octconv.trian  # noqa: B018


def test_importing_it_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import paddleclas_octconv; dir(paddleclas_octconv);"
        "print(sorted(set(sys.modules) - before - {'paddleclas_octconv'}))"
    )
    assert run_python("-S", "-c", code, cwd=ROOT).stdout == "[]\n"


def test_functions_but_those_of_networks_import_no_paddle():
    names = [name for name in octconv.__all__ if name not in ("octavize", "join")]
    code = f"import sys\nfrom paddleclas_octconv import {', '.join(names)}\n"
    assert run_python("-c", f"{code}print('paddle' in sys.modules)").stdout == "False\n"


@pytest.mark.parametrize(
    "function, command, further",
    [
        (octconv.train, "train", {*jobs.ProcessOptions.__annotations__, *LAUNCH}),
        (octconv.evaluate, "eval", {*jobs.ProcessOptions.__annotations__, *LAUNCH}),
        (octconv.export, "export", set(export.ExportOptions.__annotations__)),
        (octconv.predict, "predict", set()),
    ],
)
def test_a_function_takes_what_its_command_takes(function, command, further):
    assert parameters(function) | further == options_of(command)


def test_prepare_takes_what_its_command_takes_of_own_images():
    others = {"dataset", "partial", "subset"}
    assert parameters(octconv.prepare) == options_of("prepare") - others


@pytest.mark.parametrize(
    "function", [octconv.export, octconv.predict], ids=lambda function: function.__name__
)
def test_defaults_are_those_of_the_command(function):
    actions = {each.dest: each for each in parser_of(function.__name__)._actions}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in actions and parameter.default is not parameter.empty:
            assert parameter.default == actions[name].default, name


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda c: octconv.train(c, epoch=3), "unknown option epoch; did you mean epochs?"),
        (lambda c: octconv.train(c, epochs="3"), "epochs: '3' should be a whole number from 1"),
        (lambda c: octconv.train(c, patience=0), "patience: 0 should be a whole number from 1"),
        (lambda c: octconv.train(c, lr=-1), "lr: -1 should be a number above 0"),
        (lambda c: octconv.train(c, nproc_per_node=0), "--nproc-per-node 0"),
        (lambda c: octconv.train("Digits/OctMobileNet"), "did you mean Digits/OctMobileNetV1"),
        (lambda c: octconv.evaluate(c, weights="none"), "none.pdparams"),
        (lambda c: octconv.evaluate(c, override="Global.epoch=1"), "did you mean Global.epochs?"),
        (lambda c: octconv.export(c, gpus="0"), "export: unknown option gpus"),
        (lambda c: octconv.export(c, int8=True), "--int8 should go with"),
        (lambda c: octconv.export(c, max_drop="1"), "max_drop: '1' should be a number from 0 to"),
        (
            lambda c: octconv.train(c, image_size=20000),
            "image_size: 20000 should be a whole",
        ),
        (lambda c: octconv.prepare(c.parent / "none"), "none"),
        (lambda c: octconv.prepare(c.parent, val=2), "val: 2 should be a share"),
        (lambda c: octconv.prepare(c.parent, arch="OctResNet5O"), "did you mean OctResNet50"),
        (lambda c: octconv.predict(c.parent / "none", c), "none: no such folder"),
        (lambda c: octconv.create_model("OctResNet5O"), "did you mean OctResNet50"),
        (lambda c: octconv.create_model("OctResNet50", alhpa=0.5), "did you mean alpha?"),
    ],
)
def test_a_mistake_is_one_line(call, told, tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(octconv.OctConvError, match=re.escape(told)) as raised:
        call(tiny_config)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_what_a_process_has_told_is_raised(tiny_config, fetched_trainer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(octconv.OctConvError, match="OctMobileNetV1_x0_25 .*'alhpa'"):
        octconv.train(tiny_config, override=["Arch.alhpa=0.5"])


def test_a_data_set_of_the_shipped_configs_is_prepared_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = octconv.prepare("digits")
    assert sum(digits.images.values()) == 1797
    assert digits.classes[:2] == ["zero", "one"] and len(digits.classes) == 10
    dataset = Config.read(digits.config).dataset("Eval")
    assert len((tmp_path / dataset["cls_label_path"]).read_text().splitlines()) == 360
    with pytest.raises(octconv.OctConvError, match="image_size: goes with images of your own"):
        octconv.prepare("digits", image_size=64)


def test_models_are_listed_by_pattern_and_weights():
    published = {weights.network for weights in PUBLISHED}
    assert set(octconv.list_models(pretrained=True)) == published
    assert octconv.list_models("octRESNET50*", pretrained=True) == [
        name for name in octconv.list_models("OctResNet50*") if name in published
    ]
    assert octconv.list_models("none") == []


def test_a_model_follows_the_seed_of_the_program():
    import paddle

    def weights(seed: int):
        paddle.seed(seed)
        return octconv.create_model("OctMobileNetV1_x0_25", class_num=3).fc.weight.numpy()

    assert (weights(3) == weights(3)).all() and (weights(3) != weights(4)).any()


def test_readme_shows_lines_of_the_notebook():
    """The notebook is run; so what README shows is run too."""
    for page in ("README.md", "README_ch.md"):
        (block,) = re.findall(
            r"```python\n(import paddleclas_octconv as octconv\n.*?)```",
            (ROOT / page).read_text(encoding="utf-8"),
            re.DOTALL,
        )
        lines = [re.sub(r"\s+#.*", "", line) for line in block.splitlines() if line]
        assert len(lines) == 6
        assert set(lines) <= set("\n".join(cells()).splitlines())


@pytest.mark.timeout(600)
def test_notebook_runs_from_a_folder_to_a_prediction(fetched_trainer, tmp_path):
    """Its cells, in order, in one process of their own: a kernel would bring twenty packages for
    what a Python does."""
    checks = """
import json
print(json.dumps({
    "top1": evaluated.top1, "best": trained.metric, "epoch": trained.epoch,
    "weights": trained.weights.is_file(), "images": images.images, "classes": images.classes,
    "dots": [each.label_names[0] for each in predictions],
    "names": [each.file_name for each in predictions], "found": found,
}))
"""
    (tmp_path / "cells.py").write_text("\n".join([*cells(), checks]), encoding="utf-8")
    done = run_python("cells.py", cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["images"] == {"train": 144, "val": 36}
    assert seen["classes"] == ["bars", "dots", "stripes"]
    assert seen["weights"] and seen["top1"] > 0.9
    assert seen["top1"] == pytest.approx(seen["best"], abs=1e-4)
    assert len(seen["names"]) == 60 and seen["names"][0].startswith("pictures/dots/")
    assert seen["dots"].count("dots") > 50
    assert seen["found"] == ["bars", "dots", "stripes"]
