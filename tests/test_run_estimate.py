"""A machine that cannot is told before the training starts, with what it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from paddleclas_octconv.backbones.counts import COUNTS
from paddleclas_octconv.cli import main
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, find_config
from paddleclas_octconv.config.recipe import Recipe
from paddleclas_octconv.run import estimate


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The published recipe on 50,000 images, on a machine of two cores and 8 GiB."""
    monkeypatch.chdir(tmp_path)
    folder = Path("dataset/cifar10")
    folder.mkdir(parents=True)
    (folder / "a.png").touch()
    for name, count in (("train", 50_000), ("val", 10_000)):
        (folder / f"{name}_list.txt").write_text("a.png 0\n" * count)
    (folder / "label_list.txt").write_text("0 a\n")
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "cpu_count", lambda: 2)
    memory = type("Memory", (), {"total": 8 << 30})
    monkeypatch.setattr(estimate.psutil, "virtual_memory", lambda: memory)
    return Config.read(find_config("CIFAR10/OctMobileNetV1"))


def test_time_follows_images_epochs_and_pixels(config):
    whole = estimate.estimate(config)
    assert 3 * 3600 < whole.seconds < 3 * 86400
    for recipe, share in ((Recipe(epochs=6), 2), (Recipe(image_size=112), 4)):
        smaller = estimate.estimate(config.with_recipe(recipe))
        assert whole.seconds / smaller.seconds == pytest.approx(share)


def test_the_twin_costs_more_and_unknown_networks_have_no_estimate(config):
    octave = estimate.estimate(config).seconds
    name = "".join(["MobileNet", "V1"])  # as a file brings it: not the string of the catalogue
    vanilla = config.changed({"Arch.name": name})
    assert 1.5 < estimate.estimate(vanilla).seconds / octave < 2
    unknown = config.changed({"Arch.name": "SwinTransformer_tiny_patch4_window7_224"})
    assert estimate.estimate(unknown) is None


def test_a_recipe_for_gpus_is_answered_with_the_command_that_fits(config, capsys, fetched_trainer):
    assert main(["train", "-c", "CIFAR10/OctMobileNetV1"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("paddleclas: error: Global.device: gpu, but Paddle sees none here: on 2")
    assert "of 8 GiB of memory" in line
    command = line.split("'")[1].split()
    assert command[:4] == ["paddleclas", "train", "-c", "CIFAR10/OctMobileNetV1"]
    assert not Path("output").exists()
    options = dict(zip(command[6::2], command[7::2]))
    recipe = Recipe(**{k[2:].replace("-", "_"): int(v) for k, v in options.items()})
    fitting = estimate.estimate(config.with_recipe(recipe))
    assert fitting.seconds <= estimate.PATIENCE and fitting.memory <= 4 << 30


def test_the_command_keeps_the_epochs_and_the_largest_images_that_fit(config):
    seconds = estimate.estimate(config).seconds  # at 224x224
    fitting = next(s for s in (128, 96, 64, 32) if seconds * (s / 224) ** 2 <= estimate.PATIENCE)
    with pytest.raises(OctConvError, match=f"--device cpu --image-size {fitting} ") as refused:
        estimate.check_cpu(config, "c.yaml", is_asked_for=False)
    assert "--epochs" not in str(refused.value)


def test_of_a_config_without_image_shape_the_images_stay(config):
    general = {key: value for key, value in config["Global"].items() if key != "image_shape"}
    config = Config({**config.sections, "Global": general}, config.file)
    with pytest.raises(OctConvError, match="--epochs 2'") as refused:
        estimate.check_cpu(config, "c.yaml", is_asked_for=False)
    assert "--image-size" not in str(refused.value)


def test_who_asks_for_the_cpu_is_only_warned(config):
    warning = estimate.check_cpu(config, "c.yaml", is_asked_for=True)
    assert "would take up to" in warning
    config = config.changed({"Global.device": "cpu"})
    with pytest.raises(OctConvError, match="DataLoader.Train.sampler.batch_size: too large"):
        estimate.check_cpu(config, "c.yaml", is_asked_for=False)
    config = config.changed({"DataLoader.Train.sampler.batch_size": 8})
    assert "would take up to" in estimate.check_cpu(config, "c.yaml", is_asked_for=False)
    config = config.changed({"Global.epochs": 1})
    assert estimate.check_cpu(config, "c.yaml", is_asked_for=False) is None


def test_with_a_gpu_nothing_is_said(config, monkeypatch):
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    assert estimate.check_cpu(config, "c.yaml", is_asked_for=False) is None


def test_compare_does_not_start_days_of_training_silently(config, capsys):
    assert main(["compare"]) == 2
    said = capsys.readouterr().err
    assert "--preset small has them" in said and said.count("\n") == 1
    assert not Path("output").exists()


@pytest.mark.parametrize(
    "seconds, told", [(5, "1 min"), (3000, "50 min"), (8000, "2 hours"), (5 * 86400, "5 days")]
)
def test_times_are_told_as_people_say_them(seconds, told):
    assert estimate.told(seconds) == told


@pytest.mark.parametrize(
    "seconds, told",
    [(0, "1 min"), (89, "1 min"), (91, "2 min"), (7199, "120 min"), (7200, "2 hours")]
    + [(2 * 86400 - 1, "48 hours"), (2 * 86400, "2 days")],
)
def test_a_unit_begins_at_two_of_it(seconds, told):
    assert estimate.told(seconds) == told


def test_the_estimate_is_the_sum_of_its_parts(config, monkeypatch):
    config = config.changed({"Global.eval_interval": 5})
    general, share = config["Global"], (config["Global"]["image_shape"][1] / 224) ** 2
    multiply_adds = 318e6 * share  # of OctMobileNetV1 at 224x224, as published
    images = {"Train": 1000, "Eval": 300}
    evaluations = general["epochs"] // general["eval_interval"]
    passes = 3 * 1000 * general["epochs"] + 300 * evaluations
    found = estimate.estimate(config, images)
    expected = passes * multiply_adds / (estimate.SPEED * 2)
    assert found.seconds == pytest.approx(expected, rel=0.01)
    monkeypatch.setattr(machine, "cpu_count", lambda: 8)
    assert estimate.estimate(config, images).seconds == pytest.approx(found.seconds / 4)

    # A step holds its batch, or all images where there are fewer; and what does not depend on it.
    batch = config["DataLoader"]["Train"]["sampler"]["batch_size"]
    of_few, of_more, of_all = (
        estimate.estimate(config, {"Train": count, "Eval": 1}).memory for count in (1, 2, batch + 1)
    )
    elements = COUNTS["OctMobileNetV1"].elements * share
    assert of_more - of_few == pytest.approx(8 * elements)
    assert of_all - of_few == pytest.approx(8 * elements * (batch - 1))
    fixed = of_few - 8 * elements
    assert fixed == pytest.approx((600 << 20) + 16 * 4.232e6, rel=0.001)


def test_one_core_is_one(monkeypatch):
    for count, words in ((1, "on 1 CPU core this"), (2, "on 2 CPU cores this")):
        monkeypatch.setattr(estimate.machine, "cpu_count", lambda count=count: count)
        assert estimate.told_on_cpu(7200) == f"{words} would take up to 2 hours"


def test_it_is_told_on_how_many_cores_and_of_how_much_memory(config):
    expected = estimate.estimate(config)
    told = estimate.check_cpu(config, "c.yaml", is_asked_for=True)
    assert told == (
        f"on 2 CPU cores this would take up to {estimate.told(expected.seconds)} and "
        f"{expected.memory / 1024**3:.0f} of 8 GiB of memory"
    )
