"""What every OctConv backbone shares with PaddleClas's backbones."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

from paddle import ParamAttr, nn
from paddle.nn.initializer import Uniform

from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..layers import DataFormat, Order, join
from ..weights.match import cut_if_vanilla
from .catalogue.family import Family


def check_of_five(**lists: Any) -> None:
    """Check lists with a value for the stem and each of the four stages of a ResNet.

    Raises:
        OctConvError: one is something else.
    """
    for name, values in lists.items():
        if not isinstance(values, (list, tuple)) or len(values) != 5:
            raise OctConvError(
                f"{name} must be a list of 5, for the stem and the 4 stages, got {values!r}"
            )


class OctBackbone(nn.Layer):
    """Base of the networks; the registry mixes in the ``TheseusLayer`` of its copy of PaddleClas.

    With that layer behind it in the method resolution order, ``update_res``, ``stop_after``,
    ``freeze_befor`` and ``upgrade_sublayer`` are PaddleClas's own.

    Attributes:
        arch_name: what messages call it: the registered name it was built by, or its class's.
        class_num: classes that it tells apart; PaddleClas's heads read it.
        blocks: all that is between the stem and the head.
        family: what is known of its file's networks.
        stage_ends: the index in ``blocks`` of the last one of each stage.
    """

    data_format: DataFormat = "NCHW"
    blocks: nn.Sequential
    family: Family

    def __init__(self, class_num: int) -> None:
        super().__init__()
        self.arch_name = type(self).__name__
        self.class_num = class_num

    @classmethod
    def stage_alphas(cls, alpha: float | list[float]) -> list[float]:
        """The share of low channels in each stage.

        Args:
            alpha: one number, for the ``octave_stages`` of the family (the ``plain_stages`` after
                them get 0), or a number for every stage.

        Raises:
            OctConvError: ``alpha`` is neither, or holds something outside [0, 1).
        """
        check_alpha(alpha, cls.family.octave_stages + cls.family.plain_stages)
        return list(alpha) if isinstance(alpha, (list, tuple)) else cls.family.spread(alpha)

    def init_stages(self, stages_pattern, return_patterns=None, return_stages=None) -> None:
        """Make the network return stages too, as PaddleClas's ``init_res`` does.

        Args:
            stages_pattern: the layer that ends each stage, e.g. ``["blocks[2]", …]``.
            return_patterns: layers to return; goes before ``return_stages``.
            return_stages: True for every stage, or indices into ``stages_pattern``.

        Raises:
            OctConvError: an index outside ``stages_pattern``.
        """
        # "blocks[2]" -> 2
        self.stage_ends = [int(pattern[len("blocks[") : -1]) for pattern in stages_pattern]
        if not return_patterns and return_stages is not None and return_stages is not False:
            stages = range(len(stages_pattern)) if return_stages is True else return_stages
            stages = stages if isinstance(stages, (list, tuple, range)) else [stages]
            if any(stage not in range(len(stages_pattern)) for stage in stages):
                raise OctConvError(
                    f"return_stages must be stages from 0 to {len(stages_pattern) - 1}, "
                    f"got {return_stages!r}"
                )
            return_patterns = [stages_pattern[stage] for stage in stages]
        if return_patterns:
            self.update_res(return_patterns)

    def __call__(self, x, *args, **kwargs):
        shape = list(x.shape)
        if len(shape) != 4:
            raise OctConvError(
                f"the input of {type(self).__name__} must be 4-D, (N, C, H, W), got shape {shape}"
            )
        # Nothing above 0 is too small: where a half would be less than a pixel it is one pixel.
        if 0 in shape[2:]:
            raise OctConvError(
                f"{type(self).__name__} needs images of at least 1x1, got {shape[2]}x{shape[3]}"
            )
        return super().__call__(x, *args, **kwargs)

    def twin_key(self, key: str) -> str:
        """The vanilla twin's name of a tensor.

        Args:
            key: of our state dict, the path or branch of an octave layer left out of it:
                "blocks.3.conv0.conv.weight" for the kernels of hh, hl, lh and ll.
        """
        return key

    def twin_orders(self) -> dict[str, Order]:
        """The layers whose channels are not those of the vanilla twin in the twin's order."""
        return {}

    def set_state_dict(self, state_dict, use_structured_name: bool = True):
        """As Paddle's; a state dict of the vanilla twin is cut into octave weights first."""
        if use_structured_name:
            state_dict = cut_if_vanilla(self, state_dict)
        return super().set_state_dict(state_dict, use_structured_name)

    set_dict = load_dict = set_state_dict

    def _return_dict_hook(self, layer, input, output):
        # What PaddleClas returns for a stage is one tensor: here, the channels of both branches.
        res = super()._return_dict_hook(layer, input, output)
        return {name: join(value, self.data_format) for name, value in res.items()}


def classifier(channels: int, class_num: int) -> nn.Linear:
    """The last layer, initialised as PaddleClas does it."""
    bound = 1.0 / math.sqrt(channels)
    weights = ParamAttr(initializer=Uniform(-bound, bound))
    return nn.Linear(channels, class_num, weight_attr=weights)


def last_blocks(block_depth: list[int]) -> list[str]:
    """The patterns of the blocks that end the stages: [3, 4] -> ["blocks[2]", "blocks[6]"]."""
    return [f"blocks[{count - 1}]" for count in accumulate(block_depth)]


def old_names(key: str) -> str:
    """The layer names in PaddleClas's older files: "….conv.weight" -> "…._conv.weight"."""
    *path, layer, parameter = key.split(".")
    return ".".join([*path, {"conv": "_conv", "bn": "_batch_norm"}.get(layer, layer), parameter])
