"""What the tests share: a tiny data set and config, trainers, and the command line."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
import yaml
from filelock import FileLock

CLASS_NUM = 4
COMPARED_EPOCHS = 6
COMPARED = ("compare", "oct.yaml", "vanilla.yaml", "--epochs", str(COMPARED_EPOCHS))
COMPARED += ("--output", "output")
_HOME = os.environ.pop("PADDLECLAS_HOME", None)  # the tests name a trainer where they want one
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Each process that takes the trainer removes what Python has compiled beside it: elsewhere, that is
# compiled once.
sys.pycache_prefix = os.environ.setdefault(
    "PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled")
)


def pytest_collection_modifyitems(items) -> None:
    """What a test asks for says what it needs: a trainer is a process, and fetched once. What all
    wait for, if it begins last, begins first."""
    items.sort(key=lambda item: item.path.name != "test_compare_octavize.py")
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


def run_here(*args, cwd=".") -> subprocess.CompletedProcess:
    """Run a command of the package in this process, which need not import everything anew; what it
    and the processes that it starts have printed."""
    from paddleclas_octconv.cli import main

    before = os.getcwd()
    os.chdir(cwd)
    try:
        with _caught("stdout", 1) as printed, _caught("stderr", 2) as said:
            code = main([str(word) for word in args])
            return subprocess.CompletedProcess(args, code, printed(), said())
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _caught(stream: str, number: int):
    """Lets a stream, and the file of that number, lead into a file; gives what reads it."""
    with tempfile.TemporaryFile("w+", buffering=1, encoding="utf-8") as file:
        shown, before = getattr(sys, stream), os.dup(number)
        os.dup2(file.fileno(), number)
        setattr(sys, stream, file)
        try:
            yield lambda: file.flush() or os.pread(number, 1 << 24, 0).decode()
        finally:
            setattr(sys, stream, shown)
            os.dup2(before, number)
            os.close(before)


@pytest.fixture
def call_cli():
    """``run_here``, for those that start no trainer."""
    return run_here


class WorkerHere:
    """Does in this process what a ``Worker`` does in one of its own, with what JSON can hold."""

    def __init__(self, operations: type) -> None:
        self._held = operations()

    def call(self, operation: str, progress=None, **arguments):
        run = getattr(self._held, operation)
        arguments = json.loads(json.dumps(arguments))
        if "progress" in inspect.signature(run).parameters:
            arguments["progress"] = progress or (lambda *done: None)
        with _printed_as_said():
            return json.loads(json.dumps(run(**arguments)))

    def begin(self, operation: str, **arguments) -> None:
        self._found = self.call(operation, **arguments)

    def result(self, operation: str, progress=None):
        return self._found

    def __enter__(self) -> WorkerHere:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


@contextlib.contextmanager
def _printed_as_said():
    """What is printed goes to standard error, as in the process of a ``Worker``."""
    before = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)  # Paddle's C++ code
        os.dup2(before, 1)
        os.close(before)


_MEASURING = ("compare.results", "measure.benchmark", "measure.prepare")


@contextlib.contextmanager
def measuring_here(*modules: str):
    """What is measured is measured in this process, but where others have variables of their own:
    each would import Paddle. That they are apart is tested elsewhere.

    Args:
        *modules: whose workers are here; none: all that measure.
    """
    from paddleclas_octconv.common.worker import Worker

    def worker(operations: type, threads: int = 1, **environ: str):
        return Worker(operations, threads, **environ) if environ else WorkerHere(operations)

    with pytest.MonkeyPatch.context() as patch:
        for module in modules or _MEASURING:
            patch.setattr(f"paddleclas_octconv.{module}.Worker", worker)
        yield


@pytest.fixture
def workers_here():
    """``measuring_here``."""
    with measuring_here():
        yield


@pytest.fixture
def prepared_here():
    """What is measured is counted and exported here, and measured in processes of its own."""
    with measuring_here("measure.prepare"):
        yield


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Networks are zeros: to draw millions of numbers takes longer than to count them."""
    from paddle.nn.initializer import Constant, Initializer

    monkeypatch.setattr(Initializer, "__call__", lambda _, *where: Constant(0.0).forward(*where))


@pytest.fixture(scope="session", autouse=True)
def short_turns() -> None:
    """A turn of a measurement in this process is one step: no test looks at a latency."""
    from paddleclas_octconv.measure import benchmark

    benchmark.TURN = 0.0


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


def export(config, trainer, folder, *options, **values) -> int:
    """The exit code of an export of a config's network with random weights."""
    import paddle

    from paddleclas_octconv import cli, registry

    values.setdefault("Global.pretrained_model", f"{folder}/weights")
    if not (folder / "weights.pdparams").exists():
        paddle.seed(3)
        net = registry.build(**yaml.safe_load(config.read_text())["Arch"])
        paddle.save(net.state_dict(), str(folder / "weights.pdparams"))
    values["Global.save_inference_dir"] = f"{folder}/inference"
    overrides = [word for key, value in values.items() for word in ("-o", f"{key}={value}")]
    command = ["export", "-c", str(config), "--paddleclas", str(trainer), *options]
    return cli.main([*command, *overrides])


@pytest.fixture(scope="session")
def exported(once, tiny_config, fetched_trainer) -> Path:
    """The tiny network, exported for every engine and in INT8; its weights are beside it."""
    from paddleclas_octconv.deploy.engines import CONVERTED

    for package in ("openvino", "nncf", "onnxruntime", "paddle2onnx"):
        pytest.importorskip(package)
    options = [f"--{engine.option}" for engine in CONVERTED.values()]
    options += ["--int8", "--max-drop", "100", "--calibration-images", "8"]

    def make(folder: Path) -> None:
        assert export(tiny_config, fetched_trainer, folder, *options) == 0

    return once("exported", make) / "inference"


@pytest.fixture(scope="session")
def compared(once, tiny_config, fetched_trainer) -> Path:
    """A folder with an octave network's config, its twin's, and ``output``: what comparing them has
    left, interrupted in the second epoch (``interrupted.json``) and called again. To be read."""
    from runs import Run

    def compare(folder: Path) -> None:
        config = yaml.safe_load(tiny_config.read_text())
        (folder / "oct.yaml").write_text(yaml.safe_dump(config))
        config["Arch"] = {"name": "MobileNetV1_x0_25", "class_num": CLASS_NUM}
        (folder / "vanilla.yaml").write_text(yaml.safe_dump(config))
        run = Run(folder, *COMPARED)
        assert run.wait_for(f"[Train][Epoch 2/{COMPARED_EPOCHS}][Iter: 0/3]"), run.said
        # As the Ctrl-C of a terminal, which reaches the trainer at once. A signal to the command
        # alone would be passed on two seconds later, when a training this small has ended.
        os.killpg(run.process.pid, signal.SIGINT)
        code = run.wait()
        state = json.loads((folder / "output/runs/oct/state.json").read_text())
        (folder / "interrupted.json").write_text(json.dumps({"code": code, "state": state}))
        with measuring_here():
            result = run_here(*COMPARED, cwd=folder)
        assert result.returncode == 0, result.stderr

    return once("compared", compare)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """A git checkout of PaddleClas."""
    if not _HOME:
        pytest.skip("PADDLECLAS_HOME names no checkout of PaddleClas")
    return Path(_HOME)
