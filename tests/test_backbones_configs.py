"""The ImageNet configs build, and take a step on a tiny data set, in PaddleClas's trainer."""

from __future__ import annotations

import copy
import shutil

import numpy as np
import paddle
import pytest
import yaml
from backbones import build, few_blocks, twin
from conftest import CLASS_NUM, error_line, run_cli, run_here
from mxnet_files import drawn, params

from paddleclas_octconv.config import shipped_configs

CONFIGS = {
    name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, path in shipped_configs().items()
    if name.startswith("ImageNet/") and name.count("/") == 1  # not octavised, not published
}
FINE_TUNING = "ImageNet/OctResNet50_from_ResNet50.yaml"
PAPER = "ImageNet/OctResNet50.yaml"
OTHER_ALPHAS = [name for name in CONFIGS if name.startswith("ImageNet/OctResNet50_alpha")]


def on_tiny_data(folder, tmp_path) -> list[str]:
    """Overrides: two steps on eight images of 32x32."""
    lines = (folder / "train.txt").read_text().splitlines(keepends=True)
    (tmp_path / "eight.txt").write_text("".join(lines[:8]))
    values = {
        "Global.device": "cpu",
        "Global.epochs": 1,
        "Global.eval_during_train": False,
        "Global.print_batch_step": 1,
        "Global.use_visualdl": False,
        "Arch.class_num": CLASS_NUM,
        "Optimizer.lr.learning_rate": 0.001,  # that of the recipe goes with 1024 images a step
        "Optimizer.lr.warmup_epoch": 0,
        "DataLoader.Train.dataset.image_root": folder / "images",
        "DataLoader.Train.dataset.cls_label_path": tmp_path / "eight.txt",
        "DataLoader.Train.dataset.transform_ops.1.RandCropImage.size": 32,
        "DataLoader.Train.sampler.batch_size": 4,
        "DataLoader.Train.loader.num_workers": 0,
        "DataLoader.Train.loader.use_shared_memory": False,
        "Metric.Train.0.TopkAcc.topk": [1],
    }
    return [part for key, value in values.items() for part in ("-o", f"{key}={value}")]


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in OTHER_ALPHAS])
def test_config_trains(name, tiny_data, fetched_trainer, tmp_path):
    options = on_tiny_data(tiny_data, tmp_path)
    if name == FINE_TUNING:
        paddle.save(twin("OctResNet50", class_num=1000).state_dict(), str(tmp_path / "w.pdparams"))
        options += ["-o", f"Arch.pretrained={tmp_path / 'w.pdparams'}"]
    else:
        few = few_blocks(CONFIGS[name]["Arch"]["name"])
        options += [word for key, value in few.items() for word in ("-o", f"Arch.{key}={value}")]
    done = run_here("train", "-c", name, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    log = next((tmp_path / "output").rglob("train.log")).read_text()
    assert "[Train][Epoch 1/1][Iter: 1/2]" in log
    if name == FINE_TUNING:
        assert "cut from those of the vanilla twin; fc starts anew" in log + done.stderr


@pytest.mark.parametrize("name", OTHER_ALPHAS)
def test_another_alpha_is_trained_by_the_same_recipe(name):
    """With another network, which is built, the same trainer does the same."""
    config = copy.deepcopy(CONFIGS[name])
    build(**config["Arch"], **few_blocks(config["Arch"]["name"]))
    config["Arch"]["alpha"] = CONFIGS[PAPER]["Arch"]["alpha"]
    for key in ("output_dir", "save_inference_dir"):
        config["Global"][key] = CONFIGS[PAPER]["Global"][key]
    assert config == CONFIGS[PAPER]


@pytest.mark.parametrize(
    "pretrained, message",
    [
        ("./w.pdparams", "Arch.pretrained: ./w.pdparams: no such file"),
        ("True", "pretrained: True: no ImageNet weights of OctResNet50 are published"),
    ],
)
def test_fine_tuning_without_weights_says_what_lacks(tiny_data, tmp_path, pretrained, message):
    options = [*on_tiny_data(tiny_data, tmp_path), "-o", f"Arch.pretrained={pretrained}"]
    done = run_here("train", "-c", FINE_TUNING, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in error_line(done.stderr)


def test_a_published_network_is_fine_tuned_to_other_classes(tiny_data, fetched_trainer, tmp_path):
    file = "mobilenet_v1_075_alpha-0.375"
    (tmp_path / "cache").mkdir()
    for wheel in fetched_trainer.parents[1].glob("*.whl"):
        shutil.copy(wheel, tmp_path / "cache")
    (tmp_path / f"{file}.params").write_bytes(params(drawn(file)))
    done = run_cli(
        *("train", "-c", "ImageNet/published/OctMobileNetV1_x0_75_alpha0.375.yaml"),
        *(*on_tiny_data(tiny_data, tmp_path), "-o", "Arch.frozen_stages=1"),
        cwd=tmp_path,
        PADDLECLAS_OCTCONV_WEIGHTS_URL=str(tmp_path),
        PADDLECLAS_OCTCONV_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode == 0, done.stderr
    log = next((tmp_path / "output").rglob("train.log")).read_text()
    assert "top-1 70.5 %): the network's own; fc starts anew" in log + done.stderr
    trained = paddle.load(str(next((tmp_path / "output").rglob("latest.pdparams"))))
    given = drawn(file)
    np.testing.assert_array_equal(trained["conv.conv.weight"].numpy(), given["conv1.0.weight"])
    last = trained["blocks.12.pointwise_conv.conv.hh.weight"].numpy()
    assert not np.array_equal(last, given["L5_B1.conv2.conv_h2h.weight"])
    assert trained["fc.weight"].shape == [768, CLASS_NUM]


def test_the_alphas_of_the_paper_are_there():
    alphas = {
        config["Arch"]["alpha"]
        for name, config in CONFIGS.items()
        if config["Arch"]["name"] == "OctResNet50" and name != FINE_TUNING
    }
    assert alphas == {0.125, 0.25, 0.5, 0.75}


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != FINE_TUNING])
def test_the_recipe_is_the_papers(name):
    config = CONFIGS[name]
    lr = config["Optimizer"]["lr"]
    assert lr == {"name": "Cosine", "learning_rate": 0.4, "warmup_epoch": 5}
    assert config["DataLoader"]["Train"]["sampler"]["batch_size"] * 8 == 1024
    smoothing = config["Loss"]["Train"][0]["CELoss"].get("epsilon")
    assert smoothing == (0.1 if "MobileNetV2" in name else None)
    assert config["Arch"]["class_num"] == 1000
