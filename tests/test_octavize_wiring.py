"""``octavize``: what forwards keep, return, ask and call, in Python, in programs and exported."""

from __future__ import annotations

import collections
import copy
import dataclasses
import types
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor, nn
from pairs import Maps

from paddleclas_octconv import join, octavize
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.octavizer.pair import Pair

SIZE = 32


class Net(nn.Layer):
    """1x1 convolutions, so that on images of equal blocks it is the vanilla network."""

    def __init__(self):
        super().__init__()
        self.stem, self.a = nn.Conv2D(3, 8, 1), nn.Conv2D(8, 8, 1)
        self.b, self.c = nn.Conv2D(8, 8, 1), nn.Conv2D(8, 8, 1)

    def middle(self, x):
        return self.b(x)

    def forward(self, x):
        return self.c(self.middle(self.a(self.stem(x))))


def of(kind):
    """The network twice: vanilla and octave, of random biases, and an image."""
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        vanilla = kind()
    for value in vanilla.parameters():
        value.set_value(paddle.uniform(value.shape, min=-0.5, max=0.5))
    octave = octavize(copy.deepcopy(vanilla), input_size=SIZE)
    vanilla.eval(), octave.eval()
    return vanilla, octave, Maps(size=(SIZE, SIZE), block=4).of(3).astype("float32")


def close(found, expected):
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


class Asks(Net):
    def middle(self, x):
        y = self.b(x)
        assert not isinstance(y, (list, tuple, nn.Layer, np.ndarray))
        return y * 2 if isinstance(y, paddle.Tensor) else y


class AsksOfMany(Net):
    def middle(self, x):
        y = self.b(x)
        return y * 2 if isinstance(y, (list, Tensor)) else y


KINDS = (Tensor, float)


class AsksOfATuple(Net):
    def middle(self, x):
        y = [x, self.b(x)]
        return y[1] * 2 if all(isinstance(each, KINDS) for each in y) else x


class AsksForTheType(Net):
    def middle(self, x):
        y = self.b(x)
        kind = type(y)
        assert isinstance(kind, type) and type(self).__name__ == "AsksForTheType"
        return y * 2 if kind is paddle.Tensor or not paddle.in_dynamic_mode() else y


class AsksItsClass(Net):
    def middle(self, x):
        y = self.b(x)
        return y * 2 if paddle.is_tensor(y) and hasattr(y, "detach") else y


class Keeps(Net):
    def middle(self, x):
        self.feat = self.b(x)
        self.calls = getattr(self, "calls", 0) + 1
        return self.feat + x


class KeepsInAList(Net):
    def __init__(self):
        super().__init__()
        self.maps, self.named = [], {}

    def middle(self, x):
        self.maps.clear()
        self.maps.append(self.b(x))
        self.named["x"] = x
        return self.maps[-1] + self.named["x"]


class MaskedWhere(Net):
    def middle(self, x):
        mask = paddle.ones([1, 1, *x.shape[2:]]) > 0
        mask[:, :, :8] = False
        y = self.b(x)
        return paddle.where(mask, y, x) + paddle.where(mask[:, :, :1, :1], x, y)


class MaskedWhereAll(Net):
    def middle(self, x):
        y = self.b(x)
        return paddle.where(paddle.ones_like(x) > 0.5, y, paddle.zeros_like(y))


class MaskedByMap(Net):
    def middle(self, x):
        y = self.b(x)
        y = paddle.where(y > x, y, x) + paddle.where(y > 0, 1.0, y)
        return paddle.where(paddle.logical_and(y > 0, x > 0), y, x * 0.5)


class MaskedFill(Net):
    def middle(self, x):
        y = self.b(x)
        return paddle.masked_fill(y, y > 0.3, 0.3) + y * (y < x).astype(y.dtype)


class Doubled(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class OwnBackward(Net):
    def middle(self, x):
        return Doubled.apply(self.b(x)) + Doubled.apply(x)


def passed(y, x):
    return {"y": y, "x": x}


class PassesDicts(Net):
    def middle(self, x):
        found = passed(x=x, y=self.b(x))
        found = {**found, "sum": found["x"] + found["y"]}
        first, *others = found.values()
        return first + others[-1]


class Grows(Net):
    def middle(self, x):
        y = F.avg_pool2d(self.b(x), 2, 2)
        return x + F.interpolate(y, size=x.shape[2:], mode="nearest")


WIRINGS = [
    Asks,
    AsksOfMany,
    AsksOfATuple,
    AsksForTheType,
    AsksItsClass,
    Keeps,
    KeepsInAList,
    MaskedWhere,
    MaskedWhereAll,
    MaskedByMap,
    MaskedFill,
    OwnBackward,
    PassesDicts,
    Grows,
]


def program(network, path, size=SIZE):
    spec = [paddle.static.InputSpec([None, 3, size, size], "float32")]
    paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), str(path))
    return paddle.jit.load(str(path))


@pytest.mark.parametrize("kind", WIRINGS)
def test_values_of_the_vanilla_network(kind, tmp_path):
    vanilla, octave, x = of(kind)
    expected = vanilla(x)
    assert octave.octave_report.octave >= 2
    close(octave(x), expected)
    for size in (SIZE, None):
        close(program(octave, tmp_path / "model", size)(x), expected)


def test_what_is_kept_is_a_tensor_after_a_call():
    vanilla, octave, x = of(Keeps)
    assert not hasattr(octave, "feat") and not hasattr(octave, "calls")
    vanilla(x), octave(x)
    close(octave.feat, vanilla.feat)
    assert octave.calls == 1 and set(octave.state_dict()) == set(copy.deepcopy(octave).state_dict())
    vanilla, octave, x = of(KeepsInAList)
    assert octave.maps == [] and octave.named == {}
    vanilla(x), octave(x)
    close(octave.maps[0], vanilla.maps[0])
    close(octave.named["x"], vanilla.named["x"])


@dataclasses.dataclass
class Output:
    maps: list
    logits: Any = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    maps: tuple
    logits: Any = None


class Slotted:
    __slots__ = ("logits", "maps")

    def __init__(self, maps, logits):
        self.maps, self.logits = maps, logits


Named = collections.namedtuple("Named", "maps logits")


class Dict(collections.OrderedDict):
    """As the outputs of other libraries: a dict whose items are attributes too."""

    def __init__(self, **items):
        super().__init__(**items)
        vars(self).update(items)


RETURNED = {
    "tuple": lambda maps, y: (maps, y),
    "named tuple": lambda maps, y: Named(maps, y),
    "dict": lambda maps, y: {"maps": maps, "logits": y},
    "OrderedDict": lambda maps, y: collections.OrderedDict(maps=maps, logits=y),
    "defaultdict": lambda maps, y: collections.defaultdict(list, maps=maps, logits=y),
    "deque": lambda maps, y: collections.deque([maps, y]),
    "dataclass": lambda maps, y: Output(maps, y),
    "frozen dataclass": lambda maps, y: Frozen(tuple(maps), y),
    "namespace": lambda maps, y: types.SimpleNamespace(maps=maps, logits=y),
    "slots": lambda maps, y: Slotted(maps, y),
    "dict with attributes": lambda maps, y: Dict(maps=maps, logits=y),
    "iterator": lambda maps, y: iter([maps, y]),
    "map": lambda maps, y: map(lambda each: each, [maps, y]),
    "generator": lambda maps, y: (each for each in [maps, y]),
    "dict of dataclasses": lambda maps, y: {"out": Output([{"a": each} for each in maps], y)},
}


def tensors(value):
    if isinstance(value, Tensor):
        assert type(value) is not Pair
        return [value]
    if isinstance(value, dict):
        return [x for item in value.values() for x in tensors(item)]
    if hasattr(value, "logits") and not isinstance(value, tuple):
        return tensors(value.maps) + tensors(value.logits)
    return [x for item in value for x in tensors(item)]


@pytest.mark.parametrize("name", RETURNED)
def test_whatever_is_returned_holds_tensors(name):
    class Returns(Net):
        def forward(self, x):
            first = self.a(self.stem(x))
            second = self.b(first)
            return RETURNED[name]([first, second], self.c(second))

    vanilla, octave, x = of(Returns)
    expected, found = vanilla(x), octave(x)
    assert isinstance(found, type(expected)) or name in ("iterator", "generator")
    expected, found = tensors(expected), tensors(found)
    assert len(found) == len(expected) == 3
    for pair in zip(found, expected):
        close(*pair)
    if name == "dict with attributes":
        close(octave(x).logits, expected[-1])


def test_maps_that_a_generator_computes():
    class Stages(Net):
        def stages(self, x):
            for layer in (self.stem, self.a, self.b, self.c):
                x = layer(x)
                yield x

        def forward(self, x):
            return self.stages(x)

    vanilla, octave, x = of(Stages)
    assert octave.octave_report.octave == 3
    for found, expected in zip(octave(x), vanilla(x)):
        close(found, expected)


def test_join_makes_tensors_of_what_methods_and_hooks_give():
    vanilla, octave, x = of(Net)
    seen = []
    octave.b.register_forward_post_hook(lambda layer, inputs, output: seen.append([inputs, output]))
    octave(x)
    inputs, output = join(seen[0])
    first = vanilla.a(vanilla.stem(x))
    close(inputs[0], first)
    close(output, vanilla.b(first))
    found = octave.middle(octave.a(octave.stem(x)))
    assert isinstance(found, Tensor) and type(found) is Pair
    close(F.relu(join(found)), F.relu(vanilla.middle(first)))
    assert join(x) is x and join({"a": 1}) == {"a": 1}
    parent, child = types.SimpleNamespace(), types.SimpleNamespace(maps=[seen[0][1]])
    parent.child, child.parent = child, parent
    found = join(parent)
    assert found is not parent and found.child.parent is found
    close(found.child.maps[0], output)


class Decorated(Net):
    @paddle.jit.to_static(input_spec=[paddle.static.InputSpec([None, 3, None, None])])
    def forward(self, x):
        return self.c(self.middle(self.a(self.stem(x))))


@pytest.mark.parametrize("by", ["class", "instance"])
def test_a_forward_decorated_with_to_static(by, tmp_path):
    def made():
        if by == "class":
            return Decorated()
        return paddle.jit.to_static(Net())

    paddle.seed(0)
    network, x = made(), Maps(size=(SIZE, SIZE)).of(3).astype("float32")
    network.eval()
    expected = network(x)
    octave = octavize(network, input_size=SIZE)
    assert octave.octave_report.octave == 3
    close(octave(x), expected)
    if by == "class":
        paddle.jit.save(octave, str(tmp_path / "model"))
        close(paddle.jit.load(str(tmp_path / "model"))(x), expected)


def test_static_mode_is_told_so():
    network = Net()
    paddle.enable_static()
    try:
        with pytest.raises(OctConvError, match=r"paddle.disable_static\(\)"):
            octavize(network)
    finally:
        paddle.disable_static()


class Foreign:
    def __call__(self, x):
        if hasattr(x, "high"):
            raise RuntimeError("two of a kind are wanted")
        return x


def test_why_a_layer_takes_tensors_is_told_of_its_convolutions():
    class Block(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(8, 8, 1)

        def forward(self, x):
            return Foreign()(self.conv(x))

    network = nn.Sequential(nn.Conv2D(3, 8, 1), nn.Conv2D(8, 8, 1), Block())
    octavize(network, input_size=SIZE)
    reasons = " ".join(network.octave_report.plain)
    assert "inside 2, which takes plain tensors only: RuntimeError: two of a kind" in reasons


def test_flops_are_those_of_the_convolutions_and_layers():
    network = nn.Sequential(
        nn.Conv2D(3, 8, 3, padding=1, bias_attr=False),
        nn.ReLU(),
        nn.Conv2D(8, 16, 3, padding=1, bias_attr=False),
        nn.Conv2D(16, 16, 3, padding=1, bias_attr=False),
        nn.Conv2D(16, 8, 3, padding=1, bias_attr=False),
        nn.AdaptiveAvgPool2D(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    pooling = 8 * (SIZE * SIZE + 1)  # as Paddle counts it
    vanilla = paddle.flops(network, [1, 3, SIZE, SIZE])
    octavize(network, 0.5, input_size=SIZE)
    report = network.octave_report
    assert vanilla == report.vanilla_multiply_adds + pooling
    assert paddle.flops(network, [1, 3, SIZE, SIZE]) == report.multiply_adds + pooling
