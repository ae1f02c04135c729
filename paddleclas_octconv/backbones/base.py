"""What every OctConv backbone shares with PaddleClas's backbones."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from paddle import nn

from ..errors import OctConvError
from ..layers import join


class Backbone:
    """A registered name: the network, its vanilla twin in PaddleClas (or None), its options."""

    def __init__(self, network: type[OctBackbone], twin: str | None, **options: Any) -> None:
        self.network = network
        self.twin = twin
        self.options = options


class OctBackbone(nn.Layer):
    """Base of the networks; the registry mixes in the ``TheseusLayer`` of the PaddleClas that builds it.

    With that layer behind it in the method resolution order, ``update_res``, ``stop_after``,
    ``freeze_befor`` and ``upgrade_sublayer`` are PaddleClas's own.
    """

    data_format = "NCHW"

    def init_stages(self, stages_pattern, return_patterns=None, return_stages=None) -> None:
        """Make the network return stages too, as PaddleClas's ``init_res`` does.

        Args:
            stages_pattern: the layer that ends each stage, e.g. ``["blocks[2]", …]``.
            return_patterns: layers to return; goes before ``return_stages``.
            return_stages: True for every stage, or indices into ``stages_pattern``.

        Raises:
            OctConvError: an index outside ``stages_pattern``.
        """
        if not return_patterns and return_stages is not None and return_stages is not False:
            stages = range(len(stages_pattern)) if return_stages is True else return_stages
            stages = [stages] if isinstance(stages, int) else stages
            if any(stage not in range(len(stages_pattern)) for stage in stages):
                raise OctConvError(
                    f"return_stages={return_stages!r}: the stages are 0 to {len(stages_pattern) - 1}"
                )
            return_patterns = [stages_pattern[stage] for stage in stages]
        if return_patterns:
            self.update_res(return_patterns)

    def __call__(self, x, *args, **kwargs):
        if len(x.shape) != 4:
            raise OctConvError(
                f"the input of {type(self).__name__} must be 4-D, (N, C, H, W), got shape {x.shape}"
            )
        return super().__call__(x, *args, **kwargs)

    def _return_dict_hook(self, layer, input, output):
        # What PaddleClas returns for a stage is one tensor, here with the channels of both branches.
        res = super()._return_dict_hook(layer, input, output)
        return {name: join(value, self.data_format) for name, value in res.items()}


def last_blocks(block_depth: list[int]) -> list[str]:
    """The patterns of the blocks that end the stages: [3, 4] -> ["blocks[2]", "blocks[6]"]."""
    return [f"blocks[{count - 1}]" for count in accumulate(block_depth)]
