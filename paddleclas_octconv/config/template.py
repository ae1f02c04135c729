"""A ready config for one's own images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from ..data.list_files import MULTI_LABEL
from .multi_label import POST_PROCESS

_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_SHORT_SIDE = 256 / 224  # of evaluation, before the centre is cut out: ImageNet's custom
_MOST_BATCH = 32
_EPOCHS = 30


@dataclass
class OwnData:
    """What a config for own images depends on; paths as they shall stand in it.

    Attributes:
        name: of the data set; output folders are called by it.
        image_root: the folder of the images.
        train_list: list file of those to train on.
        val_list: list file of those to evaluate on.
        label_map: the names of the classes.
        infer_images: an image, or a folder of them, to try the network on.
        class_num: the number of classes.
        train_images: the number of images to train on.
        delimiter: what stands between image and label in the lists.
        multi_label: whether an image may be of several classes.
    """

    name: str
    image_root: str
    train_list: str
    val_list: str
    label_map: str
    infer_images: str
    class_num: int
    train_images: int
    delimiter: str
    multi_label: bool = False


def own_config(data: OwnData, arch: str, image_size: int, device: str, options: dict) -> str:
    """The text of a config that trains a network on own images.

    Args:
        data: the images.
        arch: the name of the network.
        image_size: side of its input, in pixels.
        device: "cpu" or "gpu".
        options: of the network, such as ``{"alpha": 0.5, "pretrained": False}``; of ``Octave`` with
            a mapping as ``backbone``, which holds its ``pretrained``.
    """
    # At least four steps an epoch, and never a batch that fills no half.
    batch_size = max(2, min(_MOST_BATCH, data.train_images // 4))
    short = round(image_size * _SHORT_SIDE)
    evaluate = [
        "- DecodeImage:",
        "    to_rgb: True",
        "    channel_first: False",
        "- ResizeImage:",
        f"    resize_short: {short}",
        "- CropImage:",
        f"    size: {image_size}",
        *_normalize(),
    ]
    train = [
        *evaluate[:3],
        "- RandCropImage:",
        f"    size: {image_size}",
        "- RandFlipImage:",
        "    flip_code: 1",
        *_normalize(),
    ]
    arch_lines = "".join(f"  {name}: {_value(value)}\n" for name, value in options.items())
    start = options.get("backbone", options).get("pretrained")
    starts = (
        "pretrained: True is PaddleClas's ImageNet weights; or a .pdparams file"
        if "backbone" in options
        else "True: the authors' ImageNet weights; vanilla: the twin's; or a .pdparams file"
    )
    workers = 4 if device == "gpu" else 2
    task = _several_labels(data) if data.multi_label else _one_label(data)

    def loader(name: str, path: str, ops: list[str], shuffle: bool) -> str:
        return f"""\
  {name}:
    dataset:
{task.dataset}
      image_root: {_value(data.image_root)}
      cls_label_path: {_value(path)}
      transform_ops:
{_indented(ops, 8)}
    sampler:
      name: DistributedBatchSampler
      batch_size: {batch_size}
      drop_last: False
      shuffle: {shuffle}
    loader:
      num_workers: {workers}
      use_shared_memory: {device == "gpu"}
"""

    return f"""\
# {arch} on {_value(data.name)}: {data.train_images:,} images of {data.class_num} classes.
# Written by 'paddleclas prepare folder'; yours to edit.
Global:
  checkpoints: null
  pretrained_model: null
  output_dir: {_value(f"./output/{data.name}")}
  device: {device}
  seed: 42
  save_interval: {_EPOCHS}
  eval_during_train: True
  eval_interval: 1
  epochs: {_EPOCHS}
  print_batch_step: 10
  use_visualdl: True
{task.general}  # used for model export; the size of CropImage and RandCropImage below
  image_shape: [3, {image_size}, {image_size}]
  save_inference_dir: {_value(f"./inference/{data.name}")}

Arch:
  name: {arch}
  class_num: {data.class_num}
{arch_lines}  # {starts}

Loss:
  Train:
{task.train_loss}
  Eval:
{task.eval_loss}

Optimizer:
  name: AdamW
  weight_decay: 0.05
  lr:
    name: Cosine
    learning_rate: {0.0003 if start else 0.001}
    warmup_epoch: 2

DataLoader:
{loader("Train", data.train_list, train, True)}
{loader("Eval", data.val_list, evaluate, False)}
Infer:
  infer_imgs: {_value(data.infer_images)}
  batch_size: 10
  transforms:
{_indented([*evaluate, "- ToCHWImage:"], 4)}
  PostProcess:
{task.post_process}
    class_id_map_file: {_value(data.label_map)}

Metric:
  Train:
{task.metrics}
  Eval:
{task.metrics}
"""


class _Task(NamedTuple):
    """What differs with the task: parts of the text, indented as they stand in it."""

    dataset: str
    general: str
    train_loss: str
    eval_loss: str
    post_process: str
    metrics: str


def _one_label(data: OwnData) -> _Task:
    topk = [1] if data.class_num < 3 else [1, min(5, data.class_num - 1)]
    loss = "    - CELoss:\n        weight: 1.0"
    return _Task(
        f"      name: ImageNetDataset\n      delimiter: {_value(data.delimiter)}",
        "",
        f"{loss}\n        epsilon: 0.1",
        loss,
        f"    name: Topk\n    topk: {min(5, data.class_num)}",
        f"    - TopkAcc:\n        topk: {topk}",
    )


def _several_labels(data: OwnData) -> _Task:
    loss = "    - MultiLabelLoss:\n        weight: 1.0"
    return _Task(
        f"      name: {MULTI_LABEL}",
        "  use_multilabel: True\n",
        loss,
        loss,
        f"    name: {POST_PROCESS}\n    threshold: 0.5",
        # The first chooses the best epoch, and more is better: of labels that are right.
        "    - AccuracyScore:\n        base: label",
    )


def _normalize() -> list[str]:
    return [
        "- NormalizeImage:",
        "    scale: 1.0/255.0",
        f"    mean: {_IMAGENET['mean']}",
        f"    std: {_IMAGENET['std']}",
        "    order: ''",
    ]


def _indented(lines: list[str], spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in lines)


def _value(value: Any) -> str:
    """A value as YAML, on one line, whatever text it holds."""
    if isinstance(value, bool):
        return str(value)  # as PaddleClas's configs have it
    style = '"' if isinstance(value, str) else None
    text = yaml.safe_dump(
        value,
        allow_unicode=True,
        default_flow_style=True,
        default_style=style,
        sort_keys=False,
        width=math.inf,
    )
    return text.replace("\n...\n", "").rstrip("\n")
