"""Weights that reach PaddleClas's trainer by its own options."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex

import numpy as np
import paddle
import pytest
from backbones import build, twin
from conftest import CLASS_NUM, error_line, run_here

NAME = "OctMobileNetV1_x0_25"
pytestmark = pytest.mark.usefixtures("fetched_trainer")


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def train(config, folder, *options):
    words = [word for option in options for word in ("-o", option)]
    return run_here("train", "-c", config, "-o", f"Global.output_dir={folder}/out", *words)


@pytest.mark.parametrize(
    "key", ["Global.pretrained_model", "Arch.pretrained", "Global.checkpoints"]
)
def test_planted_code_does_not_run(tiny_config, tmp_path, key):
    weights = build(NAME, class_num=CLASS_NUM).state_dict()
    planted = {"x": Payload(tmp_path / "ran")}
    if key == "Global.checkpoints":  # the trainer itself loads what lies beside the weights
        paddle.save(weights, str(tmp_path / "w.pdparams"))
        (tmp_path / "w.pdopt").write_bytes(pickle.dumps(planted))
        paddle.save({}, str(tmp_path / "w.pdstates"))
    else:
        (tmp_path / "w.pdparams").write_bytes(pickle.dumps(planted))
    result = train(tiny_config, tmp_path, f"{key}={tmp_path}/w")
    assert result.returncode == 2
    assert "refers to posix.system" in error_line(result.stderr)
    assert not (tmp_path / "ran").exists()


def test_vanilla_weights_are_cut(tiny_config, tmp_path):
    vanilla = twin(NAME, class_num=9).state_dict()
    paddle.save(vanilla, str(tmp_path / "vanilla.pdparams"))
    result = train(
        tiny_config,
        tmp_path,
        f"Global.pretrained_model={tmp_path}/vanilla.pdparams",
        "Optimizer.lr.learning_rate=0",
        "Global.eval_during_train=False",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("kernels and batch norms cut from those of the vanilla twin") == 1
    assert f"fc starts anew: {CLASS_NUM} classes, not 9" in result.stdout
    trained = paddle.load(str(tmp_path / "out" / NAME / "latest.pdparams"))
    kernel = vanilla["blocks.1.pointwise_conv.conv.weight"].numpy()
    hl = trained["blocks.1.pointwise_conv.conv.hl.weight"].numpy()
    np.testing.assert_array_equal(hl, kernel[16:, :8])

    # Without a folder named, "eval" would take the weights that the training began with.
    (following,) = re.findall("paddleclas: next: paddleclas (.*)", result.stderr)
    assert following == f"eval -c {tiny_config} --weights {tmp_path}/out"
    evaluated = run_here(*shlex.split(following), "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads(evaluated.stdout)["weights"] == str(tmp_path / "out" / NAME / "latest")
