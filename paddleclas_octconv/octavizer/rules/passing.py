"""Rules of what asks a map for something, or hands it on."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import Tensor

from ..pair import Pair
from .calls import Call, Unknown, rule


@rule("is_tensor")
def is_a_tensor(call: Call) -> bool:
    return True


@rule("shape")
def shape(call: Call) -> Tensor:
    x = call.pair
    sizes = call.function(x.high)
    before, after = sizes[: x.channel_axis], sizes[x.channel_axis + 1 :]
    channels = paddle.to_tensor(list(x.layout.slots.shape), dtype=sizes.dtype)
    return paddle.concat([before, channels, after])


@rule("expand_as")
def expand(call: Call) -> Any:
    """A value a channel that is expanded to a pair: the product does that by itself."""
    x, target = call.first, call.others[0]
    if isinstance(x, Pair) or not isinstance(target, Pair):
        raise Unknown("has no octave form")
    if [x.shape[axis] for axis in target.space] != [1, 1] or len(x.shape) != 4:
        raise Unknown("has no octave form")
    return x


@rule("recompute")
def recompute(call: Call) -> Any:
    """Computed once and kept: what Paddle would compute again must take and give tensors."""
    kept = {"use_reentrant", "preserve_rng_state"}
    arguments = {key: value for key, value in call.arguments.items() if key not in kept}
    called, *args = [arguments.pop(key) for key in list(arguments) if key.isdigit()]
    return called(*args, **arguments)
