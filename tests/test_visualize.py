"""The summary and the pictures of an octave network."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import paddle
import pytest
import yaml
from PIL import Image

from paddleclas_octconv import registry
from paddleclas_octconv.cli import main
from paddleclas_octconv.measure import complexity
from paddleclas_octconv.visualize import branches
from paddleclas_octconv.visualize.architecture import per_stage
from paddleclas_octconv.visualize.trace import trace

NETWORKS = ["OctMobileNetV1_x0_25", "OctResNet26", "OctMobileNetV2_x0_5", "ResNet18"]


def build(name: str) -> paddle.nn.Layer:
    options = {"alpha": 0.5} if name.startswith("Oct") else {}
    return registry.build(name, class_num=10, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_totals_are_those_of_paddle_summary(name):
    model = build(name)
    steps = trace(model, paddle.zeros([1, 3, 32, 32]))
    with contextlib.redirect_stdout(io.StringIO()):
        counted = paddle.summary(model, (1, 3, 32, 32))
    assert sum(step.parameters for step in steps) == counted["total_params"]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_multiply_adds_are_those_of_the_complexity(name):
    model = build(name)
    steps = trace(model, paddle.zeros([1, 3, 32, 32]))
    expected = complexity.measure(model, (3, 32, 32)).multiply_adds
    assert sum(sum(step.multiply_adds) for step in steps) == expected
    stages = per_stage(steps)
    assert sum(stage[2].sum() for stage in stages.values()) == expected


def test_pairs_are_shown_as_pairs():
    steps = {step.name: step for step in trace(build(NETWORKS[0]), paddle.zeros([1, 3, 32, 32]))}
    pairs = [steps[f"blocks.0.pointwise_conv.{part}"] for part in ("conv", "bn", "act")]
    assert [pair.shapes for pair in pairs] == [[(8, 16, 16), (8, 8, 8)]] * 3
    assert [pair.kind for pair in pairs] == ["OctConv2D", "OctBatchNorm2D", "ReLU"]
    assert steps["conv.conv"].low is None


def test_summary_prints_what_paddle_summary_counts(tiny_config, capsys):
    assert main(["summary", "-c", str(tiny_config)]) == 0
    printed = capsys.readouterr().out
    model = registry.build("OctMobileNetV1_x0_25", class_num=4, alpha=0.5)
    with contextlib.redirect_stdout(io.StringIO()):
        counted = paddle.summary(model, (1, 3, 32, 32))
    assert f"Total params: {counted['total_params']:,}\n" in printed
    assert f"Trainable params: {counted['trainable_params']:,}\n" in printed
    assert "8x16x16" in printed and "8x8x8" in printed


def test_smoothness_tells_slow_from_fast():
    ramp = np.cos(np.linspace(0, 2 * np.pi, 16, endpoint=False))
    slow = np.broadcast_to(ramp, (3, 16, 16))
    fast = np.broadcast_to((-1.0) ** np.arange(16), (3, 16, 16))
    assert branches.smoothness(slow) == pytest.approx(1)
    assert branches.smoothness(fast) == pytest.approx(0)


def test_a_stage_holds_what_its_last_pair_does():
    model = build(NETWORKS[0])
    found = branches.stages(model, paddle.rand([1, 3, 64, 64]))
    assert [stage.high.shape[1] for stage in found] == [32, 16, 8, 4]
    assert all(stage.low.shape[1] * 2 == stage.high.shape[1] for stage in found)


@pytest.fixture
def trained(tiny_config, tmp_path, monkeypatch):
    """Arguments that name weights and an image."""
    monkeypatch.chdir(tmp_path)
    model = registry.build("OctMobileNetV1_x0_25", class_num=4, alpha=0.5)
    paddle.save(model.state_dict(), "weights.pdparams")
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("image.png")
    return ["-c", str(tiny_config), "--image", "image.png"]


WEIGHTS = ["-o", "Global.pretrained_model=weights"]


def test_visualize_writes_three_pictures(trained, tmp_path, capsys):
    assert main(["visualize", *trained, *WEIGHTS, "--output", "pictures"]) == 0
    printed = capsys.readouterr().out
    for name in ("input.png", "branches.png", "architecture.png"):
        with Image.open(tmp_path / "pictures" / name) as picture:
            assert min(picture.size) > 200
            assert len(set(np.array(picture.convert("L")).ravel())) > 50  # something is drawn
        assert f"pictures/{name}" in printed


@pytest.mark.parametrize(
    "change, words",
    [
        (["--image", "none.png"], "--image none.png"),
        (["--image", "weights.pdparams"], "--image weights.pdparams"),
        (["-o", "Global.pretrained_model=nothing"], "nothing"),
        (["-o", "Arch.name=ResNet18", "-o", "Arch.alpha=0.25"], "ResNet18"),
        (["--image-size", "0"], "--image-size: '0'"),
        (["--image", "."], "--image .: "),
        (["--image", ""], "--image: '' should be a path"),
        (["-o", "Infer=5"], "Infer: 5 should be a section"),
        (["-o", "Global.output_dir=5"], "Global.output_dir: 5 should be a folder"),
        (["-o", "Global.pretrained_model=True"], "Global.pretrained_model: True should be the"),
        (["--image", "/dev/null"], "--image /dev/null: "),
        (["--output", "image.png"], "--output image.png: "),
    ],
)
def test_bad_input_ends_in_one_line(trained, tmp_path, capsys, change, words):
    assert main(["visualize", *trained, *WEIGHTS, *change]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert words in line
    assert not (tmp_path / "output").exists()


def test_a_vanilla_network_has_nothing_to_show(trained, tiny_config, tmp_path, capsys):
    config = yaml.safe_load(tiny_config.read_text())
    config["Arch"] = {"name": "MobileNetV1_x0_25", "class_num": 4}
    (tmp_path / "vanilla.yaml").write_text(yaml.safe_dump(config))
    model = registry.build("MobileNetV1_x0_25", class_num=4)
    paddle.save(model.state_dict(), "weights.pdparams")
    arguments = ["-c", "vanilla.yaml", *trained[2:], *WEIGHTS]
    assert main(["visualize", *arguments]) == 2
    assert "MobileNetV1_x0_25 has no octave layers" in capsys.readouterr().err
