"""What a training says in the end: what has come of it, and what comes next."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import struct
import sys
import types
import zlib
from pathlib import Path

import pytest
from conftest import run_cli

from paddleclas_octconv.child import main as child
from paddleclas_octconv.child import quiet, setup
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config
from paddleclas_octconv.run import job as jobs
from paddleclas_octconv.run import outcome, training
from paddleclas_octconv.weights import TRUST_VARIABLE


def checkpoint(folder: Path, prefix: str, epoch: int, metric: float) -> None:
    for suffix, value in ((".pdparams", {}), (".pdopt", []), (".pdstates", None)):
        states = {"epoch": epoch, "metric": metric}
        content = pickle.dumps(states if value is None else value, protocol=2)
        (folder / f"{prefix}{suffix}").write_bytes(content)


@pytest.fixture
def config(tmp_path) -> Config:
    sections = {
        "Global": {"output_dir": str(tmp_path), "epochs": 12, "checkpoints": None},
        "Arch": {"name": "OctResNet50"},
        "Metric": {"Eval": [{"TopkAcc": {"topk": [1, 5]}}]},
    }
    return Config(sections, tmp_path / "c.yaml")


def words(command: str) -> list[str]:
    return ["paddleclas", command, "-c", "a b.yaml", "-o", "Global.epochs=12"]


def test_the_best_epoch_and_the_next_command(config, tmp_path):
    checkpoint(tmp_path, "best_model", 9, 0.912345)
    checkpoint(tmp_path, "latest", 12, 0.9)
    assert training.conclusion(config, 0, 3725, words) == [
        f"trained for 1 h 2 min; best accuracy 0.9123, of epoch 9 of 12: "
        f"{tmp_path}/best_model.pdparams",
        "next: paddleclas export -c 'a b.yaml' -o Global.epochs=12",
    ]


def test_without_an_evaluation_none_is_made_up(config, tmp_path):
    checkpoint(tmp_path, "latest", 12, 0)
    first, second = training.conclusion(config, 0, 65, words)
    assert first.startswith("trained for 1 min 5 s; no evaluation") and "latest.pdparams" in first
    assert second == "next: paddleclas eval -c 'a b.yaml' -o Global.epochs=12"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_says_how_to_go_on(number, config, tmp_path):
    (line,) = training.conclusion(config, 128 + number, 5, words)
    assert line == "interrupted before the first checkpoint: there is nothing to go on from"
    checkpoint(tmp_path, "latest", 3, 0.5)
    (line,) = training.conclusion(config, 128 + number, 5, words)
    assert line == (
        "interrupted; 3 of 12 epochs are kept, "
        "paddleclas train -c 'a b.yaml' -o Global.epochs=12 goes on"
    )


def test_what_has_failed_has_said_why(config):
    assert training.conclusion(config, 2, 5, words) == []


@pytest.mark.parametrize(
    "metric, name",
    [
        ([{"TopkAcc": {"topk": [5]}}], "top-5 accuracy"),
        ([{"TopkAcc": {"topk": 1}}], "accuracy"),
        ([{"mAP": {}}], "metric"),
        ([{"Recallk": None}, {"TopkAcc": {"topk": 1}}], "metric"),
    ],
)
def test_the_metric_that_chose_the_best_epoch_is_named(metric, name, config, tmp_path):
    checkpoint(tmp_path, "best_model", 9, 0.5)
    (line,) = training.conclusion(config.changed({"Metric.Eval": metric}), 0, 9, None)
    assert f"; best {name} 0.5000, of epoch 9 of 12: " in line


def test_a_run_that_is_killed_for_memory_names_the_batch_size(tmp_path):
    with outcome.Watch(tmp_path) as watch:
        code, (line,), *_ = watch.conclude(128 + signal.SIGKILL, launched=False)
    assert code == 128 + signal.SIGKILL
    assert "SIGKILL" in line and "DataLoader.Train.sampler.batch_size" in line


@pytest.mark.parametrize(
    "error", [MemoryError("no"), RuntimeError("ResourceExhaustedError: Out of memory on GPU 0")]
)
def test_want_of_memory_names_the_batch_size_at_any_step(error):
    engine = types.SimpleNamespace(mode="train", global_step=99)
    told = "DataLoader.Train.sampler.batch_size: out of memory"
    with pytest.raises(OctConvError, match=told), setup._explained(engine):
        raise error
    with pytest.raises(KeyError), setup._explained(engine):
        raise KeyError("x")


def test_checkpoints_that_are_trusted_count(config, tmp_path, monkeypatch):
    checkpoint(tmp_path, "latest", 3, 0.5)
    (tmp_path / "latest.pdopt").write_bytes(pickle.dumps(exec, protocol=2))  # nothing runs it
    ran = []
    monkeypatch.setattr(jobs.Job, "run", lambda self, **options: ran.append(options) or 2)
    task = jobs.Job("train", None, config)
    with pytest.raises(OctConvError, match="no checkpoint in .* is whole"):
        training.train(task, goes_on=True)
    task.trust_weights = True
    training.train(task, goes_on=True)
    assert ran == [{"resume": True}]
    assert TRUST_VARIABLE not in os.environ


def test_the_ctrl_c_that_paddle_wraps_is_one(capsys):
    error = OSError("(External) KeyboardInterrupt: <EMPTY MESSAGE>\n\nAt:\n x.py(1): backward")
    assert child._end(error) == 130
    assert capsys.readouterr().err == ""


def test_the_image_that_fails_is_named():
    def infer(image_file):
        raise AttributeError("no shape")

    with pytest.raises(AttributeError) as error:
        infer("broken.png")
    assert setup._image_of(error.value) == "broken.png"
    assert setup._image_of(ValueError()) is None
    with pytest.raises(
        OctConvError, match="broken.png: cannot be read as an image$"
    ), setup._naming_the_image(None):
        infer("broken.png")


def test_an_image_beyond_the_bounds_of_opencv_is_named(tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    image = tmp_path / "huge.png"
    image.write_bytes(png + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT5\xaf\x06\x1e")
    assert setup._wrong_with(str(image), ValueError()) == "cannot be read as an image"


def test_the_config_goes_into_the_file_alone(monkeypatch, tmp_path, capsys):
    logger = logging.Logger("ppcls", level=logging.INFO)
    file = logging.FileHandler(tmp_path / "log")
    terminal = logging.StreamHandler(sys.stdout)
    logger.handlers = [terminal, file]
    engine = types.SimpleNamespace(
        logger=types.SimpleNamespace(_logger=logger), print_config=logger.info
    )
    monkeypatch.setitem(sys.modules, "ppcls", types.ModuleType("ppcls"))
    monkeypatch.setitem(sys.modules, "ppcls.engine", types.SimpleNamespace(engine=engine))
    quiet.log_in_the_file_alone("train", "cpu")
    engine.print_config("the config")
    logger.warning("is based on 4 gpus. But the number of gpu is 1")
    logger.info('Export succeeded! It has been saved in ".export-xyz/pir".')
    logger.info("Epoch 1")
    file.close()
    assert capsys.readouterr().out == "Epoch 1\n"
    advice, exported = "is based on 4 gpus. But the number of gpu is 1", "Export succeeded! "
    config, *lines = (tmp_path / "log").read_text().splitlines()
    assert (config, lines[0], lines[2]) == ("the config", advice, "Epoch 1")
    assert lines[1].startswith(exported)


def test_a_whole_training(fetched_trainer, tiny_config, tmp_path):
    result = run_cli("train", "-c", tiny_config, cwd=tmp_path, OMP_NUM_THREADS="2")
    assert result.returncode == 0, result.stderr
    assert "Paddle" not in result.stdout and "DataLoader" not in result.stdout
    trainer, done, following = result.stderr.splitlines()
    assert trainer.startswith("paddleclas: trainer: ")
    assert re.fullmatch(
        r"paddleclas: trained for [^;]+; best accuracy \d\.\d{4}, of epoch 1 of 1: "
        r"output/OctMobileNetV1_x0_25/best_model\.pdparams",
        done,
    )
    assert following == f"paddleclas: next: paddleclas export -c {tiny_config}"
    log = (tmp_path / "output" / "OctMobileNetV1_x0_25" / "train.log").read_text()
    assert "PaddleClas is powered by PaddlePaddle" in log and "DataLoader" in log
