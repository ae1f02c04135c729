"""What a training says in the end: what has come of it, and what comes next."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import struct
import sys
import types
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import run_python
from matplotlib.figure import Figure

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


@pytest.fixture
def end(config, tmp_path, monkeypatch, capsys):
    """Trains with processes that leave checkpoints and end so; what is said in the end."""

    def train(*checkpoints, code: int = 0, seconds: float = 5) -> list[str]:
        clock = [100.0]
        monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])

        class Ended(jobs.Job):
            def run(self, environ=None, changes=None, resume=False) -> int:
                clock[0] += seconds
                for each in checkpoints:
                    checkpoint(tmp_path, *each)
                return code

        task = Ended("train", None, config)
        capsys.readouterr()
        assert training.train(task, goes_on=True, words=words) == code
        prefix = "paddleclas: "
        return [line[len(prefix) :] for line in capsys.readouterr().err.splitlines()]

    return train


def test_the_best_epoch_and_the_next_command(end, tmp_path):
    assert end(("best_model", 9, 0.912345), ("latest", 12, 0.9), seconds=3725) == [
        f"trained for 1 h 2 min; best accuracy 0.9123, of epoch 9 of 12: "
        f"{tmp_path}/best_model.pdparams",
        "next: paddleclas export -c 'a b.yaml' -o Global.epochs=12",
    ]


def test_without_an_evaluation_none_is_made_up(end):
    first, second = end(("latest", 12, 0), seconds=65)
    assert first.startswith("trained for 1 min 5 s; no evaluation") and "latest.pdparams" in first
    assert second == "next: paddleclas eval -c 'a b.yaml' -o Global.epochs=12"


def test_no_training_fails_for_want_of_a_picture(end, tmp_path, monkeypatch):
    (tmp_path / "train.log").write_text("[Train][Epoch 12/12][Avg]top1: 0.375, loss: 2.0\n")
    found = ("best_model", 9, 0.5)
    done, drawn, _ = end(found)
    assert done.startswith("trained for ") and drawn.endswith(f"{tmp_path}/results.png")
    monkeypatch.setattr(Figure, "savefig", lambda *args, **kwargs: 1 / 0)
    done, drawn, following = end(found)
    assert done.startswith("trained for ") and following.startswith("next: ")
    assert drawn == ("warning: results.png cannot be drawn: ZeroDivisionError: division by zero")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_says_how_to_go_on(number, end):
    (line,) = end(code=128 + number)
    assert line == "interrupted before the first checkpoint: there is nothing to resume from"
    (line,) = end(("latest", 3, 0.5), code=128 + number)
    assert line == (
        "interrupted; 3 of 12 epochs are kept, "
        "paddleclas train -c 'a b.yaml' -o Global.epochs=12 goes on"
    )


def test_what_has_failed_has_said_why(end):
    assert end(code=2) == []


def test_what_is_trained_is_not_trained_again(end, tmp_path):
    checkpoint(tmp_path, "latest", 12, 0.5)
    (line,) = end(("latest", 13, 0.5))
    assert line == f"{tmp_path}: all 12 epochs are done; --epochs sets their number"


@pytest.mark.parametrize(
    "metric, name",
    [
        ([{"TopkAcc": {"topk": [1, 5]}}], "accuracy"),
        ([{"TopkAcc": {"topk": [5]}}], "top-5 accuracy"),
        ([{"TopkAcc": {"topk": 1}}], "accuracy"),
        ([{"mAP": {}}], "mAP"),
        ([{"Recallk": None}, {"TopkAcc": {"topk": 1}}], "Recallk"),
    ],
)
def test_the_metric_is_named(metric, name, config, end):
    config.sections["Metric"]["Eval"] = metric
    assert f"; best {name} 0.5000, " in end(("best_model", 9, 0.5))[0]


def test_a_run_that_is_killed_for_memory_names_the_batch_size(tmp_path):
    with outcome.Watch(tmp_path) as watch:
        code, (line,), *_ = watch.conclude(128 + signal.SIGKILL, launched=False)
    assert code == 128 + signal.SIGKILL
    assert "SIGKILL" in line and "DataLoader.Train.sampler.batch_size" in line


@pytest.fixture
def engine(monkeypatch):
    """Stands for PaddleClas's engine, each method of which raises ``error``; it is explained."""

    class Engine:
        mode, global_step = "train", 99

        def train(self, image_file=None):
            raise self.error

        eval = infer = train

    module = types.SimpleNamespace(Engine=Engine)
    for name in ("ppcls", "ppcls.engine"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "ppcls.engine.engine", module)
    setup.explain_setup()
    return Engine()


@pytest.mark.parametrize("mode, part", [("train", "Train"), ("eval", "Eval")])
@pytest.mark.parametrize(
    "error", [MemoryError("no"), RuntimeError("ResourceExhaustedError: Out of memory on GPU 0")]
)
def test_want_of_memory_names_the_batch_size_at_any_step(engine, error, mode, part):
    engine.mode, engine.error = mode, error
    told = f"DataLoader.{part}.sampler.batch_size: out of memory"
    with pytest.raises(OctConvError, match=told):
        getattr(engine, mode)()


def test_an_error_after_the_first_step_is_not_the_fault_of_the_config(engine):
    engine.error = KeyError("x")
    with pytest.raises(KeyError):
        engine.train()
    engine.global_step = 1
    with pytest.raises(OctConvError, match="PaddleClas cannot run this config: KeyError: 'x' "):
        engine.train()


def test_checkpoints_that_are_trusted_count(config, tmp_path, monkeypatch):
    checkpoint(tmp_path, "latest", 3, 0.5)
    (tmp_path / "latest.pdopt").write_bytes(pickle.dumps(exec, protocol=2))  # nothing runs it
    ran = []
    monkeypatch.setattr(jobs.Job, "run", lambda self, **options: ran.append(options) or 2)
    task = jobs.Job("train", None, config)
    with pytest.raises(OctConvError, match="no checkpoint in .* is complete"):
        training.train(task, goes_on=True)
    task.trust_weights = True
    training.train(task, goes_on=True)
    assert ran == [{"resume": True}]
    assert TRUST_VARIABLE not in os.environ


def test_the_ctrl_c_that_paddle_wraps_is_one(tmp_path):
    program = """
import sys
from paddleclas_octconv.child import main

def read(path):
    raise OSError("(External) KeyboardInterrupt: <EMPTY MESSAGE>\\n\\nAt:\\n x.py(1): backward")

main.Handover.read = read
sys.exit(main.main(sys.argv[1:]))
"""
    ended = run_python("-c", program, tmp_path / "handover")
    assert (ended.returncode, ended.stderr) == (130, "")


def test_the_image_that_fails_is_named(engine, tmp_path):
    engine.error = AttributeError("no shape")
    with pytest.raises(OctConvError, match=r"infer_imgs: broken.png: cannot be read as an image$"):
        engine.infer("broken.png")
    image = tmp_path / "whole.png"
    cv2.imwrite(str(image), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(OctConvError, match="whole.png: cannot be transformed: AttributeError: no"):
        engine.infer(str(image))
    engine.error = AttributeError("no network")
    with pytest.raises(AttributeError, match="no network"):
        engine.infer()


def test_an_image_beyond_the_bounds_of_opencv_is_named(engine, tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    image = tmp_path / "huge.png"
    image.write_bytes(png + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT5\xaf\x06\x1e")
    engine.error = ValueError()
    with pytest.raises(OctConvError, match="huge.png: cannot be read as an image"):
        engine.infer(str(image))


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
