"""A training that would save the network as it was does not begin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from paddleclas_octconv.child.epochs import _demand_steps
from paddleclas_octconv.common.errors import OctConvError


class Loader(list):
    dataset = range(24)


def engine(epochs: int = 1, batches: int = 3, **attributes) -> SimpleNamespace:
    config = {
        "Global": {"epochs": epochs},
        "DataLoader": {"Train": {"sampler": {"batch_size": 64, "drop_last": True}}},
    }
    loader = Loader(range(batches))
    return SimpleNamespace(config=config, train_dataloader=loader, **attributes)


def test_without_a_step_it_is_refused():
    with pytest.raises(OctConvError, match="batch_size: 64 leaves no batch of the 24 images"):
        _demand_steps(engine(batches=0))
    with pytest.raises(OctConvError, match="leaves no batch"):
        _demand_steps(engine(iter_per_epoch=0))  # PaddleClas 2.6, with update_freq
    with pytest.raises(OctConvError, match="Global.epochs: 0 should be"):
        _demand_steps(engine(epochs=0))


def test_with_one_it_is_let_through():
    _demand_steps(engine(batches=1))
    _demand_steps(engine(iter_per_epoch=1))
