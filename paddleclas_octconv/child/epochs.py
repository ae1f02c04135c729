"""The epochs of a training: where they start, and what chance each of them has."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import random
from typing import Any, Callable, Iterator

from ..checkpoints.resume import Start
from ..common.errors import OctConvError
from ..common.say import say
from ..patches import paddleclas_engine

_SEEDS = 1_000_003  # seeds of two epochs are this far apart: more than there are processes


def prepare_epochs(start: Start) -> None:
    """Have the ``Engine`` on ``sys.path`` train from where its run stands.

    Raises (then, when it trains):
        OctConvError: an epoch has no step, or the processes would go on from different epochs.
    """

    @contextlib.contextmanager
    def prepared(engine: Any) -> Iterator[None]:
        _demand_steps(engine)
        _agree_on(start.epoch)
        engine.train_epoch_func = _with_randomness_of_epoch(engine.train_epoch_func)
        paddleclas_engine.load_checkpoints_by(functools.partial(_load, engine, start.best_metric))
        yield

    paddleclas_engine.within(paddleclas_engine.TRAIN, prepared)


def _load(engine: Any, best_metric: float | None, original: Callable, optimizers: list) -> Any:
    """Load a checkpoint: its metric is the best of the run, and its rate that of the config.

    Schedulers save the rate and compute the next one from it, so that with another number of epochs
    or another rate they would go on along the old schedule, or at its end with a rate of 0.
    """
    from paddle import distributed

    rates = [getattr(optimizer, "_learning_rate", None) for optimizer in optimizers]
    begun = [copy.deepcopy(rate) for rate in rates]
    states = original()
    if not states:
        return states
    epochs = int(states.get("epoch", 0))
    is_first = distributed.get_rank() == 0
    for rate, fresh in zip(rates, begun):
        _go_on(engine, rate, fresh, epochs, is_first)
    if best_metric is not None:
        states["metric"] = best_metric
    return states


def _go_on(engine: Any, rate: Any, fresh: Any, epochs: int, is_first: bool) -> None:
    """Put a scheduler where a fresh one is after so many epochs."""
    from paddle.optimizer.lr import LRScheduler, ReduceOnPlateau

    if not isinstance(rate, LRScheduler):
        return  # a number
    if isinstance(rate, ReduceOnPlateau):  # goes by the metrics that there were
        if is_first and rate.last_lr != fresh.last_lr:
            say(
                f"the learning rate stays {rate.last_lr:.3g}, to which ReduceOnPlateau has come; "
                f"the config begins at {fresh.last_lr:.3g}"
            )
        return
    steps = getattr(engine, "iter_per_epoch", len(engine.train_dataloader))
    by_epoch = getattr(rate, "by_epoch", False)
    for _ in range(epochs if by_epoch else epochs * (steps // getattr(engine, "update_freq", 1))):
        fresh.step()
    before, now = float(rate.last_lr), float(fresh.last_lr)
    vars(rate).update(vars(fresh))
    if is_first and not math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-12):
        say(f"the learning rate continues at {now:.3g}, by this config; it was {before:.3g}")


def _demand_steps(engine: Any) -> None:
    """Refuse a training that would save the network as it was.

    Raises:
        OctConvError: ``drop_last`` leaves no batch, or there is no epoch.
    """
    epochs = engine.config["Global"]["epochs"]
    if epochs < 1:
        raise OctConvError(f"Global.epochs: {epochs} should be a whole number from 1")
    if getattr(engine, "iter_per_epoch", len(engine.train_dataloader)) < 1:
        sampler = engine.config["DataLoader"]["Train"].get("sampler") or {}
        images = len(getattr(engine.train_dataloader, "dataset", ()))
        raise OctConvError(
            f"DataLoader.Train.sampler.batch_size: {sampler.get('batch_size')} leaves no batch of "
            f"the {images} images to train on, for each process: a smaller one does, or "
            f"drop_last: False"
        )


def _with_randomness_of_epoch(train_epoch: Callable) -> Callable:
    """Have an epoch draw the same random numbers whether the run was resumed before it or not.

    PaddleClas saves no random state. The order of the images does follow the number of the
    epoch, which the pinned version forgets to set when it goes on from a checkpoint.
    """

    @functools.wraps(train_epoch)
    def train_epoch_seeded(engine, epoch_id, *args, **kwargs):
        sampler = getattr(engine.train_dataloader, "batch_sampler", None)
        if sampler is not None and hasattr(sampler, "set_epoch"):
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
    epochs = [int(each.item()) for each in gathered]
    if len(set(epochs)) > 1:
        raise OctConvError(
            f"the processes would go on from different epochs ({epochs}, by rank): "
            f"Global.output_dir must be a folder that all machines share"
        )
