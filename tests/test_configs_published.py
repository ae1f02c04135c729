"""The configs of the published networks say what the table of them says.

``python tests/test_configs_published.py`` writes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paddleclas_octconv.backbones.published_weights import PUBLISHED
from paddleclas_octconv.weights.published import PublishedWeights

FOLDER = Path(__file__).parents[1] / "ppcls_configs" / "ImageNet" / "published"
TEMPLATE = """\
# {network}, alpha {alpha:g}, with the ImageNet weights that the authors of "Drop an Octave"
# published ({path}, MIT licence).
# Top-1 {top1:.1f} %, top-5 {top5:.1f} %: {measured}
# eval: as published, one crop of 224x224. train: fine-tunes, for 256 images a step; for classes of
# your own set Arch.class_num and the lists of DataLoader (docs/finetuning.md).
Global:
  checkpoints: null
  pretrained_model: null
  output_dir: ./output/ImageNet/published/{stem}
  device: gpu
  save_interval: 1
  eval_during_train: True
  eval_interval: 1
  epochs: 20
  print_batch_step: 10
  use_visualdl: True
  # used for static mode and model export
  image_shape: [3, 224, 224]
  save_inference_dir: ./inference/ImageNet/published/{stem}

Arch:
  name: {network}
  class_num: 1000
  alpha: {alpha:g}
  pretrained: True

Loss:
  Train:
    - CELoss:
        weight: 1.0
  Eval:
    - CELoss:
        weight: 1.0

Optimizer:
  name: Momentum
  momentum: 0.9
  lr:
    name: Cosine
    learning_rate: 0.01
    warmup_epoch: 1
  regularizer:
    name: L2
    coeff: 0.0001

DataLoader:
  Train:
    dataset:
      name: ImageNetDataset
      image_root: ./dataset/ILSVRC2012/
      cls_label_path: ./dataset/ILSVRC2012/train_list.txt
      transform_ops:
        - DecodeImage:
            to_rgb: True
            channel_first: False
        - RandCropImage:
            size: 224
        - RandFlipImage:
            flip_code: 1
{normalise:8}
    sampler:
      name: DistributedBatchSampler
      batch_size: 64
      drop_last: False
      shuffle: True
    loader:
      num_workers: 8
      use_shared_memory: True

  Eval:
    dataset:
      name: ImageNetDataset
      image_root: ./dataset/ILSVRC2012/
      cls_label_path: ./dataset/ILSVRC2012/val_list.txt
      transform_ops:
        - DecodeImage:
            to_rgb: True
            channel_first: False
{steps:8}
    sampler:
      name: DistributedBatchSampler
      batch_size: 64
      drop_last: False
      shuffle: False
    loader:
      num_workers: 8
      use_shared_memory: True

Infer:
  infer_imgs: ./dataset/ILSVRC2012/val/ILSVRC2012_val_00000001.JPEG
  batch_size: 10
  transforms:
    - DecodeImage:
        to_rgb: True
        channel_first: False
{steps:4}
    - ToCHWImage:
  PostProcess:
    name: Topk
    topk: 5
    # PaddleClas's own file, found in its trainer
    class_id_map_file: ppcls/utils/imagenet1k_label_list.txt

Metric:
  Train:
    - TopkAcc:
        topk: [1, 5]
  Eval:
    - TopkAcc:
        topk: [1, 5]
"""


class Steps(list):
    """Steps of preprocessing; its format is the indentation."""

    def __format__(self, indentation: str) -> str:
        lines = []
        for step in self:
            [(name, options)] = step.items()
            lines.append(f"- {name}:")
            for key, value in options.items():
                lines.append(f"    {key}: {value!r}".replace("'bicubic'", "bicubic"))
        return "\n".join(" " * int(indentation) + line for line in lines)


def text(checkpoint: PublishedWeights) -> str:
    measured = "published; nobody has run this config on ImageNet yet."
    if checkpoint.reproduced:
        measured = "published; nobody has run this config on ImageNet yet, but OpenVINO's\n# Open "
        measured += f"Model Zoo measured {checkpoint.reproduced:.2f} % with this preprocessing."
    steps = checkpoint.preprocessing
    return TEMPLATE.format(
        **checkpoint._asdict(),
        stem=checkpoint.config[: -len(".yaml")],
        measured=measured,
        steps=Steps(steps),
        normalise=Steps(steps[-1:]),
    )


@pytest.mark.parametrize("checkpoint", PUBLISHED, ids=lambda checkpoint: checkpoint.file)
def test_each_has_a_config_that_evaluates_it_as_published(checkpoint):
    written = (FOLDER / checkpoint.config).read_text("utf-8")
    assert written == text(checkpoint)
    config = yaml.safe_load(written)
    assert config["Infer"]["transforms"][1:-1] == checkpoint.preprocessing
    evaluation = config["DataLoader"]["Eval"]["dataset"]["transform_ops"]
    assert evaluation[1:] == checkpoint.preprocessing
    assert config["DataLoader"]["Train"]["dataset"]["transform_ops"][-1] == evaluation[-1]


def test_there_is_no_other_config():
    assert {path.name for path in FOLDER.iterdir()} == {c.config for c in PUBLISHED}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for published in PUBLISHED:
        (FOLDER / published.config).write_text(text(published), "utf-8")
