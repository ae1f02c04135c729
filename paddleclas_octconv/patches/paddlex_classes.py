"""The classes of an image in a result of PaddleX."""

from __future__ import annotations

from types import ModuleType

from .patch import Patch

TOPK = Patch(
    "paddlex.inference.models.image_classification.processors.Topk.__call__",
    "every process that imports PaddleX",
    "PaddleX 3.7 splits what is a list by image, but the class ids of a batch are an array: each "
    "image gets those of all, and `paddlex --serve` answers with error 500",
)
PATCHES = (TOPK,)


def split_by_image(processors: ModuleType) -> None:
    """Let the class ids of a batch be a list of those of each image.

    Args:
        processors: ``paddlex.inference.models.image_classification.processors``.
    """

    def call(original, self, *args, **kwargs):
        class_ids, *others = original(self, *args, **kwargs)
        return (list(class_ids), *others)

    TOPK.wrap(processors.Topk, call)
