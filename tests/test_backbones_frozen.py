"""``frozen_stages``: what is frozen stays, whatever is trained."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from backbones import KINDS, images, shallow

from paddleclas_octconv.common.errors import OctConvError


@pytest.mark.parametrize("stages", [0, 1, 3])
@pytest.mark.parametrize("name", KINDS)
def test_a_step_changes_only_what_is_not_frozen(name, stages):
    network = shallow(name, frozen_stages=stages)
    network.train()
    before = {key: value.numpy() for key, value in network.state_dict().items()}
    optimizer = paddle.optimizer.Momentum(
        0.1, parameters=network.parameters(), weight_decay=paddle.regularizer.L2Decay(0.1)
    )
    network(images(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    ends = [-1, *network.stage_ends]
    for key, value in network.state_dict().items():
        place = key.split(".")
        index = int(place[1]) if place[0] == "blocks" else -1
        in_stem = list(dict(network.named_children())).index(place[0]) < _blocks(network)
        frozen = in_stem or (place[0] == "blocks" and index <= ends[stages])
        same = np.array_equal(value.numpy(), before[key])
        assert same or not frozen, key
        if not frozen and key.endswith(("_mean", "fc.weight", "out.weight")):
            assert not same, key


def _blocks(network):
    return list(dict(network.named_children())).index("blocks")


@pytest.mark.parametrize("stages", [-1, 9, True, "stem", 0.0])
def test_other_values_are_refused(stages):
    with pytest.raises(OctConvError, match="frozen_stages must be a whole number from 0"):
        shallow("OctMobileNetV1_x0_25", frozen_stages=stages)
