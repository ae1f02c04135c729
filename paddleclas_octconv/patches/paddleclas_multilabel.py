"""What older trainers lack of several labels an image."""

from __future__ import annotations

from typing import Any

from .patch import TRAINER, Patch

LABEL_RATIO = Patch(
    "ppcls.data.dataloader.multilabel_dataset.MultiLabelDataset.label_ratio",
    f"{TRAINER}, PaddleClas 2.4.2",
    "its data set of several labels asks each image for `label_ratio`, which only the option of "
    "that name sets: without, no image can be read",
    "PaddleClas 2.5",
)
POST_PROCESS = Patch(
    "ppcls.data.postprocess.MultiLabelThreshOutput",
    f"{TRAINER}, before PaddleClas 2.6",
    "it is not there, and `MultiLabelTopk`, which is, names no class and takes no threshold",
    "PaddleClas 2.6",
)
PATCHES = (LABEL_RATIO, POST_PROCESS)


def give_what_is_missing() -> None:
    """Give the ``ppcls`` on ``sys.path`` what it lacks."""
    from ppcls.data import postprocess
    from ppcls.data.dataloader.multilabel_dataset import MultiLabelDataset

    if not hasattr(MultiLabelDataset, "label_ratio"):
        LABEL_RATIO.put(MultiLabelDataset, None)
    if not hasattr(postprocess, "MultiLabelThreshOutput"):
        POST_PROCESS.put(postprocess, _MultiLabelThreshOutput)


class _MultiLabelThreshOutput:
    """The classes of each image whose probability is at least a threshold.

    Args:
        threshold: of the probability.
        class_id_map_file: the names of the classes.
        delimiter: what stands between number and name there.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        class_id_map_file: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        from ppcls.data.postprocess.topk import Topk

        self._threshold = threshold
        self._names = Topk(1, class_id_map_file, delimiter).class_id_map

    def __call__(self, x: Any, file_names: list[str] | None = None) -> list[dict[str, Any]]:
        """What each image is found to be, from logits (N, classes)."""
        from paddle.nn.functional import sigmoid

        logits = x["logits"] if isinstance(x, dict) else x
        found = []
        for index, scores in enumerate(sigmoid(logits).numpy()):
            ids = [int(each) for each in (scores >= self._threshold).nonzero()[0]]
            image: dict[str, Any] = {
                "class_ids": ids,
                "scores": [round(float(scores[each]), 5) for each in ids],
                "label_names": [self._names[each] for each in ids] if self._names else [],
            }
            if file_names is not None:
                image["file_name"] = file_names[index]
            found.append(image)
        return found
