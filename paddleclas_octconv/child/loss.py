"""Training stops at a loss that is no number, before a checkpoint is made of it."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any, Callable, Iterator, NoReturn

from ..common.errors import OctConvError
from ..patches.paddleclas_engine import TRAIN, within


def stop_at_non_finite() -> None:
    """Have the ``Engine`` on ``sys.path`` stop at a loss or parameter that is not finite.

    Raises (then, while training):
        OctConvError: naming the epoch.
    """
    within(TRAIN, _watched)


@contextlib.contextmanager
def _watched(engine: Any) -> Iterator[None]:
    watch = _LossWatch()
    engine.train_loss_func.register_forward_post_hook(watch.after_loss)
    engine.train_epoch_func = watch.around_epoch(engine.train_epoch_func)
    yield


class _LossWatch:
    """A loss is looked at one step later, when PaddleClas has waited for it anyway."""

    def __init__(self) -> None:
        self._epoch = 0
        self._step = -1
        self._loss: Any = None

    def after_loss(self, layer, inputs, output) -> None:
        """A forward hook of the loss."""
        self._check()
        self._loss = output["loss"].detach()
        self._step += 1

    def around_epoch(self, train_epoch: Callable) -> Callable:
        """Wrap the function that trains an epoch: its last loss and the parameters count too."""
        import paddle

        @functools.wraps(train_epoch)
        def train_epoch_watched(engine, epoch_id, *args, **kwargs):
            self._epoch, self._step = epoch_id, -1
            result = train_epoch(engine, epoch_id, *args, **kwargs)
            self._check()
            self._loss = None
            for name, parameter in engine.model.named_parameters():
                if not paddle.isfinite(parameter.astype("float32")).all():
                    self._stop(f"after its last step {name} is not finite")
            return result

        return train_epoch_watched

    def _check(self) -> None:
        if self._loss is not None:
            loss = float(self._loss)
            if not math.isfinite(loss):
                self._stop(f"the loss is {loss} in iteration {self._step}")

    def _stop(self, what: str) -> NoReturn:
        raise OctConvError(
            f"epoch {self._epoch}: {what}: training stops; the checkpoints of earlier epochs "
            f"are kept (a lower learning rate or a warm-up usually helps; "
            f"--allow-non-finite-loss continues anyway)"
        )
