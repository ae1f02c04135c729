"""What a layer holds besides its parameters, buffers and sublayers."""

from __future__ import annotations

import copy
from collections import deque

import paddle
from paddle import nn

with paddle.utils.unique_name.guard():
    _OF_EVERY_LAYER = frozenset({*vars(nn.Layer()), "planner"})


def own_attributes(layer: nn.Layer) -> list[str]:
    """Attributes that not every layer has, and that are neither layers nor tensors."""
    return [
        name
        for name, value in vars(layer).items()
        if name not in _OF_EVERY_LAYER and not isinstance(value, (nn.Layer, type))
    ]


class Attributes:
    """What is in a layer, to be put back when its forward has changed it."""

    def __init__(self, layer: nn.Layer) -> None:
        self.layer = layer
        self.buffers = dict(layer._buffers)
        self.own = {name: vars(layer)[name] for name in own_attributes(layer)}
        kinds = (list, dict, set, deque)
        self.contents = [
            (value, copy.copy(value)) for value in self.own.values() if isinstance(value, kinds)
        ]

    def restore(self) -> None:
        own = vars(self.layer)
        for name in own_attributes(self.layer):
            if name not in self.own:
                del own[name]
        own.update(self.own)
        for name in set(self.layer._buffers) - set(self.buffers):
            self.layer._non_persistable_buffer_names_set.discard(name)
        self.layer._buffers.clear()
        self.layer._buffers.update(self.buffers)
        for value, before in self.contents:
            value.clear()
            (value.extend if isinstance(value, (list, deque)) else value.update)(before)
