"""A ready config for one's own images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_TEMPLATE = Path(__file__).with_name("own_images.yaml.j2")
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
    import jinja2

    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    environment.filters["yaml"] = _as_yaml
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        data=data,
        arch=arch,
        image_size=image_size,
        device=device,
        options=options,
        epochs=_EPOCHS,
        # At least four steps an epoch, and never a batch that fills no half.
        batch_size=max(2, min(_MOST_BATCH, data.train_images // 4)),
        resize_short=round(image_size * _SHORT_SIDE),
        topk=[1] if data.class_num < 3 else [1, min(5, data.class_num - 1)],
    )


def _as_yaml(value: Any) -> str:
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
