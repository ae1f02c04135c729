"""The shipped configs: complete, equal within a pair, and understood by every trainer."""

import copy
import json
import subprocess
import sys

import pytest
import yaml

from paddleclas_octconv.config.find import shipped_configs

CONFIGS = {name: yaml.safe_load(path.read_text()) for name, path in shipped_configs().items()}
PAIRS = [
    ("CIFAR10/OctMobileNetV1.yaml", "CIFAR10/MobileNetV1.yaml"),
    ("CIFAR10/OctResNet50.yaml", "CIFAR10/ResNet50.yaml"),
]
COMPARED = [name for pair in PAIRS for name in pair]


def without_identity(config):
    """The config without what tells a network from its twin."""
    config = copy.deepcopy(config)
    del config["Arch"]
    for key in ("output_dir", "save_inference_dir"):
        del config["Global"][key]
    return config


def without_batch_size(config):
    config = copy.deepcopy(config)
    for mode in ("Train", "Eval"):
        del config["DataLoader"][mode]["sampler"]["batch_size"]
    return config


def test_the_configs_of_the_comparison_are_shipped():
    assert {"Digits/OctMobileNetV1.yaml", *COMPARED} <= set(CONFIGS)


TWINS = [(n, n.replace("Oct", "")) for n in CONFIGS if n.replace("Oct", "") in set(CONFIGS) - {n}]


@pytest.mark.parametrize("octave, vanilla", TWINS)
def test_twins_differ_in_the_network_alone(octave, vanilla):
    assert without_identity(CONFIGS[octave]) == without_identity(CONFIGS[vanilla])
    arch = dict(CONFIGS[octave]["Arch"])
    assert arch.pop("alpha") == 0.5
    assert arch.pop("conv_bias", False) == (octave in COMPARED)
    if "small_images" in arch:  # which PaddleClas's networks lack: it is itself without low maps
        assert {**arch, "alpha": 0.0} == CONFIGS[vanilla]["Arch"]
        return
    assert arch == {**CONFIGS[vanilla]["Arch"], "name": f"Oct{CONFIGS[vanilla]['Arch']['name']}"}


def test_the_pairs_differ_in_the_batch_size_alone():
    recipes = [without_batch_size(without_identity(CONFIGS[name])) for name in COMPARED]
    assert all(recipe == recipes[0] for recipe in recipes)


@pytest.mark.parametrize("name", COMPARED)
def test_the_recipe_is_the_published_one(name):
    config = CONFIGS[name]
    batch_size = 768 if "MobileNet" in name else 256
    assert config["Arch"]["class_num"] == 10
    assert config["Global"]["epochs"] == 12
    assert config["Global"]["use_visualdl"] is True
    assert config["Optimizer"] == {
        "name": "Adam",
        "lr": {"name": "Constant", "learning_rate": 0.001},
    }
    assert config["Loss"]["Train"] == [{"CELoss": {"weight": 1.0}}]
    assert config["DataLoader"]["Train"]["sampler"] == {
        "name": "DistributedBatchSampler",
        "batch_size": batch_size,
        "drop_last": False,
        "shuffle": True,
    }
    halves = [0.5, 0.5, 0.5]
    normalize = {"scale": "1.0/255.0", "mean": halves, "std": halves, "order": ""}
    assert config["DataLoader"]["Train"]["dataset"]["transform_ops"] == [
        {"DecodeImage": {"to_rgb": True, "channel_first": False}},
        {"ResizeImage": {"size": 224}},
        {"NormalizeImage": normalize},
    ]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_mode_sees_images_of_the_same_size(name):
    config = CONFIGS[name]
    transforms = config["DataLoader"]["Eval"]["dataset"]["transform_ops"]
    assert config["Infer"]["transforms"] == [*transforms, {"ToCHWImage": None}]
    sizes = [op[name] for op in transforms for name in ("ResizeImage", "CropImage") if name in op]
    size = sizes[-1]["size"]
    assert config["Global"]["image_shape"] == [3, size, size]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_has_folders_of_its_own(name):
    stem = name[: -len(".yaml")]
    assert CONFIGS[name]["Global"]["output_dir"] == f"./output/{stem}"
    assert CONFIGS[name]["Global"]["save_inference_dir"] == f"./inference/{stem}"


BUILD = """
import io, json, sys
root, configs = sys.argv[1], json.load(sys.stdin)
sys.path.insert(0, root)
import numpy as np
import paddle
from PIL import Image
from ppcls import data
from ppcls.data import create_operators, transform
from ppcls.data.postprocess import build_postprocess
from ppcls.loss import build_loss
from ppcls.metric import build_metrics
from ppcls.optimizer import build_optimizer
from ppcls.utils.logger import init_logger

init_logger()
file = io.BytesIO()
Image.new("RGB", (32, 32), (255, 0, 128)).save(file, "PNG")
for config in configs.values():
    image = transform(file.getvalue(), create_operators(config["Infer"]["transforms"]))
    assert list(image.shape) == config["Global"]["image_shape"]
    assert image.dtype == np.float32
    transforms = config["Infer"]["transforms"]
    (norm,) = (op["NormalizeImage"] for op in transforms if "NormalizeImage" in op)
    scale = 1 / 255 if norm["scale"] == "1.0/255.0" else norm["scale"]
    expected = (np.array([255, 0, 128]) * scale - norm["mean"]) / norm["std"]
    np.testing.assert_allclose(image[:, 5, 5], expected, atol=1e-6)
    for mode in ("Train", "Eval"):
        section = config["DataLoader"][mode]
        create_operators(section["dataset"]["transform_ops"])
        assert hasattr(data, section["dataset"]["name"])
        build_loss(config["Loss"][mode])
        if config["Metric"][mode]:  # recipes that mix images have no metric of training
            build_metrics(config["Metric"][mode])
    build_postprocess(config["Infer"]["PostProcess"])
    optimizers, schedules = build_optimizer(
        config["Optimizer"], config["Global"]["epochs"], 10, [paddle.nn.Linear(2, 2)]
    )
    assert schedules[0].get_lr() >= 0
print("built", len(configs))
"""


# No trainer before 2.6 has PPHGNetV2, nor an AutoAugment that runs on numpy 1.20 and newer.
NEED_CHECKOUT = ("PPHGNetV2", "MobileNetV3")


@pytest.mark.parametrize("trainer", ["fetched_trainer", "checkout"])
def test_a_trainer_builds_all_that_the_configs_name(trainer, request):
    root = request.getfixturevalue(trainer)
    configs = {
        name: config
        for name, config in CONFIGS.items()
        if trainer == "checkout" or not any(network in name for network in NEED_CHECKOUT)
    }
    built = subprocess.run(
        [sys.executable, "-B", "-c", BUILD, str(root)],
        input=json.dumps(configs),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert f"built {len(configs)}" in built.stdout, built.stderr
