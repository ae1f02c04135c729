"""Checkpoints that are there as a whole or not at all."""

from __future__ import annotations

from ..checkpoints.saving import Saver
from .patch import TRAINER, Patch

_WHY = (
    "PaddleClas writes the files of a checkpoint one by one over those of the last one, so a run "
    "that is killed meanwhile leaves none"
)
SAVE = Patch("paddle.save", TRAINER, f"{_WHY}: a file takes its place once it is written")
SAVE_MODEL = Patch(
    "ppcls.utils.save_load.save_model", TRAINER, f"{_WHY}: those of one take their places together"
)
PATCHES = (SAVE, SAVE_MODEL)


def save_whole_checkpoints(save_load) -> None:
    """Let ``paddle.save``, and ``save_model`` of PaddleClas's ``save_load``, write whole ones.

    Raises (then, while training):
        OctConvError: the disk is full, or cannot be written for another reason.
    """
    import paddle

    saver = Saver()
    SAVE.wrap(paddle, saver.save)
    SAVE_MODEL.wrap(save_load, saver.save_together)
