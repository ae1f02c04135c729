"""The bounds of what a key takes: the last value that passes, and the first that does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config.values import check_values

FLAG = ([True, False], [0, 1, "True", None])
FLAG_OR_NULL = ([True, False, None], [0, 1, "True"])
SECTION = ([{}], [[], 0, "a", None])
POSITIVE = ([1, 10**6 + 1], [0, -1, 1.0, True, "1", None])
COUNT = ([1, 10**6], [0, 10**6 + 1, 1.0, True, "1", None])
COUNT_OR_NULL = ([1, 10**6, None], [0, 10**6 + 1, 1.0, True])
FROM_0 = ([0, 0.5, 1.5, 10**6], [-1e-9, "0.1", True, None, [1]])
SHARE = ([0, 0.5, 1], [-1e-9, 1 + 1e-9, "0.1", True, None])
PATH = (["a", "./2024"], ["", " ", "a\0b", 1, None, True])
CLASSES = ([1, 10_000_000, None], [0, 10_000_001, 1.0, True])
THREE = [0.5, 0.5, 0.5]

BOUNDS = {
    "Global.device": (["cpu", "gpu", "xpu"], ["tpu", "", None, 0]),
    "Global.epochs": COUNT,
    "Global.output_dir": PATH,
    "Global.save_inference_dir": PATH,
    "Global.save_interval": ([-1, 1, 10**7], [0, -2, 1.0, None]),
    "Global.eval_interval": POSITIVE,
    "Global.start_eval_epoch": ([0, 1], [-1, 0.5, None]),
    "Global.print_batch_step": POSITIVE,
    "Global.iter_per_epoch": COUNT_OR_NULL,
    "Global.update_freq": COUNT,
    "Global.seed": ([0, 2**32 - 1, None], [-1, 2**32, 0.5, True]),
    "Global.image_shape": (
        [[3, 1, 1], [4, 65_535, 65_535], (3, 32, 32), [3, -1, -1]],
        [
            [3, -1, 32],
            [3, -1.0, -1],
            [-1, -1, -1],
            [3, -1],
            [3, 65_536, 32],
            [1, 32, 32],
            [5, 32, 32],
            [3, 32],
            [3, 32, 32, 1],
            [3, 32, 32.0],
            None,
            32,
        ],
    ),
    "Global.eval_mode": (["classification", "retrieval", "adaface"], ["retrieve", None]),
    "Global.use_dali": FLAG_OR_NULL,
    "Global.to_static": FLAG_OR_NULL,
    "Global.use_multilabel": FLAG_OR_NULL,
    "Global.print_mem_info": FLAG_OR_NULL,
    "Global.re_ranking": FLAG_OR_NULL,
    "Global.eval_during_train": FLAG,
    "Global.use_visualdl": FLAG,
    "Global.pretrained_model": ([*PATH[0], None], ["", "a\0b", 1, True]),
    "Global.class_num": CLASSES,
    "Arch.name": PATH,
    "Arch.class_num": CLASSES,
    "Arch.conv_bias": FLAG,
    "Arch.small_images": FLAG,
    "Arch.use_sync_bn": FLAG_OR_NULL,
    "Arch.scale": ([1e-9, 0.5, 2], [0, -1, "1", True, None]),
    "Optimizer.lr": ([{"name": "Constant"}, {"learning_rate": 0.1}], [{}, {"a": 1}, [], None]),
    "Optimizer.lr.learning_rate": FROM_0,
    "Optimizer.lr.warmup_epoch": FROM_0,
    "Optimizer.lr.warmup_start_lr": FROM_0,
    "Optimizer.lr.step_size": FROM_0,
    "Optimizer.lr.gamma": FROM_0,
    "Optimizer.lr.values": ([[0], [0.1, 0.01]], [[], [-0.1], ["a"], 0.1, None]),
    "Optimizer.lr.decay_epochs": ([[0], [30, 60]], [[], [-1], [0.5], 30, None]),
    "Optimizer.momentum": SHARE,
    "Optimizer.beta1": SHARE,
    "Optimizer.beta2": SHARE,
    "Optimizer.epsilon": FROM_0,
    "Optimizer.weight_decay": ([0, 0.1, None], [-0.1, "a"]),
    "Optimizer.clip_norm": ([0, 10, None], [-0.1, "a"]),
    "Optimizer.regularizer": ([{}, None], [0.1, []]),
    "AMP.level": (["O0", "O1", "O2"], ["O3", "o1", 1, None]),
    "AMP.scale_loss": FROM_0,
    "AMP.use_dynamic_loss_scaling": FLAG,
    "EMA.decay": SHARE,
    "Infer.batch_size": COUNT,
    "Infer.PostProcess": SECTION,
    "Infer.PostProcess.topk": POSITIVE,
    "Infer.PostProcess.delimiter": ([" ", None], ["", 1]),
    "Infer.PostProcess.class_id_map_file": ([*PATH[0], None], ["", 1]),
    "DataLoader.Train": ([{}], [0, [], "a", None]),
    "DataLoader.UnLabelTrain": ([{}, None], [0, [], "a"]),
    "DataLoader.Eval.dataset.image_root": PATH,
    "DataLoader.Eval.dataset.cls_label_path": ([*PATH[0], ["a", "b"]], ["", [], ["a", 1], None]),
    "DataLoader.Eval.dataset.delimiter": ([",", None], ["", 1]),
    "DataLoader.Eval.dataset.relabel": FLAG,
    "DataLoader.Eval.dataset.batch_transform_ops": ([None, []], [{}, 1]),
    "DataLoader.Train.sampler": SECTION,
    "DataLoader.Train.sampler.batch_size": COUNT,
    "DataLoader.Train.sampler.first_bs": COUNT,
    "DataLoader.Train.sampler.drop_last": FLAG,
    "DataLoader.Train.sampler.shuffle": FLAG,
    "DataLoader.Train.loader": SECTION,
    "DataLoader.Train.loader.num_workers": ([0, 1024], [-1, 1025, 0.5, None]),
    "DataLoader.Train.loader.use_shared_memory": FLAG,
    "Metric.Train.0.TopkAcc.topk": ([1, [1], [1, 5]], [0, [0], [], [1, 0], "1", None]),
    "Loss.Train.0.CELoss.weight": FROM_0,
    "Loss.Eval.0.CELoss.epsilon": ([0, 1, None], [-0.1, 1.1, "a"]),
    "Loss.Eval": ([None, [{"CELoss": {"weight": 1}}]], [[], {}, 1]),
    "Metric.Eval": ([[{"TopkAcc": None}]], [[], {}, None, 1]),
}

SIZE = ([1, 65_535, [1, 65_535], None], [0, 65_536, [1], [1, 2, 3], [0, 1], 1.0, "1"])
ARITHMETIC = ([0, -0.5, "1.0/255.0", "-1"], ["a", "", None, True, "1/x"])
# Of a transform; "NormalizeImage.mean" of that one, else of any.
TRANSFORMS = {
    "size": SIZE,
    "resize_short": ([1, 65_535, None], [0, 65_536, 1.0, [1, 2]]),
    "scale": ([*ARITHMETIC[0], [0, 1]], ["a", "", None, [-1], []]),
    "mean": ([[0.5], ["1/2", 0]], [[], ["a"], 0.5, None]),
    "flip_code": ([-1, 0, 1], [-2, 2, "0", None]),
    "order": (["", "chw", "hwc"], ["cwh", None, 0]),
    "prob": SHARE,
    "interpolation": (
        [None, "nearest", "bilinear", "bicubic", "area", "box", "hamming", "lanczos", "random"],
        ["", "cubic", 0],
    ),
    "backend": (["cv2", "pil", None], ["PIL", "", 0]),
    "to_rgb": FLAG,
    "channel_first": FLAG,
    **{name: ARITHMETIC for name in ("EPSILON", "sl", "sh", "r1")},
    "NormalizeImage.scale": ([*ARITHMETIC[0], None], ["a", "", True, [0, 1]]),
    "NormalizeImage.mean": ([THREE, [-1, 0, 1], None], [[0.5] * 2, [0.5] * 4, ["a"] * 3, 0.5]),
    "NormalizeImage.std": ([THREE, [1e-9, 1, 2], None], [[0, 1, 1], [-1, 1, 1], [1, 1], 0.5]),
}


@pytest.fixture(scope="module")
def tiny(tiny_config) -> dict:
    """The tiny config, with each key of the table in it."""
    config = yaml.safe_load(tiny_config.read_text())
    config.update(AMP={}, EMA={})
    return config


def refusal(tiny: dict, key: str, value: Any) -> str | None:
    """What is said of a config with another value."""
    config = copy.deepcopy(tiny)
    node = config
    *parents, last = key.split(".")
    for name in parents:
        node = node[int(name) if name.isdecimal() else name]
    node[int(last) if last.isdecimal() else last] = value
    try:
        check_values(config)
    except OctConvError as error:
        return str(error)
    return None


def assert_bounds(tiny: dict, key: str, change: str, make, bounds: tuple) -> None:
    accepted, refused = bounds
    for value in accepted:
        assert refusal(tiny, change, make(value)) is None, f"{key}: {value!r} should pass"
    for value in refused:
        told = refusal(tiny, change, make(value))
        assert told is not None, f"{key}: {value!r} should be refused"
        assert told.startswith(key), told


@pytest.mark.parametrize("key", BOUNDS)
def test_bounds_of_a_key(tiny, key):
    assert_bounds(tiny, key, key, lambda value: value, BOUNDS[key])


@pytest.mark.parametrize("place", ["DataLoader.Train.dataset.transform_ops", "Infer.transforms"])
@pytest.mark.parametrize("option", TRANSFORMS)
def test_bounds_of_a_transform(tiny, place, option):
    *names, last = option.split(".")
    name = names[0] if names else "RandCropImage"
    change, key = f"{place}.0", f"{place}.0.{name}.{last}"
    assert_bounds(tiny, key, change, lambda value: {name: {last: value}}, TRANSFORMS[option])


def test_a_resize_needs_a_side():
    config = {"Infer": {"transforms": [{"ResizeImage": {"size": None, "resize_short": None}}]}}
    with pytest.raises(OctConvError, match="transforms.0.ResizeImage: needs a size, or resize_sh"):
        check_values(config)


def test_each_of_several_optimizers_needs_a_learning_rate(tiny):
    rate = {"lr": {"name": "Constant"}}
    assert refusal(tiny, "Optimizer", [{"Adam": rate}, {"SGD": rate}]) is None
    told = refusal(tiny, "Optimizer", [{"Adam": rate}, {"SGD": {"lr": {}}}])
    assert told == "Optimizer.1.SGD.lr.learning_rate: missing from the config"
    assert refusal(tiny, "Optimizer", []).startswith("Optimizer: ")


def test_a_number_of_18_digits_passes(tiny):
    for sign in (1, -1):
        assert refusal(tiny, "Global.unknown", sign * (10**18 - 1)) is None
        assert "more than 18 digits" in refusal(tiny, "Global.unknown", sign * 10**18)
