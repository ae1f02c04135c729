"""What goes wrong in a run is told, where it happened, and ends it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import error_line, run_here
from runs import Run, alive, config_of, rank_of

from paddleclas_octconv.checkpoints import whole as checkpoints
from paddleclas_octconv.child.images import IN_A_ROW
from paddleclas_octconv.child.setup import part_of_config

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

FOREVER = ("-o", "Global.epochs=100000", "-o", "Global.save_interval=100000")
WORKERS = ("-o", "DataLoader.Train.loader.num_workers=2")
TWO = ("--nproc-per-node", "2", "--log-dir", "ranks")
# The learning rate of the second epoch is beyond the numbers of a network.
EXPLODING = (
    "-o",
    "Optimizer.lr={'name': 'Piecewise', 'decay_epochs': [1], 'values': [0.001, 1.0e+39]}",
    "-o",
    "Global.epochs=3",
)


def last_epoch(folder: Path) -> int:
    return checkpoints.newest(config_of(folder / "output"))[0].epoch


def test_killed_worker_ends_the_job_and_is_named(fetched_trainer, tiny_config, tmp_path):
    run = Run(tmp_path, "train", "-c", str(tiny_config), *FOREVER, *TWO)
    assert run.wait_for("[Train][Epoch 2/")
    family = run.family()
    (worker,) = (process for process in family if rank_of(process) == "1")
    killed = time.monotonic()
    worker.kill()
    assert run.wait(timeout=60) != 0
    assert time.monotonic() - killed < 60
    last = run.said.splitlines()[-1]  # after what the launcher and the other rank have to say
    assert last.startswith("paddleclas: error: rank 1 was killed")
    assert f"its log: {Path('ranks', 'workerlog.1')}" in last
    assert not any(map(alive, family))


def test_killed_trainer_is_told_of(fetched_trainer, tiny_config, tmp_path):
    run = Run(tmp_path, "train", "-c", str(tiny_config), *FOREVER, *WORKERS)
    assert run.wait_for("[Train][Epoch 2/")
    family = run.family()
    family[1].kill()
    assert run.wait(timeout=30) == 128 + signal.SIGKILL
    assert "the trainer was ended by SIGKILL" in error_line(run.said)
    psutil.wait_procs(family, timeout=5)
    assert not any(map(alive, family))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of it")
@pytest.mark.parametrize("options", [WORKERS, TWO])
def test_nothing_outlives_the_command(options, fetched_trainer, tiny_config, tmp_path):
    run = Run(tmp_path, "train", "-c", str(tiny_config), *FOREVER, *options)
    assert run.wait_for("[Train][Epoch 2/")
    family = run.family()
    run.process.kill()
    run.process.wait()
    psutil.wait_procs(family, timeout=5)
    assert not any(map(alive, family))


def test_interrupted_by_a_terminal_nothing_runs_on(fetched_trainer, tiny_config, tmp_path):
    """Ctrl-C reaches all processes of the terminal at once, those that load data as well."""
    run = Run(tmp_path, "train", "-c", str(tiny_config), *FOREVER, *WORKERS)
    assert run.wait_for("[Train][Epoch 2/")
    family = run.family()
    assert len(family) >= 4
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait(timeout=60) == 128 + signal.SIGINT
    assert not any(map(alive, family))


@pytest.mark.parametrize("launch", [(), TWO])
def test_loss_that_is_no_number_stops_training(launch, fetched_trainer, tiny_config, tmp_path):
    result = run_here("train", "-c", tiny_config, *EXPLODING, *launch, cwd=tmp_path)
    assert result.returncode == 2, result.stdout + result.stderr
    line = error_line(result.stderr)
    assert "epoch 2: the loss is" in line or "epoch 2: after its last step" in line
    assert "--allow-non-finite-loss" in line
    assert last_epoch(tmp_path) == 1
    if launch:
        assert line.startswith("paddleclas: error: rank ") and "workerlog." in line


@pytest.fixture
def config_with_bad_images(tiny_config, tiny_data, tmp_path):
    """Makes a config of which some training images are no images."""

    def make(bad: int) -> tuple[Path, list[str]]:
        images = shutil.copytree(tiny_data / "images", tmp_path / "images")
        config = yaml.safe_load(tiny_config.read_text())
        lines = (tiny_data / "train.txt").read_text().splitlines()
        names = [line.split()[0] for line in lines[:bad]]
        for name in names:
            (images / name).write_text("no image")
        config["DataLoader"]["Train"]["dataset"]["image_root"] = str(images)
        path = tmp_path / "bad.yaml"
        path.write_text(yaml.safe_dump(config))
        return path, [str(images / name) for name in names]

    return make


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_image_is_named_and_counted_and_the_run_goes_on(
    workers, fetched_trainer, config_with_bad_images, tmp_path
):
    config, (bad,) = config_with_bad_images(1)
    options = ("-o", f"DataLoader.Train.loader.num_workers={workers}", *EXPLODING)
    result = run_here("train", "-c", config, *options, "--allow-non-finite-loss", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if "could not be read" in line)
    # Once an epoch, and again where it is drawn to replace itself.
    assert re.match("paddleclas: warning: 1 image could not be read, [3-9] times in all", line)
    assert bad in line
    # Nor does a loss that is no number stop it, where that is allowed.
    assert re.search(r"epoch 3/3, loss (nan|-?inf)", result.stderr)
    assert last_epoch(tmp_path) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_no_readable_image_is_no_endless_search(
    workers, fetched_trainer, config_with_bad_images, tmp_path
):
    """Paddle's data loader alone would wait forever."""
    config, bad = config_with_bad_images(24)
    options = ("-o", f"DataLoader.Train.loader.num_workers={workers}")
    result = run_here("train", "-c", config, *options, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    line = error_line(result.stderr)
    assert f"{IN_A_ROW} images in a row cannot be read" in line
    assert any(image in line for image in bad)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_transform_of_batches_that_fails_is_named(
    workers, fetched_trainer, tiny_config, tmp_path
):
    config = yaml.safe_load(tiny_config.read_text())
    train = config["DataLoader"]["Train"]
    train["dataset"]["batch_transform_ops"] = [{"FmixOperator": {"decay_power": "steep"}}]
    train["loader"]["num_workers"] = workers
    path = tmp_path / "fmix.yaml"
    path.write_text(yaml.safe_dump(config))
    result = run_here("train", "-c", path, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    line = error_line(result.stderr)
    assert "batch_transform_ops: transform FmixOperator fails: " in line


@pytest.mark.parametrize(
    "function, held, part",
    [
        ("transform", {"op": Path()}, f"transform {type(Path()).__name__}"),
        ("create_operators", {"op_name": "Cutout"}, "transform Cutout"),
        ("build_lr_scheduler", {}, "Optimizer.lr"),
        ("other", {"op": 1}, ""),
    ],
)
@pytest.mark.parametrize("module", ["ppcls.data", "mine"])
def test_the_part_of_the_config_that_failed_is_told(function, held, part, module):
    code = f"def {function}({', '.join(held)}):\n    1 / 0\n"
    namespace = {"__name__": module}
    exec(code, namespace)
    with pytest.raises(ZeroDivisionError) as error:
        namespace[function](**held)
    assert part_of_config(error.value.__traceback__) == (part if module == "ppcls.data" else "")
