"""A training stops early where its evaluations bring no better metric any more."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Callable, Iterator

from ..checkpoints import whole
from ..common.say import say
from ..config import Config
from ..config.recipe import PATIENCE
from ..patches.paddleclas_engine import TRAIN, within


def stop_without_progress(config: Config) -> None:
    """Have the ``Engine`` on ``sys.path`` stop after ``Global.patience`` evaluations in a row that
    have not given the best model, counted over all that the run was resumed.

    It stops before an epoch begins: best model and latest checkpoint are those of a longer run.
    """

    @contextlib.contextmanager
    def stopped(engine: Any) -> Iterator[None]:
        engine.train_epoch_func = _while_it_gets_better(engine.train_epoch_func, config)
        try:
            yield
        except _Enough as enough:
            if _rank() == 0:
                say(str(enough))
            if getattr(engine, "vdl_writer", None) is not None:
                engine.vdl_writer.close()

    within(TRAIN, stopped)


class _Enough(BaseException):
    """No error: nobody between the epochs and their engine shall take it for one."""


def _while_it_gets_better(train_epoch: Callable, config: Config) -> Callable:
    patience = config.at(PATIENCE)
    begun: list[int] = []  # the first epoch of this process

    @functools.wraps(train_epoch)
    def train_epoch_or_stop(engine, epoch_id, *args, **kwargs):
        begun.append(epoch_id)
        best = whole.best_epoch(config) if _rank() == 0 else None
        since = begun[0] - 1 if best is None else best
        count = _evaluations(config, since, epoch_id - 1)
        if _of_first_rank(count >= patience):
            of = f"that of epoch {best}" if best is not None else "none"
            raise _Enough(
                f"stopped after epoch {epoch_id - 1} of {config.epochs}: {count} "
                f"evaluations have given no better metric than {of} (Global.patience: {patience})"
            )
        return train_epoch(engine, epoch_id, *args, **kwargs)

    return train_epoch_or_stop


def _evaluations(config: Config, after: int, last: int) -> int:
    """How often PaddleClas evaluates after the epochs from ``after + 1`` to ``last``."""
    interval = config.at("Global.eval_interval")
    first = max(after + 1, config.at("Global.start_eval_epoch") or 0)
    return sum(epoch % interval == 0 for epoch in range(first, last + 1))


def _of_first_rank(decision: bool) -> bool:
    """What the first rank has decided, which alone writes the best model, for all of them."""
    import paddle
    from paddle import distributed

    if distributed.get_world_size() == 1:
        return decision
    gathered: list = []
    distributed.all_gather(gathered, paddle.to_tensor([int(decision)], dtype="int64"))
    return bool(gathered[0].item())


def _rank() -> int:
    from paddle import distributed

    return distributed.get_rank()
