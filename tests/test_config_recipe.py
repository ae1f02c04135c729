"""What a recipe sets, it sets in every place where it stands."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, load_config, shipped_configs
from paddleclas_octconv.config.check import check_sections
from paddleclas_octconv.config.dotted import get
from paddleclas_octconv.config.image_size import Size, size_after
from paddleclas_octconv.config.recipe import Recipe

SHIPPED = {name: load_config(path) for name, path in shipped_configs().items()}
OPS = {part: f"DataLoader.{part}.dataset.transform_ops" for part in ("Train", "Eval")}


def changed(config, **recipe):
    return Config(config, Path("c.yaml")).with_recipe(Recipe(**recipe)).sections


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("size", [32, 97, 224, 320])
def test_image_size_is_set_in_all_transforms_and_in_image_shape(name, size):
    config = changed(SHIPPED[name], image_size=size)
    assert config["Global"]["image_shape"] == [3, size, size]
    for ops in (*(get(config, key) for key in OPS.values()), config["Infer"]["transforms"]):
        assert size_after(ops) == Size(size, size)
    check_sections(Config(config, Path(name)), "train", "export")
    if size == SHIPPED[name]["Global"]["image_shape"][1]:
        assert config == SHIPPED[name]


def test_an_open_image_shape_stays_open_and_is_the_size_that_the_transforms_make():
    config = copy.deepcopy(SHIPPED["ImageNet/OctResNet50.yaml"])
    config["Global"]["image_shape"] = [3, -1, -1]
    assert Config(config, Path("c.yaml")).image_shape == [3, 224, 224]
    smaller = changed(config, image_size=64)
    assert smaller["Global"]["image_shape"] == [3, -1, -1]
    assert Config(smaller, Path("c.yaml")).image_shape == [3, 64, 64]
    for key in (OPS["Eval"], "Infer.transforms"):
        get(config, key)[2:3] = []  # no CropImage
    with pytest.raises(OctConvError, match=r"\[3, -1, -1\] leaves height and width open, and"):
        _ = Config(config, Path("c.yaml")).image_shape


def test_what_is_resized_before_it_is_cropped_is_resized_in_proportion():
    config = changed(SHIPPED["ImageNet/OctResNet50.yaml"], image_size=112)
    assert get(config, OPS["Eval"])[1:3] == [
        {"ResizeImage": {"resize_short": 128}},
        {"CropImage": {"size": 112}},
    ]
    assert get(config, OPS["Train"])[1] == {"RandCropImage": {"size": 112}}


def test_crops_of_the_original_images_stay():
    before = SHIPPED["CIFAR10/best/OctMobileNetV1.yaml"]
    after = changed(before, image_size=64)
    assert get(after, OPS["Train"])[1:4] == get(before, OPS["Train"])[1:4]
    assert get(after, OPS["Train"])[4] == {"ResizeImage": {"size": 64}}


def test_training_at_another_size_than_evaluation_stays_so():
    config = copy.deepcopy(SHIPPED["ImageNet/OctResNet50.yaml"])
    get(config, OPS["Train"])[1]["RandCropImage"]["size"] = 176
    config = changed(config, image_size=112)
    assert size_after(get(config, OPS["Train"])) == Size(88, 88)


def test_images_that_come_as_they_are_are_resized(tiny_config):
    config = changed(load_config(tiny_config), image_size=64)
    for ops in (*(get(config, key) for key in OPS.values()), config["Infer"]["transforms"]):
        assert ops[1] == {"ResizeImage": {"size": 64}}
    check_sections(Config(config, tiny_config), "train", "export")


def test_images_that_are_not_square_are_left_to_the_user():
    config = copy.deepcopy(SHIPPED["ImageNet/OctResNet50.yaml"])
    get(config, OPS["Eval"])[1:3] = [{"ResizeImage": {"size": [192, 256]}}]
    assert size_after(get(config, OPS["Eval"])) == Size(256, 192)
    with pytest.raises(OctConvError, match="--image-size 64: .* 256x192, not square"):
        changed(config, image_size=64)


def test_epochs_take_the_schedule_with_them():
    config = copy.deepcopy(SHIPPED["ImageNet/OctResNet50.yaml"])
    config["Global"].update(epochs=90, save_interval=10, eval_interval=5, start_eval_epoch=30)
    config["Optimizer"]["lr"] = {
        "name": "Piecewise",
        "decay_epochs": [30, 60, 80],
        "values": [0.1, 0.01, 0.001, 0.0001],
        "warmup_epoch": 5,
    }
    short = changed(config, epochs=9)
    assert short["Global"]["epochs"] == 9
    assert short["Optimizer"]["lr"]["decay_epochs"] == [3, 6, 8]
    assert short["Optimizer"]["lr"]["warmup_epoch"] == 5
    assert (short["Global"]["save_interval"], short["Global"]["start_eval_epoch"]) == (9, 9)
    shorter = changed(config, epochs=3)
    assert shorter["Optimizer"]["lr"]["warmup_epoch"] == 1
    # PaddleClas would warn of one that takes all epochs.
    assert changed(config, epochs=1)["Optimizer"]["lr"]["warmup_epoch"] == 0
    assert shorter["Global"]["eval_interval"] == 3
    check_sections(Config(shorter, Path("c.yaml")), "train")


def test_batch_size_is_that_of_all_data():
    config = changed(SHIPPED["CIFAR10/OctResNet50.yaml"], batch_size=7)
    sizes = [get(config, f"DataLoader.{part}.sampler.batch_size") for part in ("Train", "Eval")] + [
        config["Infer"]["batch_size"]
    ]
    assert sizes == [7, 7, 7]


def test_the_learning_rate_is_the_highest_of_the_schedule():
    config = copy.deepcopy(SHIPPED["CIFAR10/OctResNet50.yaml"])
    assert changed(config, lr=0.5)["Optimizer"]["lr"]["learning_rate"] == 0.5
    config["Optimizer"]["lr"] = {"name": "Piecewise", "values": [0.1, 0.01], "decay_epochs": [1]}
    assert changed(config, lr=0.2)["Optimizer"]["lr"]["values"] == pytest.approx([0.2, 0.02])
    one = {"SGD": {"scope": "a", "lr": {"name": "Cosine", "learning_rate": 0.1}}}
    config["Optimizer"] = [one, copy.deepcopy(one)]
    rates = [item["SGD"]["lr"]["learning_rate"] for item in changed(config, lr=3)["Optimizer"]]
    assert rates == [3, 3]
    config["Optimizer"] = {"name": "Adam"}
    with pytest.raises(OctConvError, match="--lr 1: Optimizer.lr has no learning rate"):
        changed(config, lr=1)


def test_the_rest_is_set_where_it_stands():
    config = changed(
        SHIPPED["CIFAR10/OctResNet50.yaml"],
        device="cpu",
        output="a=b",
        inference="c",
        weights="w",
        images="i",
        topk=2,
    )
    assert [config["Global"][key] for key in ("device", "output_dir", "pretrained_model")] == [
        "cpu",
        "a=b",
        "w",
    ]
    assert config["Global"]["save_inference_dir"] == "c"
    assert (config["Infer"]["infer_imgs"], config["Infer"]["PostProcess"]["topk"]) == ("i", 2)
