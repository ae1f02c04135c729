"""Work before, around and after that of PaddleClas's ``Engine``."""

from __future__ import annotations

from typing import Any, Callable, ContextManager

from .patch import TRAINER, Patch

MAKE = Patch(
    "ppcls.engine.engine.Engine.__init__",
    TRAINER,
    "a config that no engine can be made from ends in a traceback: it is told in one line",
)
TRAIN = Patch(
    "ppcls.engine.engine.Engine.train",
    TRAINER,
    "it has no hooks: a resumed epoch draws the random numbers it would have drawn, a loss that is "
    "no number stops the run, and so does a training without steps",
)
INIT_MODEL = Patch(
    "ppcls.engine.engine.init_model",
    TRAINER,
    "it takes the metric of the checkpoint, or 0, for the best so far, so that a worse model "
    "replaces the best one; and the learning rate of the checkpoint, whatever schedule the config "
    "has now",
)
EVAL = Patch(
    "ppcls.engine.engine.Engine.eval",
    TRAINER,
    "what it cannot evaluate, as for want of memory, ends in a traceback: it is told in one line",
)
INFER = Patch(
    "ppcls.engine.engine.Engine.infer",
    TRAINER,
    "2.4 ends in a traceback at an image that cannot be read: it is named in one line",
    "PaddleClas 2.6",
)
IMAGES = Patch(
    "ppcls.engine.engine.get_image_list",
    f"{TRAINER} that infers",
    "it passes over images such as .webp and .PNG, and 2.4 over folders in the folder, silently",
)
PATCHES = (MAKE, TRAIN, INIT_MODEL, EVAL, INFER, IMAGES)

Around = Callable[[Any], ContextManager[None]]


def within(patch: Patch, context: Around) -> None:
    """Have the ``Engine`` on ``sys.path`` do something within ``context(engine)``.

    Args:
        patch: ``MAKE``, ``TRAIN``, ``EVAL`` (in training too) or ``INFER``.
        context: one that is given later is around those before.
    """
    from ppcls.engine.engine import Engine

    def call_within(original, engine, *args, **kwargs):
        with context(engine):
            return original(engine, *args, **kwargs)

    patch.wrap(Engine, call_within)


def load_checkpoints_by(load: Callable[[Callable[[], Any], list], Any]) -> None:
    """Let ``load(original, optimizers)`` load checkpoints, which ``original()`` does."""
    from ppcls.engine import engine

    def init_model(original, config, net, optimizer=None, *args, **kwargs):
        return load(lambda: original(config, net, optimizer, *args, **kwargs), optimizer or [])

    INIT_MODEL.wrap(engine, init_model)


def list_images_by(list_images: Callable[[str], list[str]]) -> None:
    """Let ``list_images(path)`` say which images are predicted; an ``infer_list`` does before."""
    from ppcls.engine import engine

    def get_image_list(original, path, *args, **kwargs):
        if any(args) or any(kwargs.values()):
            return original(path, *args, **kwargs)
        return list_images(path)

    IMAGES.wrap(engine, get_image_list)
