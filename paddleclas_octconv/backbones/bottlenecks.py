"""What all ResNets have: four stages of bottlenecks."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from paddle import nn

from ..layers import Channels


def stages(
    block: Callable[..., nn.Layer],
    block_depth: Sequence[int],
    alphas: Sequence[float],
    width: int = 64,
    strides: Sequence[int] = (1, 2, 2, 2),
    lr_mults: Sequence[float] | None = None,
    **options: Any,
) -> tuple[nn.Sequential, Channels]:
    """The four stages behind a stem of 64 channels.

    Args:
        block: makes a bottleneck of its channels in, within and out.
        block_depth: blocks of each stage.
        alphas: shares of low-frequency channels of each stage.
        width: channels within a bottleneck of stage 1; each stage after it has twice as many.
        strides: of the first block of each stage.
        lr_mults: the blocks' ``lr_mult``, by stage.
        **options: of every block.

    Returns:
        The blocks one after the other, and the channels that come out.
    """
    blocks = []
    num_channels = Channels(64)
    for stage, (depth, alpha) in enumerate(zip(block_depth, alphas)):
        num_filters = Channels.split(width * 2**stage, alpha)
        out_channels = Channels.split(256 * 2**stage, alpha)
        if lr_mults is not None:
            options["lr_mult"] = lr_mults[stage]
        for index in range(depth):
            blocks.append(
                block(
                    num_channels,
                    num_filters,
                    out_channels,
                    stride=strides[stage] if index == 0 else 1,
                    shortcut=index > 0,
                    **options,
                )
            )
            num_channels = out_channels
    return nn.Sequential(*blocks), num_channels
