"""Exported networks give what they give in Python, on images of any size, under oneDNN or not."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleclas_octconv import octavize, registry
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.predictor import create_predictor, run
from paddleclas_octconv.layers import OctConv2D
from paddleclas_octconv.layers.octave import plus_up2, pool2
from paddleclas_octconv.measure import program


def probabilities(net, images):
    with paddle.no_grad():
        return paddle.nn.functional.softmax(net(paddle.to_tensor(images))).numpy()


@pytest.mark.parametrize("deploy", [True, False])
@pytest.mark.parametrize("exported, sizes", [
    ((None, None), [(64, 64), (75, 75), (97, 131)]),
    ((75, 97), [(75, 97)]),
])  # fmt: skip
def test_exported_agrees_with_eager_on_any_size(tmp_path, exported, sizes, deploy):
    net = registry.build("OctMobileNetV1_x0_25", class_num=10)
    net.eval()
    images = [np.random.RandomState(0).randn(2, 3, *size).astype("float32") for size in sizes]
    expected = [probabilities(net, batch) for batch in images]
    if deploy:
        inference_form.re_parameterize(net)
    inference_form.save(net, tmp_path, [3, *exported])
    for onednn in (True, False):
        predictor = create_predictor(tmp_path, onednn=onednn)
        for batch, wanted in zip(images, expected):
            np.testing.assert_allclose(run(predictor, batch), wanted, atol=1e-5)


class OfOnePixel(nn.Layer):
    """Upsamples a pooled map that lies in memory as Paddle has it, not in oneDNN's blocks.

    32 channels: of other numbers, oneDNN would write beyond the end of the map and end the tests.
    """

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(3, 32, 1)
        self.order = paddle.to_tensor(np.arange(32)[::-1].copy())

    def forward(self, x):
        high = self.conv(x)
        return plus_up2(high, paddle.index_select(pool2(high), self.order, axis=1)).flatten(2)


@pytest.mark.parametrize("exported", ["fixed", "any"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (4, 4)])
def test_a_map_of_one_pixel_is_upsampled_under_onednn_too(tmp_path, size, exported):
    net = OfOnePixel()
    images = np.random.RandomState(0).randn(3, 3, *size).astype("float32")
    high = net.conv(paddle.to_tensor(images)).numpy()
    rows, columns = (-(-side // 2) for side in size)
    low = np.empty((3, 32, rows, columns), "float32")
    for row, column in np.ndindex(rows, columns):
        block = high[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        low[:, :, row, column] = block.mean((2, 3))[:, ::-1]
    wanted = high + low.repeat(2, axis=2).repeat(2, axis=3)[:, :, : size[0], : size[1]]
    wanted = paddle.nn.functional.softmax(paddle.to_tensor(wanted.reshape(3, 32, -1))).numpy()
    inference_form.save(net, tmp_path, [3, *(size if exported == "fixed" else (None, None))])
    predictor = create_predictor(tmp_path, engine="paddle")
    for count in (1, 3):
        np.testing.assert_allclose(run(predictor, images[:count]), wanted[:count], atol=1e-5)


class Enlarging(nn.Layer):
    """Interpolates a part of a map, which lies in memory as Paddle has it."""

    def __init__(self, mode):
        super().__init__()
        self.stem = nn.Conv2D(3, 64, 1)
        self.one, self.other = nn.Conv2D(64, 64, 1), nn.Conv2D(64, 64, 1)
        self.last = nn.Conv2D(64, 10, 1)
        self.mode = mode

    def forward(self, x):
        x = self.stem(x)
        x = paddle.concat([self.one(x), self.other(x)], axis=1)[:, 32:96]
        x = self.last(nn.functional.interpolate(x, scale_factor=2, mode=self.mode))
        return x.flatten(2).max(-1)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("exported", [2, None])
def test_an_octavised_network_interpolates_maps_of_one_pixel_under_onednn_too(
    tmp_path, exported, mode
):
    net = octavize(Enlarging(mode), 0.5, input_size=2)
    assert isinstance(net.last, OctConv2D)
    net.eval()
    inference_form.save(net, tmp_path, [3, exported, exported])
    predictor = create_predictor(tmp_path, engine="paddle")
    for size in [(2, 2)] if exported else [(2, 2), (1, 2), (4, 4), (2, 1), (2, 2)]:
        images = np.random.RandomState(0).randn(2, 3, *size).astype("float32")
        np.testing.assert_allclose(run(predictor, images), probabilities(net, images), atol=1e-5)


def test_images_of_any_size_follow_those_that_have_maps_of_one_pixel(tmp_path):
    """Also where other predictors keep their tensors, and where the handles are used."""
    net = registry.build("OctMobileNetV1_x0_25", class_num=10)
    net.eval()
    random = np.random.RandomState(0)
    batches = [random.randn(2, 3, size, size).astype("float32") for size in (64, 32, 64, 96)]
    for folder, size in (("any", None), ("one", 32)):
        (tmp_path / folder).mkdir()
        inference_form.save(net, tmp_path / folder, [3, size, size])
    predictor, by_handles, other = (
        create_predictor(tmp_path / folder, engine="paddle") for folder in ("any", "any", "one")
    )
    for images in batches:
        wanted = probabilities(net, images)
        np.testing.assert_allclose(run(predictor, images), wanted, atol=1e-5)
        by_handles.get_input_handle(by_handles.get_input_names()[0]).copy_from_cpu(images)
        by_handles.run()
        given = by_handles.get_output_handle(by_handles.get_output_names()[0]).copy_to_cpu()
        np.testing.assert_allclose(given, wanted, atol=1e-5)
        if images.shape[-1] == 32:
            np.testing.assert_allclose(run(other, images), wanted, atol=1e-5)


def test_an_octave_network_shows_on_images_of_odd_size(tmp_path):
    """The outputs above differ with the image by far more than they may from eager."""
    net = registry.build("OctMobileNetV1_x0_25", class_num=10)
    net.eval()
    one, other = (
        probabilities(net, np.random.RandomState(i).randn(1, 3, 75, 97).astype("float32"))
        for i in (0, 1)
    )
    assert np.abs(one - other).max() > 1e-3


def test_random_weights_are_the_same_every_time():
    one, other = (registry.build("OctMobileNetV1_x0_25").state_dict() for _ in range(2))
    assert all((one[key] == other[key]).all() for key in one)


def test_an_exported_program_of_any_size_can_be_read(tmp_path):
    inference_form.save(registry.build("OctMobileNetV1_x0_25"), tmp_path, [3, None, None])
    counts = program.load(tmp_path).counts()
    assert counts["nearest_interp"] + counts["nearest_interp_v2"] > 0  # of Paddle 3, of Paddle 2


def test_a_mistyped_option_is_one_clear_error():
    with pytest.raises(OctConvError, match="class_nun"):
        registry.build("MobileNetV1", class_nun=10)
