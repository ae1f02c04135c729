"""Which weights a network can load: its own, its twin's, with a classifier for other classes."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.layers import OctBatchNorm2D, OctConv2D
from paddleclas_octconv.weights.match import (
    check_weights,
    class_num,
    cut_if_vanilla,
    cut_inside,
    load_into,
    match_weights,
)


class Small(nn.Sequential):
    """An octave convolution, a batch norm and a classifier, called alike in the vanilla network."""

    arch_name = "Small"

    def __init__(self, classes: int = 5) -> None:
        super().__init__(OctConv2D(4, 6, 1), OctBatchNorm2D(6, 0.5), nn.Linear(6, classes))

    def twin_key(self, key):
        return key

    def twin_orders(self):
        return {}


VANILLA = {
    "0.weight": [6, 4, 1, 1],
    "0.bias": [6],
    **{f"1.{name}": [6] for name in ("weight", "bias", "_mean", "_variance")},
    "2.weight": [6, 5],
    "2.bias": [5],
}


def drawn(shapes: dict) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {key: random.random(shape, np.float32) for key, shape in shapes.items()}


def own() -> dict[str, np.ndarray]:
    return drawn({key: value.shape for key, value in Small().state_dict().items()})


def refusal(weights, **options) -> str:
    with pytest.raises(OctConvError) as error:
        match_weights(Small(), weights, "x.pdparams", **options)
    return str(error.value)


def test_own_weights_are_taken_as_they_are():
    weights = own()
    assert match_weights(Small(), weights, "x") == (weights, False, "the network's own")


def test_what_paddle_flops_has_left_behind_is_no_weight():
    network = Small()
    for name in ("total_ops", "total_params", "input_shape", "output_shape"):
        network[1].register_buffer(name, paddle.zeros([1]))
    assert not match_weights(network, own(), "x").vanilla


def test_those_of_the_twin_are_cut_and_its_bias_may_lack():
    weights = drawn(VANILLA)
    for optional in ((), ("0.bias",)):
        given = {key: value for key, value in weights.items() if key not in optional}
        found = match_weights(Small(), given, "x")
        assert found.vanilla and found.note == (
            "kernels and batch norms cut from those of the vanilla twin"
        )
        assert {key: list(value.shape) for key, value in found.weights.items()} == {
            key: value.shape for key, value in Small().state_dict().items()
        }
        np.testing.assert_array_equal(found.weights["0.hl.weight"], weights["0.weight"][3:, :2])
        np.testing.assert_array_equal(found.weights["1.low._mean"], weights["1._mean"][3:])
        np.testing.assert_array_equal(found.weights["2.weight"], weights["2.weight"])
    assert not found.weights["0.ll.bias"].any()


@pytest.mark.parametrize("make", [own, lambda: drawn(VANILLA)], ids=["own", "vanilla"])
def test_a_classifier_for_other_classes_is_left_out_if_that_is_wanted(make):
    weights = {**make(), "2.weight": np.zeros((6, 7)), "2.bias": np.zeros(7)}
    found = match_weights(Small(), weights, "x")
    assert not {"2.weight", "2.bias"} & set(found.weights)
    assert found.note.endswith("; 2 starts anew: 5 classes, not 7")
    assert class_num(Small(), weights) == 7
    told = refusal(weights, new_classes=False)
    assert "2.weight is [6, 7], should be [6, 5], 2.bias is [7], should be [5]" in told


def test_a_classifier_of_other_features_does_not_fit():
    told = refusal({**own(), "2.weight": np.zeros((8, 7), np.float32)})
    assert told == "x.pdparams does not fit Small: 2.weight is [8, 7], should be [6, 5]"


def test_no_more_than_three_keys_are_named():
    weights = own()
    gone = list(weights)[1:]
    for count in (1, 3, 4, 6):
        given = {key: value for key, value in weights.items() if key not in gone[:count]}
        told = refusal(given).partition(": missing ")[2]
        more = f" and {count - 3} more" if count > 3 else ""
        assert told == ", ".join(gone[: min(count, 3)]) + more


def test_what_belongs_to_no_layer_is_told_of_a_layer_refused():
    found = match_weights(Small(), {**own(), "centers": np.zeros(2)}, "x")
    assert found.note == "the network's own; nothing here uses centers"
    assert "centers" in found.weights
    told = refusal({**own(), "2.extra": np.zeros(2)})
    assert told == "x.pdparams does not fit Small: unexpected 2.extra"


@pytest.mark.parametrize("key", [key for key in VANILLA if key != "0.bias"])
def test_of_the_twin_only_the_bias_of_a_convolution_may_lack(key):
    given = {name: value for name, value in drawn(VANILLA).items() if name != key}
    if key == "0.weight":  # by which the twin is known
        given = {name: value for name, value in given.items() if name[0] != "1"}
    assert f"missing {'0.hh.weight' if key == '0.weight' else key}" in refusal(given)


def test_a_key_of_the_networks_own_makes_them_its_own():
    both = {**drawn(VANILLA), "0.hh.weight": np.zeros((3, 2, 1, 1))}
    assert "does not fit Small: missing " in refusal(both)


def test_without_a_classifier_there_is_no_number_of_classes():
    assert class_num(Small(), {"0.weight": np.zeros((6, 4))}) is None
    assert class_num(Small(), own()) == 5


@pytest.mark.parametrize(
    "dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", "<i8", ">i2", "u1", "?"], ids=str
)
def test_numbers_of_any_kind_are_loaded(dtype):
    network = nn.Linear(2, 3)
    kernel = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    before = network.bias.numpy()
    load_into(network, {"weight": kernel, "unknown": kernel})
    np.testing.assert_array_equal(network.weight.numpy(), [[0, 1, 1], [1, 0, 1]])
    assert network.weight.dtype == paddle.float32
    np.testing.assert_array_equal(network.bias.numpy(), before)


def test_a_state_dict_of_the_twin_comes_in_the_numbers_of_the_network():
    network = Small().to(dtype="float64")
    state = {key: paddle.to_tensor(value) for key, value in drawn(VANILLA).items()}
    state["0.weight"] = state["0.weight"].astype("bfloat16")
    found = cut_if_vanilla(network, {**state, "centers": paddle.zeros([2])})
    assert {value.dtype for key, value in found.items() if key != "centers"} == {paddle.float64}
    expected = state["0.weight"].astype("float64")[3:, :2]
    np.testing.assert_array_equal(found["0.hl.weight"].numpy(), expected.numpy())
    plain = network.state_dict()
    assert cut_if_vanilla(network, plain) is plain


def test_a_network_of_paddleclas_may_leave_tensors_out_and_start_classes_anew():
    network = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 5))
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    check_weights(network, {**weights, "1.extra": np.zeros(3)}, "x")
    other = {**weights, "1.weight": np.zeros((4, 7)), "1.bias": np.zeros(7)}
    check_weights(network, other, "x", class_num=5)
    with pytest.raises(OctConvError, match=r"x: 1.weight is \[4, 7\], should be \[4, 5\]"):
        check_weights(network, other, "x")
    with pytest.raises(OctConvError, match=r"should be \[6, 4\]"):
        check_weights(network, {**weights, "0.weight": np.zeros((6, 3))}, "x", class_num=5)
    del other["0.bias"]
    with pytest.raises(OctConvError, match="x: missing 0.bias; 1.weight is"):
        check_weights(network, other, "x", class_num=5)


def test_a_twin_inside_another_model_is_cut_and_all_else_stays():
    """As in PaddleClas's ``RecModel``."""
    model = nn.Sequential(nn.Linear(2, 3), Small())
    around = {key: value for key, value in model.state_dict().items() if key.startswith("0.")}
    vanilla = drawn(VANILLA)
    found = cut_inside(model, {**around, **{f"1.{key}": paddle.to_tensor(value)
                                            for key, value in vanilla.items()}})  # fmt: skip
    assert set(found) == set(model.state_dict())
    assert all(found[key] is value for key, value in around.items())
    for key, value in match_weights(Small(), vanilla, "x").weights.items():
        np.testing.assert_array_equal(found[f"1.{key}"].numpy(), value)
    own = model.state_dict()
    assert cut_inside(model, own) == own
