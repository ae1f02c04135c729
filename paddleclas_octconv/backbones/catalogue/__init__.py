"""Every backbone, one family a file, with all that is known of it. Needs no Paddle.

A file says of its networks what they are called, their class and its options, the vanilla twin, how
``alpha`` is spread over the stages, and which weights are published. What they cost is counted
(``counts.py``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Mapping

from . import densenet, mobilenet_v1, mobilenet_v2, preresnet, resnet, resnet_v1e
from .entry import Backbone
from .family import Family

__all__ = ["CATALOGUE", "Backbone", "Family", "names"]

CATALOGUE: Mapping[str, Backbone] = {
    **resnet.NETWORKS,
    **preresnet.NETWORKS,
    **resnet_v1e.NETWORKS,
    **mobilenet_v1.NETWORKS,
    **mobilenet_v2.NETWORKS,
    **densenet.NETWORKS,
}


def names(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """The names that fit a pattern such as ``*resnet*50*``; capitals do not matter.

    Args:
        pretrained: only those of which ImageNet weights are published (``pretrained: True``).
    """
    return [
        name
        for name, backbone in CATALOGUE.items()
        if fnmatchcase(name.lower(), pattern.lower()) and (backbone.weights or not pretrained)
    ]
