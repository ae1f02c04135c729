"""What a comparison is going to run, and what it refuses before it writes anything."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from paddleclas_octconv.cli import compare, main
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.compare import plan, report
from paddleclas_octconv.compare.folder import load_runs, write
from paddleclas_octconv.compare.planned import Options
from paddleclas_octconv.compare.presets import MODELS, PRESETS, config_names
from paddleclas_octconv.config import find_config
from paddleclas_octconv.config.dotted import get
from paddleclas_octconv.data.list_files import read_list
from paddleclas_octconv.run import estimate


@pytest.fixture
def configs(tiny_config, tmp_path) -> list[str]:
    """Two configs, of an octave network and its twin, on the tiny data."""
    own = variant(tiny_config, tmp_path / "tiny.yaml", lambda config: None)
    return [str(own), str(variant(tiny_config, tmp_path / "twin.yaml", twin))]


def variant(source: Path, target: Path, change) -> Path:
    config = yaml.safe_load(Path(source).read_text())
    change(config)
    target.write_text(yaml.safe_dump(config))
    return target


def twin(config):
    config["Arch"] = {"name": "MobileNetV1_x0_25", "class_num": 4}


def files_in(folder: Path) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, tmp_path, *arguments: str) -> str:
    """The one line in which a call ends that must not write anything."""
    before = files_in(tmp_path)
    assert main(["compare", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ")
    assert files_in(tmp_path) == before
    return line


def test_every_preset_has_its_four_configs():
    for name in PRESETS:
        assert [find_config(config).stem for config in config_names(name)] == list(MODELS)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--preset", "smal"], ["--preset smal", "small"]),
        (["--models", "OctResNet5"], ["--models OctResNet5", "OctResNet50"]),
        (["--seeds", "1,1"], ["--seeds", "1,1"]),
        (["--seeds", "1,4294967296"], ["--seeds", "1,4294967296", "2**32"]),
        (["--epochs", "0"], ["--epochs", "'0'"]),
        (["--image-size", "x"], ["--image-size", "'x'"]),
        (["nowhere.yaml", "either.yaml"], ["nowhere.yaml"]),
    ],
)
def test_unknown_values_are_named(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, tmp_path, *arguments)
    assert all(word in line for word in words), line


def test_one_config_is_no_comparison(capsys, tmp_path, configs):
    assert "two configs" in refused(capsys, tmp_path, configs[0])


def test_a_preset_does_not_go_with_configs(capsys, tmp_path, configs):
    assert "--preset" in refused(capsys, tmp_path, *configs, "--preset", "small")


def test_configs_on_different_data_are_refused(capsys, tmp_path, tiny_data, configs):
    def other_list(config):
        config["DataLoader"]["Eval"]["dataset"]["cls_label_path"] = str(tiny_data / "train.txt")

    other = variant(configs[0], tmp_path / "other.yaml", other_list)
    line = refused(capsys, tmp_path, configs[0], str(other))
    assert "DataLoader.Eval.dataset.cls_label_path" in line
    assert "val.txt" in line and "train.txt" in line


@pytest.mark.parametrize("option, count", [("--subset", 24), ("--eval-subset", 16)])
def test_a_subset_larger_than_the_data_is_refused(capsys, tmp_path, configs, option, count):
    output = str(tmp_path / "out")
    line = refused(capsys, tmp_path, *configs, option, str(count + 1), "--output", output)
    assert f"{option} {count + 1}" in line and str(count) in line
    assert not Path(output).exists()


def test_a_folder_of_something_else_is_refused(capsys, tmp_path, configs):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    line = refused(capsys, tmp_path, *configs, "--output", str(tmp_path / "out"))
    assert f"--output {tmp_path / 'out'}" in line


def test_a_folder_of_other_configs_is_refused(capsys, tmp_path, configs):
    output = tmp_path / "out"
    write(plan.make(Options(configs=configs, output=output)))
    others = [
        str(variant(path, tmp_path / f"other{number}.yaml", lambda config: None))
        for number, path in enumerate(configs)
    ]
    line = refused(capsys, tmp_path, *others, "--output", str(output))
    assert "belongs to a comparison of tiny, twin" in line


def test_a_folder_of_the_same_configs_with_other_options_is_refused(capsys, tmp_path, configs):
    output = tmp_path / "out"
    write(plan.make(Options(configs=configs, output=output)))
    line = refused(capsys, tmp_path, *configs, "--epochs", "3", "--output", str(output))
    assert "--epochs 1, not 3" in line


def test_seeds_are_added_to_a_comparison(tmp_path, configs):
    for seeds in ([1], [1, 2]):
        write(plan.make(Options(configs=configs, seeds=seeds, output=tmp_path / "out")))
    names = [run.name for run in load_runs(tmp_path / "out")]
    assert names == ["tiny-seed1", "twin-seed1", "tiny-seed2", "twin-seed2"]


def test_a_seed_is_trained_once_however_it_is_asked_for(tmp_path, configs):
    output = tmp_path / "out"
    write(plan.make(Options(configs=configs, output=output)))
    seed = load_runs(output)[0].seed
    again = plan.make(Options(configs=configs, seeds=[seed, seed + 1], output=output))
    names = ["tiny", f"tiny-seed{seed + 1}", "twin", f"twin-seed{seed + 1}"]
    assert [run.name for run in again.runs] == names


def test_a_folder_can_be_called_by_another_path_and_on_another_device(
    tmp_path, configs, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = dict(configs=configs, subset=12, eval_subset=8)
    write(plan.make(Options(**options, output=tmp_path / "out")))
    overrides = ["Global.device=cpu"]
    again = plan.make(Options(**options, output=Path("out"), overrides=overrides))
    assert [run.name for run in again.runs] == ["tiny", "twin"]


def test_a_list_given_as_a_tuple_is_the_same_when_asked_again(tmp_path, configs):
    overrides = ["Global.image_shape=3,32,32", "Arch.return_stages=(1,2)"]
    for _ in range(2):
        options = Options(configs=configs, overrides=overrides, output=tmp_path / "out")
        write(plan.make(options))
    assert load_runs(tmp_path / "out")[0].config["Global"]["image_shape"] == [3, 32, 32]


@pytest.mark.parametrize(
    "key", ["DataLoader.Eval.dataset", "DataLoader.Train.sampler.batch_size", "Metric.Eval"]
)
def test_what_a_comparison_needs_is_asked_for(capsys, tmp_path, configs, key):
    parent, _, last = key.rpartition(".")

    def without(config):
        del get(config, parent)[last]
        config["Global"]["eval_during_train"] = False
        config["DataLoader"]["Train"]["sampler"]["first_bs"] = 8

    path = str(variant(configs[0], tmp_path / "other.yaml", without))
    assert f"{key}: missing from the config" in refused(capsys, tmp_path, path, configs[1])


@pytest.mark.parametrize("content", ["[]", "{}", '{"runs": 5}', "{"])
def test_a_damaged_folder_is_told(capsys, tmp_path, configs, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "comparison.json").write_text(content)
    line = refused(capsys, tmp_path, *configs, "--output", str(tmp_path / "out"))
    assert f"--output {tmp_path / 'out'}" in line and "comparison.json" in line


def test_a_folder_whose_lists_were_drawn_from_other_images_is_refused(capsys, tmp_path, configs):
    arguments = [*configs, "--subset", "12", "--output", str(tmp_path / "out")]
    write(plan.make(Options(configs=configs, subset=12, output=tmp_path / "out")))
    for config in configs:
        content = yaml.safe_load(Path(config).read_text())
        dataset = content["DataLoader"]["Train"]["dataset"]
        backwards = reversed(Path(dataset["cls_label_path"]).read_text().splitlines())
        dataset["cls_label_path"] = str(tmp_path / "backwards.txt")
        (tmp_path / "backwards.txt").write_text("\n".join(backwards) + "\n")
        Path(config).write_text(yaml.safe_dump(content))
    line = refused(capsys, tmp_path, *arguments)
    assert "train_12.txt was drawn from other images" in line


def test_a_cpu_is_asked_about_before_the_first_training_alone(
    capsys, tmp_path, configs, monkeypatch
):
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(estimate, "PATIENCE", 1e-9)
    monkeypatch.setattr(compare, "run_all", lambda *arguments: [])
    nothing = {"models": [], "verdicts": [], "fronts": []}
    monkeypatch.setattr(report, "write", lambda *arguments: Path("report.html"))
    monkeypatch.setattr(report, "read", lambda folder: nothing)
    arguments = [*configs, "--subset", "12", "--output", str(tmp_path / "out")]
    assert "Global.device: Paddle sees no GPU here" in refused(capsys, tmp_path, *arguments)
    assert main(["compare", *arguments, "-o", "Global.device=cpu"]) == 0
    assert "paddleclas: report\n" in capsys.readouterr().err
    assert "Paddle sees no GPU" in refused(capsys, tmp_path, *arguments)
    run = load_runs(tmp_path / "out")[0]
    (run.folder / "state.json").write_text('{"done": [], "segments": [{"first_epoch": 1}]}')
    assert main(["compare", *arguments]) == 0


def test_each_run_has_a_config_of_its_own(tmp_path, configs):
    options = Options(
        configs=configs, seeds=[3, 4], epochs=5, overrides=["Optimizer.lr.learning_rate=0.5"]
    )
    options.output = tmp_path / "out"
    runs = plan.make(options).runs
    folders = {run.config["Global"]["output_dir"] for run in runs}
    assert len(runs) == len(folders) == 4
    for run in runs:
        assert run.config["Global"]["seed"] == run.seed
        assert run.config["Global"]["epochs"] == 5
        assert run.config["Global"]["use_visualdl"] is True
        assert run.config["Optimizer"]["lr"]["learning_rate"] == 0.5
    assert not options.output.exists()


def test_the_last_epoch_is_evaluated_and_its_last_step_logged(tmp_path, configs):
    overrides = ["Global.print_batch_step=10", "Global.eval_interval=4"]
    options = Options(configs=configs, epochs=6, overrides=overrides, output=tmp_path / "out")
    run = plan.make(options).runs[0]
    assert run.steps == 3
    assert (run.steps - 1) % run.config["Global"]["print_batch_step"] == 0
    assert run.config["Global"]["eval_interval"] == 3


def test_a_subset_keeps_the_shares_of_the_classes(tmp_path, configs):
    options = Options(configs=configs, subset=12, eval_subset=8, output=tmp_path / "out")
    planned = plan.make(options)
    write(planned)
    for part, count in (("Train", 12), ("Eval", 8)):
        dataset = planned.runs[0].config["DataLoader"][part]["dataset"]
        entries = read_list(Path(dataset["cls_label_path"]))
        assert Counter(label for _, label in entries) == dict.fromkeys(range(4), count // 4)
    assert (planned.runs[0].train_images, planned.runs[0].eval_images) == (12, 8)


def test_a_smaller_batch_keeps_the_steps_of_an_epoch(tmp_path, configs):
    options = Options(configs=configs, subset=12, same_steps=True, output=tmp_path / "out")
    run = plan.make(options).runs[0]
    assert run.config["DataLoader"]["Train"]["sampler"]["batch_size"] == 4
    assert run.steps == 3


def test_a_batch_that_was_asked_for_stays(tmp_path, configs):
    options = Options(
        configs=configs,
        subset=12,
        same_steps=True,
        overrides=["DataLoader.Train.sampler.batch_size=6"],
        output=tmp_path / "out",
    )
    run = plan.make(options).runs[0]
    assert run.config["DataLoader"]["Train"]["sampler"]["batch_size"] == 6
    assert run.steps == 2


def test_a_mistyped_key_is_told_before_anything_is_written(tmp_path, configs):
    options = Options(configs=configs, overrides=["Optimizer.momentun=1"], output=tmp_path / "o")
    with pytest.raises(OctConvError, match="Optimizer.momentun: .* reads no such key"):
        plan.make(options)
    assert not (tmp_path / "o").exists()


def test_no_step_left_is_an_error(tmp_path, configs):
    overrides = ["DataLoader.Train.sampler.drop_last=True"]
    overrides += ["DataLoader.Train.sampler.batch_size=32"]
    options = Options(configs=configs, overrides=overrides, output=tmp_path / "out")
    with pytest.raises(OctConvError, match="batch_size: 32"):
        plan.make(options)


def test_each_octave_network_is_trained_with_each_alpha(tmp_path, configs):
    options = Options(configs=configs, alphas=[0.25, 0.5], output=tmp_path / "output")
    planned = plan.make(options)
    assert [run.name for run in planned.runs] == ["tiny-alpha0.25", "tiny-alpha0.5", "twin"]
    alphas = [run.config["Arch"].get("alpha") for run in planned.runs]
    assert alphas == [0.25, 0.5, None]


def test_networks_of_paddleclas_are_trained_beside(tmp_path, configs, fetched_trainer):
    options = Options(configs=configs, beside=["PPLCNet_x1_0"], output=tmp_path / "output")
    *_, twin_run, beside = plan.make(options).runs
    assert beside.config["Arch"] == {"name": "PPLCNet_x1_0", "class_num": 4}
    assert beside.config["Optimizer"] == twin_run.config["Optimizer"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--alphas", "0.5,1"], ["--alphas", "[0, 1)", "1.0"]),
        (["--alphas", "x"], ["--alphas", "'x'"]),
        (["--beside", "MobileNetV1_x0_25"], ["--beside MobileNetV1_x0_25", "compared already"]),
        (["--beside", "PPLCNet_x1"], ["--beside PPLCNet_x1", "PPLCNet_x1_0"]),
        (["--epochs", "2000000"], ["--epochs: 2000000", "1,000,000"]),
        (["--jobs", "0"], ["--jobs", "'0'"]),
        (["--engine", "openvin"], ["--engine", "openvin"]),
    ],
)
def test_what_cannot_be_compared_is_named(
    capsys, tmp_path, configs, fetched_trainer, arguments, words
):
    line = refused(capsys, tmp_path, *configs, *arguments)
    assert all(word in line for word in words), line


def test_published_figures_stand_beside_the_published_recipe_alone():
    from paddleclas_octconv.compare import reference
    from paddleclas_octconv.config import Config

    def recipe(name: str) -> Config:
        return Config.read(find_config(name))

    config = recipe("CIFAR10/OctResNet50.yaml")
    assert reference.figures_for(config, 50_000).eval_accuracy == 0.7915
    assert reference.figures_for(config, 5_000) is None
    for key, value in (("Global.epochs", 3), ("Global.image_shape", [3, 32, 32])):
        other = config.changed({key: value})
        assert reference.figures_for(other, 50_000) is None
    assert reference.figures_for(recipe("CIFAR10/best/OctResNet50.yaml"), 50_000) is None
    assert reference.figures_for(recipe("ImageNet/OctResNet50.yaml"), 50_000) is None
