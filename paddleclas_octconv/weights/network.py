"""What weights ask of the network that they are for."""

from __future__ import annotations

from typing import Any, Callable, Protocol, runtime_checkable

from paddle import Tensor, nn

from ..layers import Order

# Buffers of `paddle.flops`, which leaves them in layers that were not run, and after an error.
_NO_STATE = ("total_ops", "total_params", "input_shape", "output_shape")


@runtime_checkable
class OctaveNetwork(Protocol):
    """A network that stands for a vanilla one, its twin.

    Attributes:
        arch_name: what messages call it.
    """

    arch_name: str

    def twin_key(self, key: str) -> str:
        """The twin's name of a tensor, the path or branch of an octave layer left out of ``key``:
        "conv1.weight" for the kernels "conv1.hh.weight", "conv1.hl.weight", …"""

    def twin_orders(self) -> dict[str, Order]:
        """The layers whose channels are not in the twin's order."""

    def state_dict(self) -> Any: ...

    def named_sublayers(self, prefix: str = "", include_self: bool = False) -> Any: ...


def state_of(model: nn.Layer | OctaveNetwork) -> dict[str, Tensor]:
    """The parameters and statistics of a network, by name, and no counters of tools."""
    return {
        key: value
        for key, value in model.state_dict().items()
        if key.rpartition(".")[2] not in _NO_STATE
    }


def keep_state(model: nn.Layer | OctaveNetwork) -> Callable[[], None]:
    """What gives a network the parameters and statistics back that it has now."""
    before = {key: value.clone() for key, value in state_of(model).items()}

    def give_back() -> None:
        for key, value in state_of(model).items():
            value.set_value(before[key])

    return give_back
