"""Exported networks give what they give in Python, on images of any size, under oneDNN or not."""

import numpy as np
import paddle
import pytest

from paddleclas_octconv import registry
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.predictor import create_predictor, run
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
