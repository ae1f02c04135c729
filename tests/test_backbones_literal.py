"""Every backbone computes what the definition of octave convolution says, evaluated literally."""

from __future__ import annotations

import copy
import types

import paddle
import pytest
import reference
from backbones import (
    DIFFERENT,
    KINDS,
    assert_close,
    few_blocks,
    images,
    settle,
    shallow,
    without_repeats,
)

from paddleclas_octconv.layers import Octave, OctConv2D, OctConvBNLayer


def literal(network):
    """A copy in which octave convolutions, and the units with them, are evaluated literally."""
    network = copy.deepcopy(network)
    network.evaluated = set()
    for layer in network.sublayers():
        if isinstance(layer, OctConv2D):
            layer.forward = types.MethodType(_literal_conv(network.evaluated), layer)
        elif isinstance(layer, OctConvBNLayer):
            layer.forward = types.MethodType(_literal_unit, layer)
    return network


def _literal_conv(evaluated):
    def forward(self, x):
        evaluated.add(id(self))
        paths = {name: getattr(self, name) for name in ("hh", "hl", "lh", "ll")}
        kernels = {
            name: (path.weight, path.bias, path._groups) for name, path in paths.items() if path
        }
        padding = (self.kernel_size - 1) // 2
        y = reference.octave_conv(_branches(x), kernels, self.stride, padding)
        return y[0] if y[1] is None else Octave(*y)

    return forward


def _literal_unit(self, x, shortcut=None):
    y = _branches(self.conv(x))
    y = [b if b is None else norm(b) for norm, b in zip((self.bn.high, self.bn.low), y)]
    if shortcut is not None:
        y = [b if b is None else b + s for b, s in zip(y, _branches(shortcut))]
    if self.act is not None:
        y = [b if b is None else self.act(b) for b in y]
    return y[0] if y[1] is None else Octave(*y)


def _branches(x):
    return list(x) if isinstance(x, Octave) else [x, None]


def gradients(network, x):
    network.clear_gradients()
    _weighted(network(x)).backward()
    return {k: p.grad.numpy() for k, p in network.named_parameters() if p.trainable}


def _weighted(logits):
    """A loss in which every logit counts differently."""
    weights = paddle.linspace(-1, 1, logits.size).reshape(logits.shape).astype(logits.dtype)
    return (logits * weights).sum()


@pytest.mark.parametrize("name", DIFFERENT)
def test_outputs_equal_the_literal_evaluation_in_float32(name):
    network = without_repeats(name)
    x = images(2, 3, 65, 96)
    settle(network, x)
    twin = literal(network)
    octave = sum(isinstance(layer, OctConv2D) for layer in twin.sublayers())
    for training in (False, True):
        for either in (network, twin):
            either.train() if training else either.eval()
        with paddle.no_grad():
            assert_close(network(x), twin(x), 1e-5, f"training={training}")
        assert len(twin.evaluated) == octave > 0


@pytest.mark.parametrize("name", KINDS)
def test_gradients_equal_those_of_the_literal_evaluation(name):
    network = shallow(name, conv_bias=True).to(dtype="float64")
    x = images(2, 3, 65, 96, dtype="float64")
    settle(network, x)
    twin = literal(network)
    for training in (False, True):
        for either in (network, twin):
            either.train() if training else either.eval()
        theirs = gradients(twin, x)
        for key, gradient in gradients(network, x).items():
            assert_close(gradient, theirs[key], 1e-8, f"{key}, training={training}")


@pytest.mark.parametrize(("alpha", "conv_bias"), [(0.5, True), (0.25, False)])
@pytest.mark.parametrize("name", ["OctMobileNetV1", "OctResNet50"])
def test_whole_network_equals_the_reference(name, alpha, conv_bias):
    network = shallow(name, alpha=alpha, conv_bias=conv_bias).to(dtype="float64")
    x = images(2, 3, 65, 96, dtype="float64")
    settle(network, x)
    for training in (False, True):
        network.train() if training else network.eval()
        state = {key: value.detach().clone() for key, value in network.state_dict().items()}
        for key, value in state.items():
            value.stop_gradient = key.endswith(("_mean", "_variance"))

        def twin(x, state=state, training=training):
            evaluator = reference.Network(state, training)
            if name == "OctMobileNetV1":
                return evaluator.mobilenet_v1(x)
            return evaluator.resnet(x, layers=few_blocks(name)["block_depth"])

        assert_close(network(x), twin(x), 1e-9)
        twin_logits = twin(x)
        _weighted(twin_logits).backward()
        for key, gradient in gradients(network, x).items():
            assert_close(gradient, state[key].grad, 1e-8, f"{key}, training={training}")


def test_literal_upsampling_of_an_odd_size_is_cropped():
    x = paddle.arange(4, dtype="float32").reshape([1, 1, 2, 2])
    expected = [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert reference.upsample(x, 3, 3)[0, 0].tolist() == expected
