"""``Octave`` in PaddleClas's own trainer: training, evaluation, export and prediction."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import CLASS_NUM, error_line, run_here, run_python


@pytest.fixture(scope="module")
def config(tiny_config, tmp_path_factory):
    content = yaml.safe_load(tiny_config.read_text())
    backbone = {"name": "PPLCNet_x0_25"}
    content["Arch"] = {"name": "Octave", "backbone": backbone, "alpha": 0.5, "class_num": CLASS_NUM}
    path = tmp_path_factory.mktemp("octave") / "octave.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def trained(config, fetched_trainer):
    done = run_here("train", "-c", config, cwd=config.parent)
    assert done.returncode == 0, done.stderr
    return config.parent


def test_trains_evaluates_and_exports(trained, config):
    best = trained / "output" / "Octave" / "best_model.pdparams"
    assert best.is_file()
    done = run_here("eval", "-c", config, cwd=trained)
    assert done.returncode == 0 and "top1" in done.stdout + done.stderr
    done = run_here("export", "-c", config, "--format", "pdmodel", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert (trained / "inference" / "inference.pdiparams").is_file()


def test_goes_on_from_vanilla_weights(trained, config, tmp_path):
    import paddle
    from backbones import zoo

    with paddle.utils.unique_name.guard():
        vanilla = zoo.PPLCNet_x0_25(class_num=7)
    paddle.save(vanilla.state_dict(), str(tmp_path / "vanilla.pdparams"))
    override = f"Global.pretrained_model={tmp_path / 'vanilla'}"
    done = run_here("train", "-c", config, "-o", override, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cut from those of the vanilla twin" in done.stdout + done.stderr


def test_bad_input_ends_in_one_line(config, fetched_trainer, tmp_path):
    override = "Arch.backbone.name=PPLCNet_x0_2"
    done = run_here("train", "-c", config, "-o", override, cwd=tmp_path)
    assert done.returncode == 2
    message = "there is no backbone 'PPLCNet_x0_2'; did you mean"
    assert message in error_line(done.stderr)


def test_models_and_summary_know_it(config, call_cli):
    done = call_cli("models", "Octave:PPLCNet_x0_25", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["twin"] == "PPLCNet_x0_25" and row["ratio"] < 0.7
    done = call_cli("summary", "-c", config)
    assert done.returncode == 0, done.stderr
    assert "OctavizedConv2D" in done.stdout


def test_unmodified_tools_of_a_checkout_train_statically_and_export(checkout, config, tmp_path):
    """``tools/train.py`` and ``tools/export_model.py``: nothing but the hook tells them of us."""
    override = ("-o", "Global.to_static=True")
    done = run_python(checkout / "tools" / "train.py", "-c", config, *override, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (weights,) = (tmp_path / "output").rglob("best_model.pdparams")
    tool = checkout / "tools" / "export_model.py"
    override = ("-o", f"Global.pretrained_model={weights.with_suffix('')}")
    done = run_python(tool, "-c", config, *override, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "inference" / "inference.pdiparams").is_file()
