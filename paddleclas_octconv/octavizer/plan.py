"""Which convolutions become octave convolutions, decided once, from the shapes of a trial."""

from __future__ import annotations

from paddle import nn

from .converted import Undo, rebind_layer, restore
from .options import Options
from .planned import Plan
from .standins import refresh
from .trial import Trial


def look_at(network: nn.Layer, options: Options) -> Plan:
    """What ``make_plan`` would decide, of a network that stays what it is."""
    plan, undo = _planned(network, options)
    restore(undo)
    return plan


def make_plan(network: nn.Layer, options: Options) -> Plan:
    """Convert the classes of a network's layers and decide what becomes of its convolutions.

    Args:
        network: any network for images; its parameters stay what they are.

    Raises:
        OctConvError: it cannot run on such images, an option does not fit it, or nothing of it
            becomes octave. The network is what it was, then.
    """
    return _planned(network, options)[0]


def _planned(network: nn.Layer, options: Options) -> tuple[Plan, Undo]:
    """The plan, and what ``restore`` takes to make the classes again what they were."""
    refresh()
    undo = rebind_layer(network)
    try:
        return Trial(network, options).plan(), undo
    except BaseException:
        restore(undo)
        raise
