"""Whatever it is given, a command works or ends in one line: no traceback, no hang, no remains.

Hypothesis makes the input up, the same on every machine: configs, list files, images, archives
and checkpoints, each a spoilt form of a good one.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from runs import config_of

from paddleclas_octconv.backbones.oct_mobilenet_v1 import OctMobileNet
from paddleclas_octconv.checkpoints import whole as checkpoints
from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data.staging import publish
from paddleclas_octconv.octavizer.build import build_octave
from paddleclas_octconv.octavizer.options import OCTAVE
from paddleclas_octconv.run import process
from paddleclas_octconv.trainer import locate
from paddleclas_octconv.weights.safe_load import load_weights

NETWORKS = {
    "OctMobileNetV1_x0_25": [*inspect.signature(OctMobileNet).parameters, "pretrained", "x"],
    OCTAVE: [*inspect.signature(build_octave).parameters, "pretrained", "class_num"],
}


def cases(number: int):
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def good(tiny_config) -> dict:
    return yaml.safe_load(tiny_config.read_text())


@pytest.fixture(autouse=True)
def no_trainer(monkeypatch, folder, fetched_trainer):
    """The trainer is not started; what it would be given has passed all checks by then."""
    monkeypatch.setattr(process, "run", lambda *args: 0)
    trainer = locate.Trainer(fetched_trainer, "none")
    monkeypatch.setattr("paddleclas_octconv.config.check.locate", lambda *args: trainer)
    monkeypatch.chdir(folder)


def run(*arguments: str) -> tuple[int, str]:
    """(exit code, what it said on stderr) of a command in this process."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main([str(argument) for argument in arguments])
    return code, said.getvalue()


def assert_works_or_one_line(code: int, said: str) -> None:
    assert code in (0, 2)
    errors = [line for line in said.splitlines() if line.startswith("paddleclas: error: ")]
    assert len(errors) == (1 if code else 0), said
    assert "Traceback" not in said


# Spoilt values


JUNK = st.sampled_from(
    [
        *(None, True, False, -1, 0, 7, 2.5, -0.0, float("nan"), float("inf")),
        *("", "x", " ", "\0", "é\u2028", "%s{}", "-c", "None", "1/0", "__import__('os')", "[1,"),
        *([], {}, [[]], {"name": None}, {"x": {"x": []}}, [1, "2"], [None] * 3),
    ]
)


def paths_in(node, path=()) -> list[tuple]:
    """The paths to all values in nested mappings and lists."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, (dict, list)):
            found += paths_in(value, (*path, key))
    return found


@st.composite
def spoilt_config(draw, config: dict) -> dict:
    """A config of which one to three values are missing or something else."""
    config = copy.deepcopy(config)
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(paths_in(config)))
        node = config
        for key in parents:
            node = node[key]
        if draw(st.integers(0, 3)):
            node[last] = draw(JUNK)
        else:
            del node[last]
        assume(config)
    return config


@st.composite
def spoilt_bytes(draw, content: bytes) -> bytes:
    """Content that is cut, overwritten or added to at one to three places."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        some = draw(st.binary(min_size=0, max_size=12))
        how = draw(st.sampled_from(["cut", "overwrite", "insert", "drop"]))
        if how == "cut":
            content = content[:at]
        elif how == "overwrite":
            content = content[:at] + some + content[at + len(some) :]
        elif how == "insert":
            content = content[:at] + some + content[at:]
        else:
            content = content[:at] + content[at + draw(st.integers(1, 64)) :]
    return content


# Configs


@cases(150)
@given(data=st.data())
def test_spoilt_config(data, good, folder):
    config = data.draw(spoilt_config(good))
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    mode = data.draw(st.sampled_from(["train", "eval", "infer", "check-data"]))
    assert_works_or_one_line(*run(mode, "-c", path))


@cases(60)
@given(data=st.data())
def test_spoilt_yaml(data, tiny_config, folder):
    path = folder / "config.yaml"
    path.write_bytes(data.draw(spoilt_bytes(tiny_config.read_bytes())))
    assert_works_or_one_line(*run("train", "-c", path))


@cases(80)
@given(data=st.data())
def test_spoilt_override(data, good, tiny_config):
    keys = st.sampled_from([".".join(map(str, path)) for path in paths_in(good)])
    key = data.draw(st.one_of(keys, st.text(max_size=12)))
    value = data.draw(st.one_of(JUNK.map(str), st.text(max_size=12)))
    assert_works_or_one_line(*run("train", "-c", tiny_config, "-o", f"{key}={value}"))


@cases(80)
@given(data=st.data())
def test_spoilt_arch(data, tiny_config):
    name, keys = data.draw(st.sampled_from(sorted(NETWORKS.items())))
    key, value = data.draw(st.sampled_from(keys)), data.draw(JUNK)
    options = [f"Arch={{name: {name}, class_num: 4}}", f"Arch.{key}={value}"]
    if name == OCTAVE and key != "backbone":
        options.append("Arch.backbone=MobileNetV1_x0_25")
    overrides = [word for option in options for word in ("-o", option)]
    assert_works_or_one_line(*run("summary", "-c", tiny_config, *overrides))


# Lists and images


@pytest.fixture(scope="module")
def images(tiny_data, good, folder) -> Path:
    """A copy of the tiny data set, with a config that reads it."""
    copied = folder / "images"
    shutil.copytree(tiny_data, copied)
    config = copy.deepcopy(good)
    for split, name in (("Train", "train"), ("Eval", "val")):
        dataset = config["DataLoader"][split]["dataset"]
        dataset.update(
            image_root=str(copied / "images"), cls_label_path=str(copied / f"{name}.txt")
        )
    (copied / "tiny.yaml").write_text(yaml.safe_dump(config))
    return copied


@cases(80)
@given(data=st.data())
def test_spoilt_list(data, images):
    content = (images / "train.txt").read_bytes()
    try:
        (images / "train.txt").write_bytes(data.draw(spoilt_bytes(content)))
        for command in ("train", "check-data"):
            assert_works_or_one_line(*run(command, "-c", images / "tiny.yaml"))
    finally:
        (images / "train.txt").write_bytes(content)


@cases(50)
@given(data=st.data())
def test_spoilt_image(data, images):
    path = images / "images" / "3.png"
    content = path.read_bytes()
    try:
        path.write_bytes(data.draw(spoilt_bytes(content)))
        assert_works_or_one_line(*run("check-data", "-c", images / "tiny.yaml"))
    finally:
        path.write_bytes(content)


# Archives


def cifar_batch() -> bytes:
    pixels = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    return pickle.dumps({b"data": pixels, b"labels": [0, 1], b"filenames": [b"a", b"b"]}, 2)


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    files = {"cifar-10-batches-py/data_batch_1": cifar_batch(), "cifar-10/train/cat/a.png": b"x"}
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as file:
            for name, content in files.items():
                file.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as file:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@cases(80)
@given(data=st.data())
def test_spoilt_archive(data, folder):
    content = archive(data.draw(st.sampled_from(["zip", "", "gz", "xz"])))
    source, root = folder / "archive", folder / "root"
    source.write_bytes(data.draw(spoilt_bytes(content)))
    code, said = run("prepare", "cifar10", "--source", source, "--root", root)
    assert code == 2  # two images are no CIFAR-10, spoilt or not
    assert_works_or_one_line(code, said)
    assert [path.name for path in root.rglob("*") if not path.name.endswith(".lock")] == []


# Checkpoints


@pytest.fixture(scope="module")
def checkpoint(folder) -> dict[str, bytes]:
    """The files of a small checkpoint, as Paddle's pickles are made."""
    weights = {"fc.weight": np.ones((4, 4), "float32"), "StructuredToParameterName@@": {"a": "b"}}
    moments = [{"fc_moment": np.zeros((4, 4), "float32"), "LR_Scheduler": {"last_epoch": 3}}]
    states = {"epoch": 3, "metric": np.float32(0.5)}
    contents = (weights, moments, states)
    suffixes = (".pdparams", ".pdopt", ".pdstates")
    return {suffix: pickle.dumps(value, 4) for suffix, value in zip(suffixes, contents)}


@cases(120)
@given(data=st.data())
def test_spoilt_checkpoint(data, checkpoint, folder):
    suffix = data.draw(st.sampled_from(list(checkpoint)))
    output = folder / "output"
    output.mkdir(exist_ok=True)
    for each, content in checkpoint.items():
        spoilt = data.draw(spoilt_bytes(content)) if each == suffix else content
        (output / f"latest{each}").write_bytes(spoilt)
    found, passed_over = checkpoints.newest(config_of(output))
    assert (found is None) == bool(passed_over)
    assert all("latest" in message and "\n" not in message for message in passed_over)
    with contextlib.suppress(OctConvError):
        load_weights(output / "latest.pdparams")
    shutil.rmtree(output)


@cases(40)
@given(data=st.data())
def test_spoilt_manifest(data, checkpoint, folder):
    output = folder / "described"
    output.mkdir(exist_ok=True)
    for each, content in checkpoint.items():
        (output / f"latest{each}").write_bytes(content)
    whole = json.dumps({"files": {f"latest{each}": "0" * 64 for each in checkpoint}}).encode()
    (output / "latest.manifest.json").write_bytes(data.draw(spoilt_bytes(whole)))
    found, passed_over = checkpoints.newest(config_of(output))
    assert found is None and len(passed_over) == 1


# The trainer itself


FORKS = """
import json, os, sys, time
sys.path[:0] = [sys.argv[1]]
from paddleclas_octconv import autoload
autoload.install(force=True)
import paddle, ppcls.engine.engine
from pathlib import Path
from paddleclas_octconv.child import main
from paddleclas_octconv.config import load_config
from paddleclas_octconv.handover import Handover
for line in sys.stdin:
    case = json.loads(line)
    pid = os.fork()
    if not pid:
        os.chdir(case["folder"])
        os.mkdir("handed")
        output = os.open("said", os.O_CREAT | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = 1
        try:
            config = load_config(Path("config.yaml"))
            start = Handover("train", sys.argv[1], config, "config.yaml")
            code = main.main([str(start.write(Path("handed")))])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + case["limit"]
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            print(os.waitstatus_to_exitcode(status), flush=True)
            break
        time.sleep(0.01)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        print("hangs", flush=True)
"""


@pytest.fixture(scope="module")
def trainer(fetched_trainer):
    """Runs the pinned trainer on a config file in a fork of a process that has it imported."""
    server = subprocess.Popen(
        [sys.executable, "-c", FORKS, str(fetched_trainer)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def train(folder: Path) -> str:
        server.stdin.write(json.dumps({"folder": str(folder), "limit": 60}) + "\n")
        server.stdin.flush()
        return server.stdout.readline().strip()

    yield train
    server.stdin.close()
    server.wait(timeout=60)


@pytest.mark.skipif(sys.version_info < (3, 9), reason="the forks tell their exit codes so")
@cases(40)
@given(data=st.data())
def test_spoilt_config_in_the_trainer(data, good, trainer, tmp_path_factory):
    config = data.draw(spoilt_config(good))
    folder = tmp_path_factory.mktemp("case")
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    with contextlib.chdir(folder) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
        code, said = run("train", "-c", folder / "config.yaml")
    if code == 0:  # else the trainer does not start
        code = trainer(folder)
        said = (folder / "said").read_text()
        assert code in ("0", "2"), f"{code}: {said}"
        assert_works_or_one_line(int(code), said)
    shutil.rmtree(folder)


def test_a_folder_that_a_stranger_has_begun_leads_nowhere(tmp_path):
    """A killed run goes on in its hidden folder, which anybody can have made."""
    outside = tmp_path / "outside"
    outside.write_text("kept")
    begun = tmp_path / ".made.partial"
    begun.mkdir()
    (begun / ".source").write_text("stamp")
    (begun / "weights").symlink_to(outside)
    publish(tmp_path / "made", lambda folder: (folder / "weights").write_text("new"), "stamp")
    assert outside.read_text() == "kept"
    assert (tmp_path / "made" / "weights").read_text() == "new"
