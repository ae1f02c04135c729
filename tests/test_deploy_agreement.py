"""The check of converted models: it passes what is right and catches what is a thousandth wrong."""

import contextlib

import numpy as np
import paddle
import pytest
from paddle import nn
from scipy.spatial import distance

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import agreement, images
from paddleclas_octconv.layers import OctConv2D, OctConvBNLayer

SHAPE = [3, 32, 32]


def trained(saturation=1.0):
    """A small network whose softmax saturates as a trained one's does."""
    paddle.seed(0)
    net = nn.Sequential(
        OctConvBNLayer(3, 8, 3, 2, alpha_in=0, act="relu"),
        OctConvBNLayer(8, 8, 3, groups=8, act="relu"),
        OctConvBNLayer(8, 16, 1, act="relu"),
        OctConvBNLayer(16, 16, 3, 2, alpha_out=0, act="relu"),
        nn.AdaptiveAvgPool2D(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
    net.eval()
    net[-1].weight.set_value(net[-1].weight * saturation)
    return net


def forward(net):
    def run(batch):
        with paddle.no_grad():
            logits = net(paddle.to_tensor(batch))
        return [paddle.nn.functional.softmax(logits).numpy()]

    return run


def paths(net):
    """The kernels of all octave convolutions' paths, by name."""
    return {
        f"{name}.{key}": parameter
        for name, layer in net.named_sublayers()
        if isinstance(layer, OctConv2D)
        for key, parameter in layer.named_parameters()
        if len(parameter.shape) == 4
    }


def test_the_same_network_agrees():
    found = agreement.demand("x", forward(trained()), forward(trained()), SHAPE)
    assert found.relative < 1e-6
    assert found.cosine == pytest.approx(1)


@pytest.mark.parametrize("saturation", [1, 10000])
def test_a_thousandth_in_one_path_of_one_layer_is_caught(saturation):
    right, wrong = trained(saturation), trained(saturation)
    probabilities = forward(right)(np.random.RandomState(0).randn(4, *SHAPE).astype("float32"))[0]
    assert (probabilities.max() > 0.9999) == (saturation > 1)
    kernels = paths(wrong)
    assert len(kernels) == 10
    for kernel in kernels.values():
        before = kernel.numpy()
        kernel.set_value(before * np.float32(1.001))
        with pytest.raises(OctConvError, match="--x: file differs from Paddle Inference by"):
            agreement.demand("--x: file", forward(right), forward(wrong), SHAPE)
        kernel.set_value(before)
    agreement.demand("--x: file", forward(right), forward(wrong), SHAPE)


def test_what_probabilities_hide_logits_show():
    sure = np.array([[1.0, 1e-9, 1e-12]], np.float32)
    other = np.array([[1.0, 1e-9, 2e-12]], np.float32)
    assert np.abs(sure - other).max() < 1e-11
    kinds = [("one image", np.zeros((1, 3, 4, 4), np.float32))]
    found = agreement.difference(lambda _: [sure], lambda _: [other], kinds)
    assert found.relative > 1e-2


def test_outputs_that_are_no_probabilities_are_compared_as_they_are():
    features = np.array([[-1.0, 2.0, 5.0]], np.float32)
    assert (agreement.logits(features) == features).all()


@pytest.mark.parametrize(
    "outputs, said",
    [
        ([np.zeros((1, 4))], r"shapes \[\[1, 4\]\], not \[\[1, 3\]\]"),
        ([np.full((1, 3), np.nan)], "not a number"),
        ([], r"shapes \[\], not"),
    ],
)
def test_outputs_of_another_kind_are_refused(outputs, said):
    wanted = [np.array([[0.2, 0.3, 0.5]])]
    with pytest.raises(OctConvError, match=said):
        agreement.demand("x", lambda _: wanted, lambda _: outputs, SHAPE)


def test_an_error_that_real_images_alone_show_is_caught():
    def only_for_bright(batch):
        wrong = batch.mean() > 5
        return [np.array([[0.2, 0.8]] if wrong else [[0.3, 0.7]] * len(batch))]

    bright = np.full((1, *SHAPE), 9.0)
    wanted = lambda batch: [np.array([[0.3, 0.7]] * len(batch))]  # noqa: E731
    agreement.demand("x", wanted, only_for_bright, SHAPE)
    with pytest.raises(OctConvError, match="on 1 real images"):
        agreement.demand("x", wanted, only_for_bright, SHAPE, bright)


def test_where_any_size_will_do_an_odd_one_is_tried():
    sizes = {batch.shape for _, batch in agreement.inputs([3, -1, -1])}
    assert {shape[2:] for shape in sizes} == set(agreement.ANY_SIZE)
    assert {shape[0] for shape in sizes} == {*agreement.BATCHES, *agreement.MORE_BATCHES}


@pytest.mark.parametrize("batch, factor", [(1, -1), (2, -1), (3, -1), (17, -1), (3, 1.1)])
def test_int8_has_to_be_steady_in_batches_of_every_size(batch, factor):
    images = np.random.RandomState(0).randn(agreement.CALL_IMAGES, 3, 4, 4)

    def exact(batch):
        return [batch.reshape(len(batch), -1)]

    def quantized(batch):
        return [np.round(batch.reshape(len(batch), -1), 1)]

    def wrong_for_some(images, factor=factor):
        return [values * (factor if len(images) == batch else 1) for values in quantized(images)]

    agreement.demand_steady("x", exact, quantized, images)
    agreement.demand_steady("x", exact, lambda batch: wrong_for_some(batch, 1.01), images)
    # Where a precision changes much, calls may differ by as much.
    coarse = lambda batch: [np.round(batch.reshape(len(batch), -1))]  # noqa: E731
    steady = lambda images: [coarse(images)[0] * (1.1 if len(images) == batch else 1)]  # noqa: E731
    agreement.demand_steady("x", exact, steady, images)
    if batch == agreement.CALL_IMAGES:  # then all the others are the odd ones
        batch = 1
    with pytest.raises(OctConvError, match=f"x gives other classes in batches of {batch} than"):
        agreement.demand_steady("x", exact, wrong_for_some, images)


def test_samples_of_a_config_are_preprocessed(tiny_config):
    from paddleclas_octconv.config import load_config

    config = load_config(tiny_config)
    found = images.samples(config, 5)
    assert found.shape == (5, 3, 32, 32)
    assert -1 <= found.min() < found.max() <= 1
    config["DataLoader"]["Eval"]["dataset"]["cls_label_path"] = "nowhere"
    assert images.samples(config, 5) is None


@pytest.mark.parametrize("wrong, refused", [(6e-8, False), (1e-5, True)])
def test_rounding_that_a_network_blows_up_is_no_error_of_the_conversion(wrong, refused):
    def steep(factor):
        return lambda batch: [np.sin(300 * factor * batch[:, 0, 0, :10].astype("float64"))]

    assert agreement.difference(steep(1), steep(1 + wrong), agreement.inputs(SHAPE)).relative > 1e-4
    if refused:
        with pytest.raises(OctConvError, match="differs from Paddle Inference by .*, more than"):
            agreement.demand("x", steep(1), steep(1 + wrong), SHAPE)
    else:
        agreement.demand("x", steep(1), steep(1 + wrong), SHAPE)


@pytest.mark.parametrize("wrong, refused", [(5e-4, False), (2e-3, True)])
def test_what_is_more_than_a_limit_is_no_rounding(wrong, refused):
    """In a network, too, that makes anything of the last digits of an image."""

    def steep(shift):
        return lambda batch: [np.sin(3e5 * batch[:, 0, 0, :10].astype("float64")) + shift]

    with contextlib.ExitStack() as stack:
        if refused:
            stack.enter_context(pytest.raises(OctConvError, match="more than 1e-03"))
        agreement.demand("x", steep(0), steep(wrong), SHAPE)


def test_a_network_that_ends_in_sigmoids_is_compared_on_its_logits():
    logits = np.array([[-60.0, -3.0, 30.0], [-45.0, 0.5, 90.0], [-50.0, 2.0, 40.0]])

    def sigmoid(shift: float):
        shifted = logits + shift * np.array([0, 1, 0])
        kept = np.clip(shifted, -40 if shift else -100, 13 if shift else 100)  # as Paddle's does
        return agreement.before_sigmoid(
            lambda images: [(1 / (1 + np.exp(-kept[: len(images)]))).astype(np.float32)]
        )

    agreement.demand("x", sigmoid(0), sigmoid(1e-6), SHAPE)
    with pytest.raises(OctConvError, match="x differs"):
        agreement.demand("x", sigmoid(0), sigmoid(0.1), SHAPE)


def test_how_far_engines_are_apart_is_told_of_the_worst_image():
    """Of numbers that are no probabilities: the gap over that image's greatest, and the cosine."""
    wanted = np.array([[1.0, -4.0, 2.0], [0.5, 0.25, -0.125]])
    gaps = np.array([[0.2, -0.1, 0.0], [0.0, 0.1, 0.0]])
    kinds = [(name, np.full((2, 1, 1, 1), share)) for name, share in (("odd", 1.0), ("even", 0.5))]
    found = agreement.difference(
        lambda batch: [wanted], lambda batch: [wanted + gaps * batch[0, 0, 0, 0]], kinds
    )
    cosines = [1 - distance.cosine(one, other) for one, other in zip(wanted, wanted + gaps)]
    assert found.relative == pytest.approx(0.1 / 0.5) and found.inputs == "odd"
    assert found.cosine == pytest.approx(min(cosines)) and min(cosines) < 0.995
    for gap, relative in ((0.0, 0.0), (0.25, 0.25)):  # of an image whose numbers are all zero
        found = agreement.difference(
            lambda batch: [0 * wanted], lambda batch, gap=gap: [0 * wanted + gap], kinds[:1]
        )
        assert (found.relative, found.cosine) == (relative, 1.0)


def test_logits_come_back_from_probabilities():
    random = np.random.RandomState(0)
    logits = 4 * random.randn(5, 6)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = logits - logits.mean(1, keepdims=True)
    np.testing.assert_allclose(agreement.logits(shares.astype("float32")), expected, atol=1e-5)
    half = np.log(3) / 2
    np.testing.assert_allclose(agreement.logits([[0.25, 0.75]]), [[-half, half]])
    for others in (0.9 * shares, shares[:, :1], expected):  # no probabilities
        np.testing.assert_array_equal(agreement.logits(others), others)
    run = agreement.before_sigmoid(lambda images: [1 / (1 + np.exp(-logits))])
    np.testing.assert_allclose(run(logits)[0], np.clip(logits, -5, 5), atol=1e-6)


def test_images_are_noise_of_each_scale_and_smooth_fields():
    real = np.ones([2, 3, 48, 40])
    names = []
    for name, batch in agreement.inputs([3, 48, 40], real):
        names.append(name)
        assert batch.dtype == np.float32 and batch.shape[1:] == (3, 48, 40)
        if name == "smooth fields":
            assert batch.std() == pytest.approx(1, abs=0.1)
            assert all(np.diff(batch, axis=axis).std() < 0.6 for axis in (2, 3))
            fields = batch.reshape(-1, 48 * 40)
            assert (np.abs(np.corrcoef(fields)) > 0.9).sum() == len(fields)  # each by itself
        elif name == "2 real images":
            np.testing.assert_array_equal(batch, real)
        else:
            scale = float(name.rpartition(" ")[2]) if "scale" in name else 1.0
            assert batch.std() == pytest.approx(scale, rel=0.05) and scale > 0
            assert abs(batch.mean()) < 0.05 * scale
            assert "scale" in name or len(batch) == int(name.split()[0])
    assert len(names) == 1 + len(agreement.BATCHES) * (len(agreement.SCALES) + 1) + len(
        agreement.MORE_BATCHES
    )
    assert names[0] == "2 real images"
    assert next(agreement.inputs([3, 48, 40], real[:0]))[0] == names[1]
    assert agreement.noise([3, 8, -1], 2).shape == (2, 3, *agreement.ANY_SIZE[0])
