"""A training without steps does not begin; one that goes on follows the schedule of its config."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from paddle.optimizer import lr as schedules

from paddleclas_octconv.child.epochs import _demand_steps, _load
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


SCHEDULES = {
    "cosine": lambda rate, steps: schedules.CosineAnnealingDecay(rate, steps),
    "warm-up": lambda rate, steps: schedules.LinearWarmup(
        schedules.CosineAnnealingDecay(rate, steps), 4, 0.0, rate
    ),
    "polynomial": lambda rate, steps: schedules.PolynomialDecay(rate, steps),
    "piecewise": lambda rate, steps: schedules.PiecewiseDecay([steps // 2], [rate, rate / 10]),
    "step": lambda rate, steps: schedules.StepDecay(rate, steps // 3),
    "exponential": lambda rate, steps: schedules.ExponentialDecay(rate, 0.9),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("rate, epochs", [(0.1, 2), (0.1, 6), (0.05, 6)])
def test_a_resumed_schedule_is_that_of_the_config(name, rate, epochs):
    """Two epochs of three steps at a rate of 0.1 are done; another plan goes on."""
    done = SCHEDULES[name](0.1, 6)
    for _ in range(6):
        done.step()
    wanted = SCHEDULES[name](rate, 3 * epochs)
    rates = []
    for _ in range(20):
        rates.append(wanted())
        wanted.step()
    resumed = SCHEDULES[name](rate, 3 * epochs)

    def load():
        resumed.set_state_dict(copy.deepcopy(done.state_dict()))
        return {"epoch": 2, "metric": 0.1}

    states = _load(engine(), 0.5, load, [SimpleNamespace(_learning_rate=resumed)])
    assert states == {"epoch": 2, "metric": 0.5}
    for rate in rates[6:]:
        assert resumed() == pytest.approx(rate, rel=1e-9)
        resumed.step()


def test_a_rate_that_follows_the_metric_goes_on_by_it(capsys):
    def begun():
        return schedules.ReduceOnPlateau(0.1, patience=0)

    done, resumed = begun(), begun()
    for loss in (1.0, 2.0, 3.0):
        done.step(loss)

    def load():
        resumed.set_state_dict(done.state_dict())
        return {"epoch": 1}

    _load(engine(), None, load, [SimpleNamespace(_learning_rate=resumed)])
    assert resumed() == done() < 0.1
    assert f"the learning rate stays {done():.3g}, to which ReduceOnPl" in capsys.readouterr().err
