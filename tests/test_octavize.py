"""``octavize``: exactness, use, and networks with odd wiring."""

from __future__ import annotations

import copy

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from backbones import images, settle, zoo
from paddle import nn
from paddleclas.ppcls import arch
from paddleclas.ppcls.utils import ema, save_load

from paddleclas_octconv import octavize
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form
from paddleclas_octconv.deploy.predictor import create_predictor
from paddleclas_octconv.layers import OctConv2D
from paddleclas_octconv.octavizer.convert import OctavizedBatchNorm2D, OctavizedConv2D
from paddleclas_octconv.weights.match import load_into, match_weights


def vanilla(name, **options):
    paddle.seed(0)
    with paddle.utils.unique_name.guard():
        return getattr(zoo, name)(**{"class_num": 10, **options})


def arrays(network):
    return {key: value.numpy() for key, value in network.state_dict().items()}


def octave_convs(network):
    convs = [x for x in network.sublayers() if isinstance(x, OctConv2D)]
    return [conv for conv in convs if conv.inputs.low or conv.outputs.low]


# Exactness


@pytest.mark.parametrize(
    "twin, ours, options",
    [
        ("ResNet50", "OctResNet50", {"plain": "blocks.13.conv0.conv"}),
        ("MobileNetV1_x0_25", "OctMobileNetV1_x0_25", {"plain": "blocks.10.pointwise_conv.conv"}),
        (
            "MobileNetV2_x0_5",
            "OctMobileNetV2_x0_5",
            {"plain": ["*_linear_conv._conv", "conv7._first_block._expand_conv._conv"]},
        ),
        ("DenseNet121", "OctDenseNet121", {"plain": "tr_conv4_blk*"}),
    ],
)
@pytest.mark.parametrize("keeps", [False, True])
def test_equals_the_network_written_by_hand(twin, ours, options, keeps):
    alpha = 0.5
    x = images(1, 3, 32, 32)
    network, expected = vanilla(twin), vanilla(ours, alpha=alpha, keep_stride=keeps)
    settle(network, x)
    load_into(expected, match_weights(expected, arrays(network), "weights").weights)
    octavize(network, alpha, pool_stride=not keeps, keep_stride=keeps, **options)
    if not keeps:  # else those between plain maps are vanilla ones
        assert len(octave_convs(network)) == len(octave_convs(expected))
    network.eval(), expected.eval()
    results = [net(x) for net in (network, expected)]
    np.testing.assert_allclose(results[0].numpy(), results[1].numpy(), rtol=1e-5, atol=1e-5)
    for result in results:
        result.square().sum().backward()
    norms = [
        sorted(float(p.grad.square().sum()) for p in net.parameters() if p.trainable)
        for net in (network, expected)
    ]
    np.testing.assert_allclose(*norms, rtol=1e-4, atol=1e-5 * norms[0][-1])


def test_at_alpha_0_the_network_is_the_vanilla_one():
    network, expected = vanilla("ResNet18"), vanilla("ResNet18")
    octavize(network, 0)
    x = images(1, 3, 32, 32)
    np.testing.assert_array_equal(network(x).numpy(), expected(x).numpy())


def centre(network):
    """Kernels of which only the centre is not zero keep a constant image constant."""
    for value in network.state_dict().values():
        if value.ndim == 4 and value.shape[2] > 1:
            kernel = value.numpy()
            kept = np.zeros_like(kernel)
            row, column = (side // 2 for side in kernel.shape[2:])
            kept[:, :, row, column] = kernel.sum((2, 3))
            value.set_value(kept)


@pytest.mark.parametrize(
    "name, alpha",
    [
        ("ResNet18_vd", 0.5),
        ("ResNeXt50_32x4d", 0.25),
        ("PPHGNet_tiny", 0.5),
        ("PPLCNet_x0_25", 0.25),
        ("MobileNetV3_small_x0_35", [0.25, 0.125, 0.5, 0.25, 0.5]),
        ("ShuffleNetV2_x0_25", 0.5),
        ("Res2Net50_26w_4s", 0.5),
    ],
    ids=str,
)
def test_equals_the_vanilla_network_on_constant_images(name, alpha):
    network = vanilla(name)
    settle(network, images(2, 3, 64, 64))
    centre(network)
    network.eval()
    colours = images(2, 3, 1, 1).expand([2, 3, 64, 64])
    with paddle.no_grad():
        expected = network(colours).numpy()
        octavize(network, alpha)
        got = network(colours).numpy()
    assert np.ptp(expected) > 1e-4
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


def test_the_deploy_form_folds():
    network = octavize(vanilla("PPHGNetV2_B0"))
    settle(network, images(2, 3, 64, 64))
    network.eval()
    network.to(dtype="float64")
    x = images(1, 3, 64, 64, dtype="float64")
    expected = network(x).numpy()
    for layer in network.sublayers():
        if hasattr(layer, "re_parameterize"):
            layer.re_parameterize()
    norms = [x for x in network.sublayers() if isinstance(x, OctavizedBatchNorm2D)]
    assert norms and all(norm.high is None for norm in norms)
    np.testing.assert_allclose(network(x).numpy(), expected, atol=1e-9 * np.abs(expected).max())


# Weights


def test_a_vanilla_state_dict_is_cut():
    octave = octavize(vanilla("ResNet18"))
    other = vanilla("ResNet18")
    settle(other, images(2, 3, 32, 32))
    octave.set_dict(other.state_dict())
    expected = octavize(other)
    for key, value in expected.state_dict().items():
        np.testing.assert_array_equal(octave.state_dict()[key].numpy(), value.numpy())


def test_a_state_dict_goes_round():
    octave, other = octavize(vanilla("PPLCNet_x0_25")), octavize(vanilla("PPLCNet_x0_25"))
    settle(octave, images(2, 3, 32, 32))
    other.set_state_dict(copy.deepcopy(arrays(octave)))
    x = images(1, 3, 40, 56)
    octave.eval(), other.eval()
    np.testing.assert_array_equal(octave(x).numpy(), other(x).numpy())


# Other networks in the process


def test_other_networks_are_untouched():
    x = images(1, 3, 64, 64)

    def alone(make):
        network = make()
        network.eval()
        return network(x).numpy()

    makers = [
        lambda: vanilla("PPLCNet_x0_25"),
        lambda: octavize(vanilla("PPLCNet_x0_25"), 0.5),
        lambda: octavize(vanilla("PPLCNet_x0_25"), 0.25),
        lambda: vanilla("MobileNetV1_x0_25"),
    ]
    expected = [alone(make) for make in makers]
    networks = [make() for make in makers]
    for network in networks:
        network.eval()
    for network, value in zip(networks, expected):
        np.testing.assert_array_equal(network(x).numpy(), value)
    assert type(networks[0]) is type(vanilla("PPLCNet_x0_25"))


# PaddleClas


def test_in_paddleclas_build_model_and_rec_model():
    config = {"name": "Octave", "backbone": {"name": "PPLCNet_x0_25"}, "alpha": 0.5}
    network = arch.build_model({"Arch": {**config, "class_num": 10}, "Global": {}})
    assert network.arch_name == "Octave:PPLCNet_x0_25"
    assert network(images(1, 3, 32, 32)).shape == [1, 10]
    model = arch.RecModel(
        Backbone={"name": "Octave", "backbone": "PPLCNet_x0_25"},
        BackboneStopLayer={"name": "flatten"},
        Neck={"name": "FC", "embedding_size": 1280, "class_num": 16},
    )
    assert model(images(1, 3, 32, 32))["features"].shape == [1, 16]


def test_stages_are_tensors_in_the_vanilla_order():
    x = images(1, 3, 64, 64)
    expected = vanilla("ResNet18", return_stages=True)(x)
    stages = octavize(vanilla("ResNet18", return_stages=True))(x)
    assert {key: value.shape for key, value in stages.items()} == {
        key: value.shape for key, value in expected.items()
    }


def test_freeze_befor_and_average_and_synchronous_norms():
    network = octavize(vanilla("ResNet18"))
    assert network.freeze_befor("blocks[1]")
    network(images(2, 3, 32, 32)).sum().backward()
    frozen = ("stem", "blocks.0.", "blocks.1.")
    for key, parameter in network.named_parameters():
        if parameter.trainable:
            assert (parameter.grad is None) == key.startswith(frozen), key
    average = ema.ExponentialMovingAverage(network, decay=0.5)
    average.update(network)
    synchronous = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(network))
    assert not any(type(x) is nn.BatchNorm2D for x in synchronous.sublayers())


@pytest.mark.parametrize("level", ["O1", "O2"])
def test_mixed_precision(level):
    network = octavize(vanilla("PPLCNet_x0_25"))
    if level == "O2":
        network = paddle.amp.decorate(network, level=level, dtype="bfloat16")
    with paddle.amp.auto_cast(level=level, dtype="bfloat16"):
        loss = network(images(2, 3, 32, 32)).square().mean()
    loss.backward()
    assert np.isfinite(float(loss))


# Odd wiring


def same(channels, out=None, **options):
    return nn.Sequential(
        nn.Conv2D(channels, out or channels, 3, padding=1, **options),
        nn.BatchNorm2D(out or channels),
    )


def helper(x, scale):
    return F.relu(x * scale)


class Odd(nn.Layer):
    """Dense skips, a shared layer, in-place operations, slices, paths that depend on the mode."""

    def __init__(self):
        super().__init__()
        self.stem = same(3, 16, stride=2)
        self.a, self.b = same(16), same(32, 16)
        self.shared = same(16)
        self.list = [self.add_sublayer(f"l{i}", same(16)) for i in range(2)]
        self.act = F.hardswish
        self.acts = {"relu": F.relu}
        self.gate = nn.Conv2D(16, 16, 1)
        self.aux = same(16)
        self.scale = self.create_parameter([1, 16, 1, 1])
        self.wide = nn.Conv2D(16, 16, 3)  # makes the map smaller
        self.even = nn.Conv2D(16, 24, 2, stride=2)
        self.fc = nn.Linear(24, 5)

    def forward(self, x):
        import paddle.nn.functional as functional

        x = functional.relu(self.stem(x))
        a = self.a(x)
        a = x + a
        x = self.b(paddle.concat([x, a], axis=1))
        x = self.act(self.shared(self.shared(x)))
        for layer in self.list:
            x = x - layer(x) / 2
        x = self.acts["relu"](x)
        x = helper(x, 0.5) + self.scale * x
        x[:, 4:12] += x[:, :8]
        x = F.relu_(x)
        x = x * F.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))
        x = paddle.concat(list(reversed(x.split(4, axis=1))), axis=1)
        x = x.reshape([x.shape[0], 2, 8, *x.shape[2:]]).transpose([0, 2, 1, 3, 4])
        x = x.flatten(1, 2)
        if self.training:
            x = x + 0.1 * self.aux(x)
        x = self.even(self.wide(x))
        x = F.interpolate(x, scale_factor=2)
        x = (1 - x).clip(-3, 3)
        return self.fc(x.mean([2, 3]))


@pytest.mark.parametrize("training", [False, True])
def test_odd_wiring_is_kept(training):
    paddle.seed(0)
    network = Odd()
    centre(network)
    network.eval()
    x = images(2, 3, 1, 1).expand([2, 3, 33, 47])
    expected = network(x).numpy()
    octavize(network, 0.5)
    np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert network.octave_report.share > 0.7
    if training:
        network.train()
    y = network(images(2, 3, 33, 47))
    y.square().sum().backward()
    without = [k for k, p in network.named_parameters() if p.trainable and p.grad is None]
    assert all(key.startswith("aux") for key in without) and bool(without) != training


@pytest.mark.parametrize("size", [(64, 64), (None, None)], ids=["fixed", "any"])
def test_exports(size, tmp_path):
    network = octavize(Odd())
    x = images(1, 3, 64, 64) if size[0] else images(1, 3, 45, 83)
    network.eval()
    expected = network(x).numpy()
    static = paddle.jit.to_static(
        network,
        input_spec=[paddle.static.InputSpec([None, 3, *size], "float32")],
        full_graph=True,
    )
    paddle.jit.save(static, str(tmp_path / "model"))
    loaded = paddle.jit.load(str(tmp_path / "model"))
    loaded.eval()
    np.testing.assert_allclose(loaded(x).numpy(), expected, rtol=1e-4, atol=1e-5)


class Pooled(nn.Sequential):
    """Pools a low map of 7x7 as the shortcuts of PaddleClas's ResNet_vd do."""

    def __init__(self):
        super().__init__(
            nn.Conv2D(3, 8, 3, padding=1),
            nn.Conv2D(8, 8, 3, padding=1),
            nn.AvgPool2D(2, 2, padding="SAME", ceil_mode=True),
            nn.Conv2D(8, 8, 3, padding=1),
            nn.AdaptiveAvgPool2D(1),
            nn.Flatten(),
        )


def test_paddle_inference_runs_pools_of_odd_low_maps(tmp_path):
    network = octavize(Pooled(), input_size=14)
    network.eval()
    x = images(1, 3, 14, 14)
    expected = paddle.nn.functional.softmax(network(x)).numpy()
    inference_form.save(network, tmp_path, [3, 14, 14])
    found = create_predictor(tmp_path, engine="paddle").outputs(x.numpy())[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_trains_under_to_static():
    x, config = images(2, 3, 45, 83), {"Global": {"to_static": True, "image_shape": [3, 45, 83]}}
    paddle.seed(0)
    network = octavize(Odd())
    expected = network(x).numpy()
    logits = arch.apply_to_static(config, network, is_rec=False)(x)
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-3, atol=1e-4)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.trainable)


def test_symbolic_translation_leaves_an_octavised_backbone_alone():
    class Outer(nn.Layer):
        def __init__(self):
            super().__init__()
            self.backbone = octavize(Odd())

        def forward(self, x):
            return self.backbone(x) * 2

    x, network = images(1, 3, 33, 33), Outer()
    network.eval()
    expected = network(x).numpy()
    np.testing.assert_allclose(paddle.jit.to_static(network)(x).numpy(), expected, rtol=1e-5)


def test_what_is_unknown_is_joined_and_told():
    class Block(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(8, 8, 3, padding=1)

        def forward(self, x):
            return paddle.flip(self.conv(x), [3]) + x

    network = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), Block(), Block())
    x = images(1, 3, 16, 16)
    octavize(network, 0.5, input_size=32)
    assert network(x).shape == [1, 8, 16, 16]
    assert [(join.layer, join.function) for join, _ in network.octave_report.joins] == [
        ("1", "flip"),
        ("2", "flip"),
    ]
    assert "joined in 1, flip: has no octave form" in str(network.octave_report)


class Foreign:
    """Something that calls Paddle where no stand-in can reach."""

    def __call__(self, x):
        return paddle.nn.functional.relu(x)


def test_what_fails_on_pairs_takes_tensors():
    class Block(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2D(8, 8, 3, padding=1), Foreign()

        def forward(self, x):
            return self.act(self.conv(x))

    network = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 1), Block())
    octavize(network, 0.5, input_size=32)
    assert isinstance(network[1], OctavizedConv2D) and not isinstance(network[2].conv, OctConv2D)
    assert list(network.octave_report.opaque) == ["2"]
    assert network(images(1, 3, 16, 16)).shape == [1, 8, 16, 16]


def test_what_fails_on_pairs_in_training_alone_takes_tensors():
    class Block(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2D(8, 8, 3, padding=1), Foreign()

        def forward(self, x):
            x = self.conv(paddle.concat([x, x]))
            return self.act(x) if self.training else x

    stem = nn.Conv2D(3, 8, 3, padding=1)
    network = nn.Sequential(stem, Block(), nn.Conv2D(8, 8, 1), nn.Conv2D(8, 8, 1))
    octavize(network, 0.5, input_size=32)
    assert isinstance(network[2], OctavizedConv2D) and not isinstance(network[1].conv, OctConv2D)
    assert list(network.octave_report.opaque) == ["1"]
    assert network(images(1, 3, 16, 16)).shape == [2, 8, 16, 16]


def test_kernels_that_are_computed_or_shared_stay_plain():
    convs = [nn.Conv2D(8, 8, 3, padding=1) for _ in range(6)]
    nn.utils.weight_norm(convs[1])
    convs[3].weight = convs[2].weight
    network = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), *convs)
    octavize(network, 0.5, input_size=32)
    made = [isinstance(conv, OctavizedConv2D) for conv in convs]
    assert made == [True, False, False, False, True, True]
    network(images(1, 3, 16, 16)).sum().backward()
    assert convs[3].weight is convs[2].weight and convs[1].weight_g.grad is not None
    assert "another layer has the same weight" in str(network.octave_report)


def test_an_argument_has_the_name_that_it_had():
    class Named(Odd):
        def forward(self, inputs):
            return super().forward(inputs)

    network, x = octavize(Named()), images(1, 3, 64, 64)
    network.eval()
    np.testing.assert_array_equal(network(inputs=x).numpy(), network(x).numpy())
    with pytest.raises(TypeError, match="inputs"):
        network(x=x)


# Bad input


@pytest.mark.parametrize(
    "options, message",
    [
        ({"backbone": "ResNet5"}, "no backbone 'ResNet5'; did you mean ResNet50"),
        ({}, "backbone must be the name of a network"),
        ({"backbone": "OctResNet50"}, "OctResNet50 is an octave network already"),
        (
            {"backbone": "nowhere.Net"},
            "module 'nowhere' is not imported because a config names it: --module nowhere",
        ),
        ({"backbone": "ResNet18", "alhpa": 0.5}, "has an option 'alhpa'; did you mean alpha?"),
        ({"backbone": "ResNet18", "alpha": 1}, r"alpha must be a number in \[0, 1\)"),
        ({"backbone": "ResNet18", "alpha": [0.5]}, "or 4 of them, for the maps of ResNet at 1/4"),
        ({"backbone": "ResNet18", "alpha": False}, r"alpha must be a number in \[0, 1\)"),
        ({"backbone": "ResNet18", "plain": None}, "plain must be a name of convolutions"),
        ({"backbone": "ResNet18", "networks": 5}, "has an option 'networks'"),
        ({"backbone": "ResNet18", "alpha": 1e-4}, "nothing of ResNet becomes octave at alpha="),
        ({"backbone": "ResNet18", "input_size": 1}, "becomes octave at alpha=0.5 and input_size=1"),
        ({"backbone": "ResNet18", "input_size": 0}, "input_size must be a whole number from 1"),
        ({"backbone": "VGG11", "input_size": 32}, "does not run on images of 32x32"),
        ({"backbone": "ResNet18", "plain": "no*"}, r"plain: 'no\*' is not a convolution of ResNet"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(options, message):
    with paddle.utils.unique_name.guard(), pytest.raises(OctConvError, match=message) as error:
        arch.Octave(**options)
    assert "\n" not in str(error.value)


def test_a_transformer_is_told_so():
    patches = nn.Conv2D(3, 8, 16, stride=16)
    network = nn.Sequential(patches, nn.Flatten(2), nn.TransformerEncoderLayer(196, 4, 16))
    message = r"nothing of Sequential becomes octave at alpha=0.5 .* its 1 convolutions \(\d+% of"
    with pytest.raises(OctConvError, match=message):
        octavize(network)


def test_a_network_that_cannot_be_octavised_is_unchanged():
    network = vanilla("ResNet18")
    kinds = [type(layer) for layer in network.sublayers(include_self=True)]
    with pytest.raises(OctConvError):
        octavize(network, 1e-4)
    assert [type(layer) for layer in network.sublayers(include_self=True)] == kinds
    octavize(network)
    with pytest.raises(OctConvError, match="is an octave network already"):
        octavize(network)


class Keyed(nn.Layer):
    def __init_subclass__(cls, key, **options):
        super().__init_subclass__(**options)


class Unlike(type(nn.Layer)):
    names = set()

    def __new__(kind, name, bases, members, **options):
        if name in kind.names:
            raise RuntimeError(f"{name} is there\nalready")
        kind.names.add(name)
        return super().__new__(kind, name, bases, members, **options)


class OfKey(Keyed, key="a"):
    def forward(self, x):
        return x


class OfUnlike(nn.Layer, metaclass=Unlike):
    def forward(self, x):
        return x


@pytest.mark.parametrize("kind", [OfKey, OfUnlike])
def test_a_class_that_cannot_be_derived_from_is_told_and_nothing_changes(kind):
    network = nn.Sequential(nn.Conv2D(3, 8, 3), nn.Conv2D(8, 8, 3), nn.ReLU(), kind())
    x = paddle.rand([1, 3, 32, 32])
    expected = network(x).numpy()
    kinds = [type(layer) for layer in network.sublayers(include_self=True)]
    with pytest.raises(OctConvError, match="cannot be made octave: it lets no") as error:
        octavize(network, input_size=32)
    assert "\n" not in str(error.value)
    assert [type(layer) for layer in network.sublayers(include_self=True)] == kinds
    np.testing.assert_array_equal(network(x).numpy(), expected)


def rec_model(backbone):
    return arch.RecModel(
        Backbone=backbone,
        BackboneStopLayer={"name": "flatten"},
        Neck={"name": "FC", "embedding_size": 512, "class_num": 16},
    )


def distilled(backbone):
    models = [{"Teacher": {"name": "ResNet18", "class_num": 10}}, {"Student": backbone}]
    return arch.DistillationModel(models=models)


@pytest.mark.parametrize("make", [rec_model, distilled])
@pytest.mark.parametrize("octave", ["Octave", "OctResNet50"])
def test_vanilla_weights_are_cut_for_the_networks_in_a_model(make, octave, tmp_path):
    vanilla = {"name": "ResNet18" if octave == "Octave" else "ResNet50", "class_num": 10}
    ours = {**vanilla, "name": octave, "alpha": 0.5}
    if octave == "Octave":
        ours["backbone"] = vanilla["name"]
    with paddle.utils.unique_name.guard():
        twin, model = make(vanilla), make(ours)
    paddle.save(twin.state_dict(), str(tmp_path / "vanilla.pdparams"))
    before = {key: value.clone() for key, value in model.named_parameters()}
    save_load.load_dygraph_pretrain(model, str(tmp_path / "vanilla"))
    own = twin.state_dict()
    part = "backbone" if make is rec_model else "Student"
    network = getattr(model, part)
    expected = match_weights(
        network,
        {key[len(part) + 1 :]: value.numpy() for key, value in own.items() if key.startswith(part)},
        "weights",
    ).weights
    changed = 0
    for key, value in model.state_dict().items():
        wanted = own[key].numpy() if key in own else expected[key[len(part) + 1 :]]
        np.testing.assert_array_equal(value.numpy(), wanted, err_msg=key)
        changed += key in before and not np.array_equal(before[key].numpy(), wanted)
    assert changed > 20
