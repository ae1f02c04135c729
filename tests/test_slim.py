"""PaddleSlim's quantisation-aware training and pruning, as PaddleClas configures them."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import yaml
from conftest import error_line, run_here

from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import slim
from paddleclas_octconv.config.slim import check_slim
from paddleclas_octconv.deploy.export import formats_of
from paddleclas_octconv.deploy.predictor import create_predictor, run

QUANT = {"quant": {"name": "pact"}}
PRUNE = {"prune": {"name": "fpgm", "pruned_ratio": 0.3}}
needs_slim = pytest.mark.skipif(
    find_spec("zmq") is None, reason="the extra [slim] is not installed"
)
needs_paddle_2 = pytest.mark.skipif(
    machine.paddle_writes_pir(), reason="PaddleSlim 2.6.0 prunes only with Paddle 2"
)


@pytest.fixture
def slim_config(tiny_config, tmp_path):
    """A function: the tiny config with a section Slim, as a file."""

    def write(section):
        path = tmp_path / "slim.yaml"
        config = yaml.safe_load(tiny_config.read_text())
        path.write_text(yaml.safe_dump({**config, "Slim": section}))
        return path

    return write


def predictions(folder):
    images = np.random.RandomState(0).standard_normal((2, 3, 32, 32)).astype("float32")
    return run(create_predictor(folder), images)


@needs_slim
@pytest.mark.slow
@pytest.mark.parametrize(
    "section", [QUANT, pytest.param(PRUNE, marks=needs_paddle_2)], ids=["quant", "prune"]
)
def test_slim_network_trains_exports_and_predicts(section, fetched_trainer, slim_config, tmp_path):
    config = slim_config(section)
    for mode in ("train", "eval", "export"):
        done = run_here(mode, "-c", config, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    probabilities = predictions(tmp_path / "inference")
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)


def test_quantized_network_has_one_format():
    assert formats_of(None, quantized=True) == formats_of("pdmodel", quantized=True) == ("pdmodel",)
    with pytest.raises(OctConvError, match="--format both: with Slim.quant, .* pdmodel alone"):
        formats_of("both", quantized=True)


@pytest.mark.parametrize(
    "section, told",
    [
        (["quant"], "Slim: ['quant'] should be a section"),
        ({"quant": {"name": "lsq"}}, "Slim.quant.name: 'lsq' should be pact"),
        ({"quant": "pact"}, "Slim.quant.name: None should be pact"),
        ({"prune": {"name": "l2"}}, "Slim.prune.name: 'l2' should be fpgm or l1_norm"),
        ({"prune": {"name": "fpgm"}}, "Slim.prune.pruned_ratio: None should be between 0 and 1"),
        (
            {"prune": {"name": "fpgm", "pruned_ratio": 1.5}},
            "Slim.prune.pruned_ratio: 1.5 should be between 0 and 1",
        ),
    ],
)
def test_what_paddleclas_does_not_know_is_one_clear_error(section, told):
    with pytest.raises(OctConvError) as error:
        check_slim(section)
    assert told in str(error.value)


@pytest.mark.parametrize("section", [None, {}, {"quant": None, "prune": None}])
def test_nothing_to_do_needs_nothing(section, monkeypatch):
    monkeypatch.setattr(slim, "find_spec", lambda name: None)
    check_slim(section)


def test_missing_paddleslim_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(slim, "find_spec", lambda name: None)
    with pytest.raises(
        OctConvError, match="needs pkg_resources.*pip install 'paddleclas-octconv.sl"
    ):
        check_slim(QUANT)


@needs_slim
@pytest.mark.skipif(not machine.paddle_writes_pir(), reason="Paddle 2 prunes")
def test_pruning_with_paddle_3_is_one_clear_error(slim_config, tmp_path):
    done = run_here("train", "-c", slim_config(PRUNE), cwd=tmp_path)
    assert done.returncode == 2
    assert "Slim.prune: PaddleSlim 2.6.0 prunes only with Paddle 2" in error_line(done.stderr)
