"""What the tests share: a tiny data set and config, trainers, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
import yaml
from filelock import FileLock

CLASS_NUM = 4
_HOME = os.environ.pop("PADDLECLAS_HOME", None)  # the tests name a trainer where they want one
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items) -> None:
    """What a test asks for says what it needs: a trainer is a process, and fetched once."""
    for item in items:
        if {"fetched_trainer", "checkout"} & set(item.fixturenames):
            item.add_marker(pytest.mark.process)
        if "fetched_trainer" in item.fixturenames:
            item.add_marker(pytest.mark.network)


def run_python(*args, cwd=None, timeout=300, **environ) -> subprocess.CompletedProcess:
    """Run the interpreter of the tests on arguments, with more environment variables."""
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def run_cli(*args, **options) -> subprocess.CompletedProcess:
    """Run a command of the package in a process of its own."""
    return run_python("-m", "paddleclas_octconv", *args, **options)


@pytest.fixture
def call_cli(capsys):
    """Runs a command of the package in this process, for those that start no other."""
    from paddleclas_octconv.cli import main

    def call(*args) -> subprocess.CompletedProcess:
        code = main([str(word) for word in args])
        return subprocess.CompletedProcess(args, code, *capsys.readouterr())

    return call


def error_line(stderr: str) -> str:
    """The one line that bad input ends in; fails where there is another or a traceback."""
    lines = [line for line in stderr.splitlines() if line.startswith("paddleclas: error: ")]
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    return lines[0]


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a folder once, in whichever worker of pytest-xdist comes first; for all to read."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        path = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                path.mkdir()
                make(path)
                (shared / f"{name}.made").touch()
        return path

    return folder


@pytest.fixture(scope="session")
def tiny_data(once) -> Path:
    """A data set in a folder: 24 training and 16 validation images of 32x32, four classes."""
    return once("tiny", _write_tiny_data)


def _write_tiny_data(folder: Path) -> None:
    import cv2

    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    lines = []
    for number in range(40):
        label = number % CLASS_NUM
        image = random.integers(0, 128, (32, 32, 3)) + 32 * label  # brightness tells the class
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image.astype(np.uint8))
        lines.append(f"{number}.png {label}\n")
    (folder / "train.txt").write_text("".join(lines[:24]))
    (folder / "val.txt").write_text("".join(lines[24:]))
    (folder / "labels.txt").write_text("".join(f"{i} class{i}\n" for i in range(CLASS_NUM)))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(_tiny_config(folder), sort_keys=False))


@pytest.fixture(scope="session")
def tiny_config(tiny_data) -> Path:
    """A config that trains the smallest octave network for an epoch on the tiny data set."""
    return tiny_data / "tiny.yaml"


def _tiny_config(folder: Path) -> dict:
    to_array = [
        {"DecodeImage": {"to_rgb": True, "channel_first": False}},
        {
            "NormalizeImage": {
                "scale": "1.0/255.0",
                "mean": [0.5] * 3,
                "std": [0.5] * 3,
                "order": "",
            }
        },
    ]

    def loader(name: str, shuffle: bool) -> dict:
        return {
            "dataset": {
                "name": "ImageNetDataset",
                "image_root": str(folder / "images"),
                "cls_label_path": str(folder / f"{name}.txt"),
                "transform_ops": to_array,
            },
            "sampler": {
                "name": "DistributedBatchSampler",
                "batch_size": 8,
                "drop_last": False,
                "shuffle": shuffle,
            },
            "loader": {"num_workers": 0, "use_shared_memory": False},
        }

    return {
        "Global": {
            "checkpoints": None,
            "pretrained_model": None,
            "output_dir": "./output",
            "device": "cpu",
            "seed": 7,
            "save_interval": 1,
            "eval_during_train": True,
            "eval_interval": 1,
            "epochs": 1,
            "print_batch_step": 1,
            "use_visualdl": False,
            "image_shape": [3, 32, 32],
            "save_inference_dir": "./inference",
        },
        "Arch": {"name": "OctMobileNetV1_x0_25", "class_num": CLASS_NUM, "alpha": 0.5},
        "Loss": {"Train": [{"CELoss": {"weight": 1.0}}], "Eval": [{"CELoss": {"weight": 1.0}}]},
        "Optimizer": {"name": "Adam", "lr": {"name": "Constant", "learning_rate": 0.001}},
        "DataLoader": {"Train": loader("train", True), "Eval": loader("val", False)},
        "Infer": {
            "infer_imgs": str(folder / "images" / "0.png"),
            "batch_size": 4,
            "transforms": [*to_array, {"ToCHWImage": None}],
            "PostProcess": {
                "name": "Topk",
                "topk": 2,
                "class_id_map_file": str(folder / "labels.txt"),
            },
        },
        "Metric": {"Train": [{"TopkAcc": {"topk": [1]}}], "Eval": [{"TopkAcc": {"topk": [1]}}]},
    }


def with_several_labels(config: dict, folder: Path) -> dict:
    """A config as that of the tiny data set, with three labels an image, whose lists it writes.

    The first is told by the brightness, the second by its lowest bit, all images have the third.
    """
    config["Global"]["use_multilabel"] = True
    config["Arch"]["class_num"] = 3
    for split, name in (("Train", "train"), ("Eval", "val")):
        config["Loss"][split] = [{"MultiLabelLoss": {"weight": 1.0}}]
        config["Metric"][split] = [{"AccuracyScore": {"base": "label"}}]
        dataset = config["DataLoader"][split]["dataset"]
        lines = Path(dataset["cls_label_path"]).read_text().splitlines()
        rows = [(image, int(label)) for image, label in map(str.split, lines)]
        path = folder / f"several_{name}.txt"
        path.write_text("".join(f"{i}\t{label // 2},{label % 2},1\n" for i, label in rows))
        dataset.update(name="MultiLabelDataset", cls_label_path=str(path))
    names = folder / "several_labels.txt"
    names.write_text("0 bright\n1 odd one\n2 always\n")
    config["Infer"]["PostProcess"] = {
        "name": "MultiLabelThreshOutput",
        "threshold": 0.5,
        "class_id_map_file": str(names),
    }
    return config


@pytest.fixture(scope="session")
def fetched_trainer() -> Path:
    """The pinned trainer in the user's cache (the first time, this needs the network)."""
    from paddleclas_octconv.trainer import fetch

    return fetch.trainer_root()


@pytest.fixture(scope="session")
def tiny_run(once, tiny_config, fetched_trainer) -> Path:
    """What a training of the tiny config by the pinned trainer leaves: ``output``, and what it has
    said, ``stdout`` and ``stderr``. To be read; who writes takes a copy."""

    def train(folder: Path) -> None:
        result = run_cli("train", "-c", tiny_config, cwd=folder, OMP_NUM_THREADS="2")
        assert result.returncode == 0, result.stdout + result.stderr
        (folder / "stdout").write_text(result.stdout)
        (folder / "stderr").write_text(result.stderr)

    return once("run", train)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """A git checkout of PaddleClas."""
    if not _HOME:
        pytest.skip("PADDLECLAS_HOME names no checkout of PaddleClas")
    return Path(_HOME)
