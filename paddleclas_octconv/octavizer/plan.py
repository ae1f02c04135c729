"""Which convolutions become octave convolutions, decided once, from the shapes of a trial."""

from __future__ import annotations

from paddle import nn

from .converted import rebind_layer, restore
from .options import Options
from .planned import Plan
from .standins import refresh
from .trial import Trial


def look_at(network: nn.Layer, options: Options) -> Plan:
    """What ``make_plan`` would decide, of a network that stays what it is."""
    refresh()
    undo = rebind_layer(network)
    try:
        return Trial(network, options).plan()
    finally:
        restore(undo)


def make_plan(network: nn.Layer, options: Options) -> Plan:
    """Convert the classes of a network's layers and decide what becomes of its convolutions.

    Args:
        network: any network for images; its parameters stay what they are.

    Raises:
        OctConvError: it cannot run on such images, an option does not fit it, or nothing of it
            becomes octave. The network is what it was, then.
    """
    refresh()
    undo = rebind_layer(network)
    try:
        return Trial(network, options).plan()
    except BaseException:
        restore(undo)
        raise
