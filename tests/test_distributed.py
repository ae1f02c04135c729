"""Two processes train one network, on the launcher that a cluster would use."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backbones import KINDS, OPERATORS, build
from conftest import run_python
from paddle import nn
from runs import Run

RANKS = Path(__file__).parent / "ranks"
TWO = ("--nproc-per-node", "2", "--log-dir", "logs")
EPOCHS = 2
_PADDLECLAS = Path(sys.executable).with_name("paddleclas")
OUTPUT = "a=b[0]"  # text that PaddleClas would split, and evaluate
STRANGERS = ("random.py", "json.py")  # in the current folder, which is no place to import from


def environ(folder: Path) -> dict[str, str]:
    return {"RANKS": str(folder), "PYTHONPATH": str(RANKS)}


def noted(folder: Path) -> list[dict]:
    """What both ranks have noted, see ranks/sitecustomize.py."""
    return [pickle.loads((folder / f"rank-{rank}.pickle").read_bytes()) for rank in (0, 1)]


def assert_same_parameters(ranks: list[dict]) -> None:
    first, second = (rank["parameters"] for rank in ranks)
    assert len(first) > 50 and first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


@pytest.fixture(scope="module", params=["pinned", "checkout"])
def ranks(request, tiny_config, tmp_path_factory) -> tuple[Path, list[dict]]:
    """(the folder of a run of two processes, with what it has said in ``said``; what the two have
    noted)."""
    options = ("-o", f"Global.epochs={EPOCHS}", "-o", f"Global.output_dir={OUTPUT}")
    if request.param == "checkout":
        options += ("--paddleclas", str(request.getfixturevalue("checkout")))
    else:
        request.getfixturevalue("fetched_trainer")
    folder, notes = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("notes")
    for name in STRANGERS:
        (folder / name).write_text("open('imported', 'w')")
    result = subprocess.run(
        [_PADDLECLAS, "train", "-c", tiny_config, *options, *TWO],
        cwd=folder,
        env={**os.environ, **environ(notes)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "said").write_text(f"{result.stdout}\n---\n{result.stderr}")
    return folder, noted(notes)


def test_two_processes_train_one_network(ranks):
    folder, _ = ranks
    assert not (folder / "imported").exists()
    logs = {path.name for path in (folder / "logs").glob("workerlog.*")}
    assert logs == {"workerlog.0", "workerlog.1"}
    # 24 images in batches of 8 on two processes: each has two steps, not three.
    (log,) = (folder / OUTPUT).rglob("train.log")
    assert f"[Train][Epoch 1/{EPOCHS}][Iter: 0/2]" in log.read_text()
    printed, said = (folder / "said").read_text().split("\n---\n")
    assert "[Train]" not in printed and f"epoch 1/{EPOCHS}, loss " in said
    assert len(list((folder / OUTPUT).rglob("best_model.pdparams"))) == 1


def test_ranks_end_with_the_same_parameters(ranks):
    folder, notes = ranks
    assert_same_parameters(notes)
    (saved,) = folder.rglob("latest.pdparams")
    saved = pickle.loads(saved.read_bytes())
    for name, value in notes[1]["parameters"].items():
        np.testing.assert_array_equal(value, saved[name], err_msg=name)


def test_data_is_shared_out_not_repeated(ranks):
    _, (first, second) = ranks
    assert len(first["passes"]) == len(second["passes"]) == 2 * EPOCHS
    orders = []
    for (size, one), (_, other) in zip(first["passes"], second["passes"]):
        assert len(one) == len(other) == size // 2
        assert sorted(one + other) == list(range(size))
        if size == 24:  # the training images
            orders.append((one, other))
    assert orders[0] != orders[1]  # shuffled anew in each epoch


def test_first_rank_alone_writes(ranks):
    folder, (first, second) = ranks
    assert any("latest.pdparams" in path for path in first["written"])
    assert second["written"] == []
    assert {path.name for path in folder.iterdir()} == {OUTPUT, "logs", "said", *STRANGERS}


@pytest.mark.parametrize("options", [(), TWO], ids=["one", "two"])
def test_evaluation_is_the_same_on_any_number_of_processes(ranks, tiny_config, options):
    folder, _ = ranks
    command = ("eval", "-c", tiny_config, *options, "-o")
    (weights,) = folder.rglob("latest.pdparams")
    command = (_PADDLECLAS, *command, f"Global.pretrained_model={weights}")
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[Eval]" not in result.stdout  # these lines are in the log, of which the table is made
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("| top1 "))
    (log,) = folder.rglob("train.log")
    logged = re.findall(r"\[Eval\]\[Epoch \d+\]\[Avg\].*top1: ([\d.]+)", log.read_text())
    assert float(line.split()[3]) == pytest.approx(float(logged[-1]), abs=1e-4)


def test_every_backbone_takes_a_step(tmp_path):
    launcher = ("-m", "paddle.distributed.launch", "--nproc_per_node=2", "--log_dir=logs")
    result = run_python(*launcher, RANKS / "step.py", cwd=tmp_path, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:]
    for rank in (0, 1):
        said = (tmp_path / "logs" / f"workerlog.{rank}").read_text()
        assert [name for name in OPERATORS if f"rank {rank}: {name} stepped" not in said] == []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def two_machines(folders: list[Path], config: Path, *options: str, **variables: str) -> list[Run]:
    """A run on two machines that are one: two launchers, one master."""
    master = f"127.0.0.1:{free_port()}"
    return [
        Run(
            folder,
            *("train", "-c", str(config), *options, "--nproc-per-node", "1"),
            *("--nnodes", "2", "--master", master, "--rank", str(rank), "--log-dir", f"logs{rank}"),
            **variables,
        )
        for rank, folder in enumerate(folders)
    ]


def test_two_machines_train_one_network(fetched_trainer, tiny_config, tmp_path):
    runs = two_machines([tmp_path] * 2, tiny_config, **environ(tmp_path))
    for run in runs:
        assert run.wait(timeout=240) == 0, run.said
    notes = noted(tmp_path)
    assert_same_parameters(notes)
    (_, one), (_, other) = notes[0]["passes"][0], notes[1]["passes"][0]
    assert sorted(one + other) == list(range(24))


def test_machines_that_share_no_folder_cannot_resume(tiny_run, tiny_config, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    shutil.copytree(tiny_run, folders[0])
    folders[1].mkdir()
    runs = two_machines(folders, tiny_config, "--resume", "-o", "Global.epochs=2")
    for run in runs:
        assert run.wait(timeout=240) == 2, run.said
        last = run.said.splitlines()[-1]
        assert last.startswith("paddleclas: error: rank ")
        assert "different epochs ([1, 0], by rank)" in last


@pytest.mark.parametrize("name", KINDS)
def test_batch_norms_become_synchronous(name):
    network = build(name)
    plain = [layer for layer in network.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    keys = list(network.state_dict())
    network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    synchronous = [layer for layer in network.sublayers() if isinstance(layer, nn.SyncBatchNorm)]
    assert len(synchronous) == len(plain) > 10
    assert not any(type(layer) is nn.BatchNorm2D for layer in network.sublayers())
    assert list(network.state_dict()) == keys
