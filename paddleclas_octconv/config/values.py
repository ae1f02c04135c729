"""The values of a config: each key of PaddleClas's that has a type or a range has it here.

A wrong value would end in a traceback of the trainer's, or in none: a ``save_interval`` of 0 is a
division by zero after the first epoch, an ``epochs`` of 0 an untrained network, a folder that is
called 2024 a number.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import Any, Callable, Iterable, Iterator

from ..common.errors import OctConvError
from ..common.numbers import FLAG, POSITIVE, Rule, is_number, is_whole, shown, whole_from
from .literals import is_arithmetic
from .recipe import PATIENCE

DEVICES = ("cpu", "gpu", "xpu", "npu", "mlu", "ascend", "intel_gpu", "mps")
EVAL_MODES = ("classification", "retrieval", "adaface")
MOST_CLASSES = 10_000_000  # of the largest face recognition sets
ANY = -1  # a side of ``Global.image_shape`` that is left open
MOST_PIXELS = 65_535  # of a side; what image files hold
# Of OpenCV and of Pillow.
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "area", "box", "hamming", "lanczos", "random")
_SEEDS = 2**32 - 1  # numpy's


def _number(least: float, most: float | None = None) -> Rule:
    limit = f"from {least} to {most}" if most is not None else f"of {least} or more"
    return Rule(
        lambda value: is_number(value) and least <= value and (most is None or value <= most),
        f"a number {limit}",
    )


def _one_of(*choices: Any) -> Rule:
    return Rule(
        lambda value: value in choices,
        f"one of {', '.join(str(each) or repr(each) for each in choices)}",
    )


def _or_null(rule: Rule) -> Rule:
    return Rule(lambda value: value is None or rule.test(value), rule.right)


def _list_of(rule: Rule, count: int | None, right: str) -> Rule:
    return Rule(
        lambda value: (
            isinstance(value, (list, tuple))
            and len(value) > 0
            and (count is None or len(value) == count)
            and all(rule.test(item) for item in value)
        ),
        right,
    )


def _either(*rules: Rule) -> Rule:
    return Rule(
        lambda value: any(rule.test(value) for rule in rules),
        ", or ".join(rule.right for rule in rules),
    )


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


_FOLDER = Rule(_is_path, "a folder (what YAML takes for a number, date or list: write ./ before)")
_SECTION = Rule(lambda value: isinstance(value, dict), "a section of keys and values")
_ITEMS = Rule(lambda value: isinstance(value, list), "a list of '- Name: {options}'")
_FILLED = Rule(bool, "a list of one or more '- Name: {options}'")
_SIDE = whole_from(1, MOST_PIXELS)
_SIZE = _either(_SIDE, _list_of(_SIDE, 2, "two of them"))
_COUNT = whole_from(1, 1_000_000)
_ARITHMETIC = Rule(
    lambda value: is_number(value) or (isinstance(value, str) and is_arithmetic(value)),
    "a number, or arithmetic such as 1.0/255.0",
)
_THREE = "a list of three numbers, one a channel"
_CHANNELS = (3, 4)  # the fourth is empty, for GPUs: NormalizeImage.channel_num
_SHAPE = _either(
    _list_of(_SIDE, 3, "channels, height and width, such as [3, 224, 224]"),
    Rule(
        lambda value: (
            isinstance(value, (list, tuple))
            and len(value) == 3
            and all(is_whole(side, ANY, ANY) for side in value[1:])
        ),
        f"[3, {ANY}, {ANY}] for an export of any size",
    ),
)
_LOSS_WEIGHT = Rule(
    _number(0).test, "a number of 0 or more: that of this loss; PaddleClas weighs no classes"
)
_TOPK = _either(POSITIVE, _list_of(POSITIVE, None, "a list of them"))

# Dotted keys: ``*`` is any one name or index. Only what is there is checked, see ``REQUIRED``.
_RULES: dict[str, Rule] = {
    **{
        section: _SECTION
        for section in ("Global", "Arch", "DataLoader", "DataLoader.Train", "DataLoader.Eval")
    },
    "Metric": _SECTION,
    **{section: _or_null(_SECTION) for section in ("Loss", "Infer", "AMP", "EMA")},
    "Optimizer": _or_null(_either(_SECTION, _ITEMS)),
    "Optimizer.lr": _SECTION,
    "Global.device": _one_of(*DEVICES),
    "Global.epochs": _COUNT,
    "Global.output_dir": _FOLDER,
    "Global.save_inference_dir": _FOLDER,
    "Global.save_interval": Rule(
        lambda value: is_whole(value, -1) and value != 0,
        "a whole number of epochs from 1, or -1 for never",
    ),
    "Global.eval_interval": POSITIVE,
    "Global.start_eval_epoch": whole_from(0),
    PATIENCE: _or_null(_COUNT),
    "Global.print_batch_step": POSITIVE,
    "Global.iter_per_epoch": _or_null(_COUNT),
    "Global.update_freq": _COUNT,
    "Global.seed": _or_null(whole_from(0, _SEEDS)),
    "Global.image_shape": Rule(
        lambda value: _SHAPE.test(value) and value[0] in _CHANNELS,
        f"{_SHAPE.right}; PaddleClas decodes grey images to three channels too",
    ),
    "Global.eval_mode": _one_of(*EVAL_MODES),
    **{
        f"Global.{name}": _or_null(FLAG)
        for name in ("use_dali", "to_static", "use_multilabel", "print_mem_info", "re_ranking")
    },
    "Global.eval_during_train": FLAG,
    "Global.use_visualdl": FLAG,
    "Global.pretrained_model": _or_null(Rule(_is_path, "the path of a .pdparams file")),
    "Global.class_num": _or_null(whole_from(1, MOST_CLASSES)),
    "Arch.name": Rule(_is_path, "the name of a network"),
    "Arch.class_num": _or_null(whole_from(1, MOST_CLASSES)),
    "Arch.conv_bias": FLAG,
    "Arch.input_image_channel": _one_of(*_CHANNELS),
    "Arch.scale": Rule(lambda value: is_number(value) and value > 0, "a number above 0"),
    "Arch.small_images": FLAG,
    "Arch.use_sync_bn": _or_null(FLAG),
    "Optimizer.lr.learning_rate": _number(0),
    "Optimizer.lr.warmup_epoch": _number(0),
    "Optimizer.lr.warmup_start_lr": _number(0),
    "Optimizer.lr.values": _list_of(_number(0), None, "a list of numbers of 0 or more"),
    "Optimizer.lr.decay_epochs": _list_of(whole_from(0), None, "a list of whole numbers from 0"),
    "Optimizer.lr.step_size": _number(0),
    "Optimizer.lr.gamma": _number(0),
    "Optimizer.momentum": _number(0, 1),
    "Optimizer.beta1": _number(0, 1),
    "Optimizer.beta2": _number(0, 1),
    "Optimizer.epsilon": _number(0),
    "Optimizer.weight_decay": _or_null(_number(0)),
    "Optimizer.clip_norm": _or_null(_number(0)),
    "Optimizer.regularizer": _or_null(_SECTION),
    "Optimizer.regularizer.coeff": _number(0),
    "AMP.level": _one_of("O0", "O1", "O2"),
    "AMP.scale_loss": _number(0),
    "AMP.use_dynamic_loss_scaling": FLAG,
    "EMA.decay": _number(0, 1),
    "Infer.batch_size": _COUNT,
    "Infer.PostProcess": _SECTION,
    "Infer.PostProcess.topk": POSITIVE,
    "Infer.PostProcess.threshold": _number(0, 1),
    "Infer.PostProcess.delimiter": _or_null(
        Rule(lambda value: isinstance(value, str) and bool(value), "a string between id and name")
    ),
    "Infer.PostProcess.class_id_map_file": _or_null(Rule(_is_path, "a file")),
    **{f"{part}.{split}": _or_null(_ITEMS) for part in ("Loss", "Metric") for split in
       ("Train", "Eval")},
    **{f"Metric.{split}.*.TopkAcc.topk": _TOPK for split in ("Train", "Eval")},
    **{f"Loss.{split}.*.*.weight": _LOSS_WEIGHT for split in ("Train", "Eval")},
    **{f"Loss.{split}.*.CELoss.epsilon": _or_null(_number(0, 1)) for split in ("Train", "Eval")},
}  # fmt: skip

_OF_A_DATA_SET: dict[str, Rule] = {
    "dataset": _SECTION,
    "dataset.image_root": Rule(_is_path, "a folder"),
    "dataset.cls_label_path": Rule(
        lambda value: (
            _is_path(value)
            or (isinstance(value, list) and bool(value) and all(map(_is_path, value)))
        ),
        "a list file",
    ),
    "dataset.delimiter": _or_null(
        Rule(lambda value: isinstance(value, str) and bool(value), "text between quotes")
    ),
    "dataset.relabel": FLAG,
    "dataset.transform_ops": _ITEMS,
    "dataset.batch_transform_ops": _or_null(_ITEMS),
    "sampler": _SECTION,
    "sampler.batch_size": _COUNT,
    "sampler.first_bs": _COUNT,
    "sampler.drop_last": FLAG,
    "sampler.shuffle": FLAG,
    "loader": _SECTION,
    "loader.num_workers": whole_from(0, 1024),
    "loader.use_shared_memory": FLAG,
}
_PARTS = ("Train", "Eval", "Eval.Query", "Eval.Gallery", "UnLabelTrain")

# Of each transform, wherever it stands.
_OF_A_TRANSFORM: dict[str, Rule] = {
    "size": _or_null(_SIZE),
    "resize_short": _or_null(_SIDE),
    "scale": _either(_ARITHMETIC, _list_of(_number(0), None, "a list of numbers of 0 or more")),
    "mean": _list_of(_ARITHMETIC, None, _THREE),
    "flip_code": _one_of(-1, 0, 1),
    "order": _one_of("", "chw", "hwc"),
    "prob": _number(0, 1),
    "interpolation": _or_null(_one_of(*_INTERPOLATIONS)),
    "backend": _or_null(_one_of("cv2", "pil")),
    "to_rgb": FLAG,
    "channel_first": FLAG,
    # How often something is done to each image.
    **{name: whole_from(0, 1000) for name in ("n_holes", "num_layers", "attempt", "mixture_width")},
    "mixture_depth": whole_from(-1, 1000),
    "config_str": Rule(
        lambda value: isinstance(value, str) and not re.search("[0-9]{4}", value),
        "such as rand-m9-n2-mstd0.5, its numbers below 1000",
    ),
    "EPSILON": _ARITHMETIC,
    "sl": _ARITHMETIC,
    "sh": _ARITHMETIC,
    "r1": _ARITHMETIC,
}
_NORMALIZE: dict[str, Rule] = {
    "scale": _or_null(_ARITHMETIC),
    "mean": _or_null(_list_of(Rule(is_number, ""), 3, _THREE)),
    "std": _or_null(
        _list_of(Rule(lambda v: is_number(v) and v > 0, ""), 3, f"{_THREE}, each above 0")
    ),
}


def check_values(config: dict[str, Any]) -> None:
    """Check the values of all keys that have a type or a range.

    Raises:
        OctConvError: naming the first that is wrong, its value, and what would be right.
    """
    _check_leaves(config, "")
    for pattern, rule in _RULES.items():
        _check(config, pattern, rule)
    for part in _PARTS:
        _check(config, f"DataLoader.{part}", _or_null(_SECTION))
        section = list(_find(config, f"DataLoader.{part}"))
        if not section or "dataset" not in (section[0][1] or ()):
            continue
        for pattern, rule in _OF_A_DATA_SET.items():
            _check(config, f"DataLoader.{part}.{pattern}", rule)
        _check(config, f"DataLoader.{part}.dataset.transform_ops", _FILLED)
        for name in section[0][1]["dataset"]:
            if str(name).startswith(("transform_ops", "batch_transform_ops")):
                _check_items(config, f"DataLoader.{part}.dataset.{name}", _check_transform)
    for pattern in ("Loss.Train", "Loss.Eval"):
        _check_items(config, pattern, _check_loss)
    for pattern in ("Metric.Train", "Metric.Eval"):
        _check_items(config, pattern)
    for pattern in ("Loss.Train", "Loss.Eval"):
        _check(config, pattern, _or_null(_FILLED))
    _check(config, "Metric.Eval", _FILLED)
    _check_optimizer(config)
    _check_items(config, "Infer.transforms", _check_transform)


def _check(config: dict, pattern: str, rule: Rule) -> None:
    for key, value in _find(config, pattern):
        rule.demand(key, value)


def _check_optimizer(config: dict) -> None:
    """Check that there is one, and a learning rate for each."""
    optimizer = config.get("Optimizer")
    if isinstance(optimizer, list):
        _check(config, "Optimizer", _FILLED)
        _check_items(config, "Optimizer")
    pattern = "Optimizer.*.*.lr" if isinstance(optimizer, list) else "Optimizer.lr"
    for key, schedule in _find(config, pattern):
        if isinstance(schedule, dict) and not {"name", "learning_rate"} & set(schedule):
            raise OctConvError(f"{key}.learning_rate: missing from the config")


def _check_items(
    config: dict, key: str, further: Callable[[str, str, dict], None] | None = None
) -> None:
    """Check a list of ``- Name: {options}``."""
    for _, items in _find(config, key):
        if items is not None and not isinstance(items, list):
            raise OctConvError(f"{key}: {shown(items)} should be {_ITEMS.right}")
        for index, item in enumerate(items or ()):
            if not isinstance(item, dict) or len(item) != 1:
                raise OctConvError(
                    f"{key}.{index}: {shown(item)} should be one 'Name: {{options}}'"
                )
            ((name, options),) = item.items()
            if not isinstance(options, (dict, type(None))):
                raise OctConvError(
                    f"{key}.{index}.{name}: {shown(options)} should be options, 'key: value'"
                )
            if further is not None and isinstance(name, str):
                further(f"{key}.{index}.{name}", name, options or {})


def _check_loss(key: str, name: str, options: dict) -> None:
    if "weight" not in options:
        raise OctConvError(f"{key}.weight: missing from the config")


def _check_transform(key: str, name: str, options: dict) -> None:
    rules = {**_OF_A_TRANSFORM, **(_NORMALIZE if name == "NormalizeImage" else {})}
    _check_numbers(key, options)
    for option, value in options.items():
        rule = rules.get(option)
        if rule is not None:
            rule.demand(f"{key}.{option}", value)
    if name == "ResizeImage" and not (options.get("size") or options.get("resize_short")):
        raise OctConvError(f"{key}: needs a size, or resize_short")


def _check_numbers(key: str, value: Any) -> None:
    """Bound the numbers of a transform: pixels, colours, shares, and steps of some loop."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    elif isinstance(value, (int, float)) and abs(value) > MOST_PIXELS:
        raise OctConvError(f"{key}: {shown(value)} should be at most {MOST_PIXELS:,}")
    for name, item in items:
        _check_numbers(f"{key}.{name}", item)


def _check_leaves(node: Any, key: str) -> None:
    """Refuse what no key can mean: dates, infinities, numbers beyond 64 bits, keys that are no
    text."""
    if isinstance(node, (list, tuple)):
        for index, item in enumerate(node):
            _check_leaves(item, f"{key}.{index}")
    elif isinstance(node, dict):
        for name, item in node.items():
            if not isinstance(name, str):
                raise OctConvError(f"{key or 'config'}: the key {shown(name)} should be text")
            _check_leaves(item, f"{key}.{name}" if key else name)
    elif isinstance(node, datetime.date):
        raise OctConvError(
            f"{key}: {node} is a date in YAML; in quotes, and with ./ before it, it is a name"
        )
    elif isinstance(node, float) and not math.isfinite(node):
        raise OctConvError(f"{key}: {node} should be a finite number")
    elif isinstance(node, int) and abs(node) >= 10**18:
        raise OctConvError(f"{key}: a number of more than 18 digits")
    elif isinstance(node, (bytes, set)):
        raise OctConvError(f"{key}: {shown(node)} should be text, a number or a list")


def _find(node: Any, pattern: str, key: str = "") -> Iterator[tuple[str, Any]]:
    """The (key, value) pairs that a dotted pattern fits."""
    name, _, rest = pattern.partition(".")
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        items = (
            iter(node.items()) if name == "*" else iter([(n, node[n]) for n in [name] if n in node])
        )
    elif isinstance(node, list) and name == "*":
        items = enumerate(node)
    for found, value in items:
        dotted = f"{key}.{found}" if key else str(found)
        if rest:
            yield from _find(value, rest, dotted)
        else:
            yield dotted, value
