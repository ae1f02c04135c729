"""The options of ``octavize``: each decides by the definition in its documentation."""

from __future__ import annotations

import inspect
from dataclasses import asdict

import paddle
import pytest
from paddle import nn

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import OctConv2D
from paddleclas_octconv.octavizer.build import build_octave
from paddleclas_octconv.octavizer.network import octavize
from paddleclas_octconv.octavizer.options import Options

STRIDES = (1, 2, 2, 2, 2, 2, 1)  # total: 1, 2, 4, 8, 16, 32, 32


def pyramid() -> nn.Layer:
    """Convolutions "0" to "6"."""
    convs = [
        nn.Conv2D(8 if index else 3, 8, 3, stride=stride, padding=1, bias_attr=False)
        for index, stride in enumerate(STRIDES)
    ]
    return nn.Sequential(*convs)


def low_channels(network: nn.Layer) -> dict[int, int]:
    """How many channels of its output are low, by the number of the convolution."""
    found = {}
    for index, layer in enumerate(network):
        if isinstance(layer, OctConv2D) and layer.outputs.low:
            found[index] = layer.outputs.low
    return found


@pytest.mark.parametrize(
    "options, octave, reasons",
    [
        ({}, {1, 2, 3, 4}, {"stem", "max_stride"}),
        ({"stem": 0}, {0, 1, 2, 3, 4}, {"max_stride"}),
        ({"stem": 3}, {3, 4}, {"stem", "max_stride"}),
        ({"stem": 0, "max_stride": 1}, {0}, {"max_stride"}),
        ({"max_stride": 15}, {1, 2, 3}, {"stem", "max_stride"}),
        ({"max_stride": 31}, {1, 2, 3, 4}, {"stem", "max_stride"}),
        ({"max_stride": 32}, {1, 2, 3, 4, 5, 6}, {"stem"}),
        ({"max_stride": 32, "min_size": 3}, {1, 2, 3, 4}, {"stem", "min_size"}),
        ({"min_size": 4}, {1, 2, 3, 4}, {"stem", "min_size"}),
        ({"min_size": 5}, {1, 2, 3}, {"stem", "min_size"}),
        ({"plain": "3"}, {1, 2, 4}, {"stem", "max_stride"}),  # "3" takes a pair
        ({"plain": ["1", "[4-5]"]}, {2, 3}, {"stem", "plain", "max_stride"}),
        # The shorter side counts: "5" and "6" make maps one pixel wide.
        ({"input_size": (64, 32), "max_stride": 32}, {1, 2, 3, 4}, {"stem", "min_size"}),
        ({"input_size": [32, 64], "max_stride": 8}, {1, 2, 3}, {"stem", "min_size"}),
    ],
)
def test_what_is_octave_and_why_the_rest_is_not(options, octave, reasons):
    network = octavize(pyramid(), **{"input_size": 64, **options})
    assert set(low_channels(network)) == octave
    assert set(network.octave_report.plain) == reasons
    if "stem" in reasons and options.get("stem", 1) == 1:
        height, width = network.octave_report.input_size
        assert network.octave_report.plain["stem"] == height * width * 8 * 3 * 9


def test_alpha_can_be_one_number_for_each_resolution():
    network = octavize(pyramid(), [0.5, 0, 0.25, 0.75, 0.375], input_size=64)
    assert low_channels(network) == {1: 4, 3: 2, 4: 6, 5: 3, 6: 3}


def test_without_low_channels_at_a_resolution_its_maps_are_plain():
    network = octavize(pyramid(), [0, 0, 0.25, 0, 0.5], input_size=64)
    assert low_channels(network) == {3: 2, 5: 4, 6: 4}
    assert set(network.octave_report.plain) == {"stem", "alpha"}


@pytest.mark.parametrize("size", [(64, 64), (40, 72), (36, 21)])
def test_what_is_counted_is_what_paddle_counts(size):
    network = pyramid()
    vanilla = paddle.flops(network, [1, 3, *size])
    report = octavize(network, input_size=size, max_stride=4).octave_report
    assert report.vanilla_multiply_adds == vanilla
    assert report.multiply_adds == paddle.flops(network, [1, 3, *size]) < vanilla


@pytest.mark.parametrize("function", [octavize, build_octave])
def test_the_defaults_are_the_same_everywhere(function):
    defaults = asdict(Options())
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in defaults} == defaults
    assert defaults == {
        "alpha": 0.5,
        "input_size": 224,
        "stem": 1,
        "max_stride": 16,
        "min_size": 2,
        "plain": (),
        "pool_stride": False,
        "keep_stride": False,
    }


@pytest.mark.parametrize(
    "options, told",
    [
        ({"stem": -1}, "stem must be a whole number from 0, got -1"),
        ({"stem": True}, "stem must be a whole number from 0, got True"),
        ({"max_stride": 0}, "max_stride must be a whole number from 1, got 0"),
        ({"max_stride": 16.0}, "max_stride must be a whole number from 1, got 16.0"),
        ({"min_size": 0}, "min_size must be a whole number from 1, got 0"),
        ({"input_size": (0, 8)}, "input_size must be a whole number from 1, got 0"),
        ({"input_size": (8, 0)}, "input_size must be a whole number from 1, got 0"),
        ({"input_size": [8]}, "input_size must be a side, or height and width, got [8]"),
        ({"pool_stride": 1}, "pool_stride: 1 should be True or False"),
        ({"keep_stride": "no"}, "keep_stride: 'no' should be True or False"),
        ({"pool_stride": True, "keep_stride": True}, "pool_stride and keep_stride exclude each"),
        ({"plain": 3}, "plain must be a name of convolutions, or a list of names, got 3"),
        ({"plain": ["a", 3]}, "plain must be a name of convolutions, or a list of names, got ['a'"),
    ],
)
def test_other_values_are_refused(options, told):
    with pytest.raises(OctConvError) as error:
        Options(**options)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "options", [{"stem": 0}, {"max_stride": 1}, {"min_size": 1}, {"input_size": (1, 1)}]
)
def test_the_least_values_are_taken(options):
    Options(**options)
