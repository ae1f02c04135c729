"""What PaddleClas's ``Engine`` is given before it trains, so that a run can be trusted.

All of it uses what an engine offers: attributes, a hook on its loss, a function called by name.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import random
import traceback
from typing import Callable, Iterator

from ..checkpoints.saving import save_atomically
from ..common.errors import OctConvError

# Set to 1: what PaddleClas raises is not told in one line.
TRACEBACK = "PADDLECLAS_OCTCONV_TRACEBACK"
_SEEDS = 1_000_003  # seeds of two epochs are this far apart: more than there are processes


def explain_setup() -> None:
    """Have the ``Engine`` on ``sys.path`` say in one line which config it cannot be made from.

    Raises (then, when an engine is made, or trains its first batch):
        OctConvError: PaddleClas failed, with the place where it did.
    """
    from ppcls.engine import engine

    make, train = engine.Engine.__init__, engine.Engine.train

    @functools.wraps(make)
    def make_explained(self, *args, **kwargs):
        with _explained(lambda: True):
            make(self, *args, **kwargs)

    @functools.wraps(train)
    def train_explained(self):
        with _explained(lambda: getattr(self, "global_step", 0) <= 1):
            return train(self)

    engine.Engine.__init__, engine.Engine.train = make_explained, train_explained


@contextlib.contextmanager
def _explained(is_setup: Callable[[], bool]) -> Iterator[None]:
    try:
        yield
    except OctConvError:
        raise
    except Exception as error:
        if os.environ.get(TRACEBACK) == "1" or not is_setup():
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = " ".join(str(error).split())[:400]
        raise OctConvError(
            f"PaddleClas cannot run this config: {type(error).__name__}: {what} "
            f"({place.filename}, line {place.lineno}; {TRACEBACK}=1 shows how it came there)"
        ) from None


def prepare_training(epoch: int, best_metric: float | None, stop_at_non_finite: bool) -> None:
    """Wrap ``Engine.train`` of the PaddleClas that is on ``sys.path``.

    Args:
        epoch: the last one that the run has done; 0 if it starts.
        best_metric: of the best model it has saved; None if there is none.
        stop_at_non_finite: whether a loss that is no number ends it.

    Raises (then, while training):
        OctConvError: the loss is no number, a checkpoint cannot be written, or the processes
            would go on from different epochs.
    """
    from ppcls.engine import engine
    from ppcls.utils import save_load

    save_atomically(save_load)
    if best_metric is not None:
        engine.init_model = _with_metric(engine.init_model, best_metric)
    train = engine.Engine.train

    @functools.wraps(train)
    def train_prepared(self):
        _agree_on(epoch)
        self.train_epoch_func = _with_randomness_of_epoch(self.train_epoch_func)
        if stop_at_non_finite:
            watch = _LossWatch()
            self.train_loss_func.register_forward_post_hook(watch.after_loss)
            self.train_epoch_func = watch.around_epoch(self.train_epoch_func)
        return train(self)

    engine.Engine.train = train_prepared


def _with_metric(init_model: Callable, best_metric: float) -> Callable:
    """Let a checkpoint come with the best metric of its run.

    PaddleClas takes the checkpoint's own for that, or 0: a worse model would replace the best.
    """

    @functools.wraps(init_model)
    def init_model_with_metric(*args, **kwargs):
        states = init_model(*args, **kwargs)
        if states:
            states["metric"] = best_metric
        return states

    return init_model_with_metric


def _with_randomness_of_epoch(train_epoch: Callable) -> Callable:
    """Have an epoch draw the same random numbers whether the run was resumed before it or not.

    PaddleClas saves no random state. The order of the images does follow the number of the
    epoch, which the pinned version forgets to set when it goes on from a checkpoint.
    """

    @functools.wraps(train_epoch)
    def train_epoch_seeded(engine, epoch_id, *args, **kwargs):
        sampler = getattr(engine.train_dataloader, "batch_sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch_id - 1)
        seed = engine.config["Global"].get("seed")
        if type(seed) is int and epoch_id > 1:  # the engine itself has seeded the first
            _seed(seed + (epoch_id - 1) * _SEEDS)
        return train_epoch(engine, epoch_id, *args, **kwargs)

    return train_epoch_seeded


def _seed(seed: int) -> None:
    import numpy as np
    import paddle

    seed = (seed + paddle.distributed.get_rank()) % 2**32
    paddle.seed(seed)
    np.random.seed(seed)
    random.seed(seed)


class _LossWatch:
    """Stops training at a loss that is no number, before a checkpoint is made of it.

    A loss is looked at one step later, when PaddleClas has waited for it anyway.
    """

    def __init__(self) -> None:
        self._epoch = 0
        self._step = -1
        self._loss = None

    def after_loss(self, layer, inputs, output) -> None:
        """A forward hook of the loss."""
        self._check()
        self._loss = output["loss"].detach()
        self._step += 1

    def around_epoch(self, train_epoch: Callable) -> Callable:
        """Wrap the function that trains an epoch: its last loss and the parameters count too."""

        @functools.wraps(train_epoch)
        def train_epoch_watched(engine, epoch_id, *args, **kwargs):
            self._epoch, self._step = epoch_id, -1
            result = train_epoch(engine, epoch_id, *args, **kwargs)
            self._check()
            self._loss = None
            for name, parameter in engine.model.named_parameters():
                if not _is_finite(parameter):
                    self._stop(f"after its last step {name} is not finite")
            return result

        return train_epoch_watched

    def _check(self) -> None:
        if self._loss is not None:
            loss = float(self._loss)
            if not math.isfinite(loss):
                self._stop(f"the loss is {loss} in iteration {self._step}")

    def _stop(self, what: str) -> None:
        raise OctConvError(
            f"epoch {self._epoch}: {what}: training stops; the checkpoints of the epochs before "
            f"are kept (a lower learning rate or a warm-up helps most often; "
            f"--allow-non-finite-loss trains on)"
        )


def _is_finite(parameter) -> bool:
    import paddle

    return bool(paddle.isfinite(parameter.astype("float32")).all())


def _agree_on(epoch: int) -> None:
    """Make sure that all processes go on from the same epoch.

    Raises:
        OctConvError: they do not, such as on machines that do not share their output folder.
    """
    import paddle
    from paddle import distributed

    if distributed.get_world_size() == 1:
        return
    gathered: list = []
    distributed.all_gather(gathered, paddle.to_tensor([epoch], dtype="int64"))
    epochs = [int(each) for each in gathered]
    if len(set(epochs)) > 1:
        raise OctConvError(
            f"the processes would go on from different epochs ({epochs}, by rank): "
            f"Global.output_dir has to be one folder that all machines share"
        )
