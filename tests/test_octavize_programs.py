"""``octavize``: programs of any height and width compute what the network computes in Python."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddleclas_octconv import octavize
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.predictor import create_predictor

SIZES = [(32, 32), (45, 38), (26, 29)]


class Around(nn.Layer):
    """Octave convolutions before and after each of some functions or layers of two maps."""

    def __init__(self, functions):
        super().__init__()
        self.stem, self.a = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding=1)
        self.b = nn.Conv2D(8, 8, 3, padding=1, stride=2)
        self.c, self.d = nn.Conv2D(8, 8, 3, padding=1), nn.Conv2D(8, 8, 1)
        self.functions = [each for each in functions if not isinstance(each, nn.Layer)]
        self.layers = nn.LayerList([each for each in functions if isinstance(each, nn.Layer)])

    def forward(self, x):
        x = self.a(self.stem(x))
        y = self.c(self.b(x))
        found = []
        for layer in self.layers:
            found.append(self.d(layer(x)))
        for function in self.functions:
            found.append(self.d(function(x, y)))
        return found


def to_the_size_of(mode, **options):
    return lambda x, y: x + F.interpolate(y, size=x.shape[2:], mode=mode, **options)


def by_the_shape(x, y):
    return x * F.interpolate(y, paddle.shape(x)[2:], mode="bilinear")


def by_sides(x, y):
    n, c, h, w = x.shape
    return x - F.upsample(y, size=[h, w], mode="bicubic", align_corners=True)


def pyramid(x, y):
    # As in ASPP: the mean of the map, brought back to its size.
    mean = F.adaptive_avg_pool2d(y, 1)
    return paddle.concat([x, F.interpolate(mean, x.shape[2:], mode="bilinear")], axis=1)[:, 4:12]


FUNCTIONS = {
    "bilinear": to_the_size_of("bilinear"),
    "bilinear, corners": to_the_size_of("bilinear", align_corners=True),
    "bicubic": to_the_size_of("bicubic"),
    "nearest": to_the_size_of("nearest"),
    "a tensor of sizes": by_the_shape,
    "sides": by_sides,
    "pyramid": pyramid,
    "bilinear, a scale": lambda x, y: F.interpolate(y, scale_factor=2, mode="bilinear"),
    "nearest, a scale of 3": lambda x, y: F.interpolate(y, scale_factor=3),
    "nearest, a scale of 1.5": lambda x, y: F.interpolate(y, scale_factor=1.5, mode="nearest"),
    "bicubic, a scale of 0.5": lambda x, y: F.interpolate(x, scale_factor=0.5, mode="bicubic"),
    "area": lambda x, y: F.interpolate(x, size=[9, 9], mode="area"),
    "cropped to": lambda x, y: x[:, :, : y.shape[2], : y.shape[3]] + y,
    "cropped": lambda x, y: x[:, :, 3:-2, 1:],
    "reflected": lambda x, y: F.pad(y, [4, 3, 5, 4], mode="reflect"),
    "continued": lambda x, y: F.pad(y, [1, 2, 3, 0], mode="replicate"),
    "wrapped": lambda x, y: F.pad(y, [1, 2, 3, 1], mode="circular"),
    "padded": lambda x, y: F.pad(y, [1, 2, 3, 1], value=0.5),
    "pool 5": lambda x, y: F.avg_pool2d(x, 5, 1),
    "pool 3": lambda x, y: F.max_pool2d(x, 3, 2),
    "pool 4": lambda x, y: F.avg_pool2d(x, 4, 1),
    "pool 3 up": lambda x, y: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "pool 2": lambda x, y: F.avg_pool2d(x, 2, 2),
    "pool of rows": lambda x, y: F.max_pool2d(x, (5, 1), (1, 1)),
    "pool 7, padded": lambda x, y: F.max_pool2d(x, 7, 2, 3),
}
LAYERS = {
    "kernel 5": lambda: nn.Conv2D(8, 8, 5),
    "kernel 7": lambda: nn.Conv2D(8, 8, 7),
    "kernel 11 of stride 4": lambda: nn.Conv2D(8, 8, 11, stride=4),
    "dilated by 4": lambda: nn.Conv2D(8, 8, 3, dilation=4),
    "kernel 4 of stride 4": lambda: nn.Conv2D(8, 8, 4, stride=4),
    "wide": lambda: nn.Conv2D(8, 8, (1, 9)),
    "as large as a low map": lambda: nn.Conv2D(8, 8, 15),
    "depthwise": lambda: nn.Conv2D(8, 8, 7, groups=8),
    "reflecting": lambda: nn.Conv2D(8, 8, 7, padding=3, padding_mode="reflect"),
    "reflecting much": lambda: nn.Conv2D(8, 8, 25, padding=12, padding_mode="reflect"),
    "reflecting, stride 2": lambda: nn.Conv2D(8, 8, 3, padding=1, stride=2, padding_mode="reflect"),
    "replicating": lambda: nn.Conv2D(8, 8, 5, padding=2, padding_mode="replicate"),
    "average 5": lambda: nn.AvgPool2D(5, stride=1),
    "average 8": lambda: nn.AvgPool2D(8, stride=8),
    "maximum 6": lambda: nn.MaxPool2D(6, stride=2),
}


def made(names):
    paddle.seed(0)
    every = {**FUNCTIONS, **LAYERS}
    functions = [LAYERS[name]() if name in LAYERS else every[name] for name in names]
    network = octavize(Around(functions), 0.5, input_size=32)
    network.eval()
    assert network.octave_report.octave >= 3
    return network


@pytest.mark.parametrize("names", [list(FUNCTIONS), list(LAYERS)], ids=["functions", "layers"])
def test_of_any_size(names, tmp_path):
    network = made(names)
    images = [paddle.rand([2, 3, *size]) for size in SIZES]
    in_python = [network(x) for x in images]  # before it becomes a program itself
    spec = [paddle.static.InputSpec([None, 3, None, None], "float32")]
    program = paddle.jit.to_static(network, input_spec=spec, full_graph=True)
    paddle.jit.save(program, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    for size, x, values in zip(SIZES, images, in_python):
        for name, found, expected in zip(names, loaded(x), values):
            np.testing.assert_allclose(
                found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5, err_msg=f"{name}: {size}"
            )


def test_both_formats_of_one_folder(tmp_path):
    names = ["bilinear", "sides", "reflected", "cropped to", "kernel 7", "reflecting"]

    class Whole(nn.Layer):
        def __init__(self):
            super().__init__()
            self.maps = made(names)

        def forward(self, x):
            return paddle.concat([each.mean([2, 3]) for each in self.maps(x)], axis=1)

    network = Whole()
    network.eval()
    x = paddle.rand([2, 3, 45, 38])
    expected = F.softmax(network(x)).numpy()
    inference_form.save(network, tmp_path, [3, None, None])
    found = create_predictor(tmp_path, engine="paddle").outputs(x.numpy())[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
