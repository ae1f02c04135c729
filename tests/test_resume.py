"""A run that was killed goes on from its newest whole checkpoint, as if nothing had happened."""

from __future__ import annotations

import math
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import error_line, run_cli, run_here, run_python
from runs import EPOCHS, NAME, Run, config_of, damage, load, newest_in

from paddleclas_octconv.checkpoints import whole as checkpoints

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# How often the run with random kills is killed; the default suite has little time.
KILLS = int(os.environ.get("PADDLECLAS_OCTCONV_KILLS", "1"))
# A schedule that goes on by steps, a warm-up within it, and images in random order and form.
OVERRIDES = (
    "Optimizer.lr.name=Cosine",
    "Optimizer.lr.warmup_epoch=1",
    f"Global.epochs={EPOCHS}",
    "Global.save_interval=2",
)


def command(config: Path, *options: str, overrides=OVERRIDES) -> list[str]:
    words = [word for override in overrides for word in ("-o", override)]
    return ["train", "-c", str(config), *words, *options]


@pytest.fixture(scope="module")
def config(tiny_config, once) -> Path:
    """The tiny config, its images flipped by chance."""

    def write(folder: Path) -> None:
        config = yaml.safe_load(tiny_config.read_text())
        flip = {"RandFlipImage": {"flip_code": 1}}
        config["DataLoader"]["Train"]["dataset"]["transform_ops"].insert(1, flip)
        (folder / "flip.yaml").write_text(yaml.safe_dump(config))

    return once("flip", write) / "flip.yaml"


@pytest.fixture(scope="module")
def uninterrupted(config, fetched_trainer, once) -> Path:
    """The output folder of a run that nothing has interrupted; others read it too."""

    def train(folder: Path) -> None:
        result = run_here(*command(config), cwd=folder)
        assert result.returncode == 0, result.stderr

    return once("uninterrupted", train) / "output"


def assert_equal_runs(one: Path, other: Path) -> None:
    """Assert that two runs ended with the same parameters, optimizer and metrics."""
    ends = [newest_in(output) for output in (one, other)]
    assert [end.epoch for end in ends] == [EPOCHS, EPOCHS]
    assert ends[0].metric == ends[1].metric
    for suffix in (".pdparams", ".pdopt"):
        first, second = (load(Path(f"{end.prefix}{suffix}")) for end in ends)
        if suffix == ".pdopt":
            first, second = first[0], second[0]
        assert first.keys() == second.keys()
        for key, value in first.items():
            np.testing.assert_equal(value, second[key], err_msg=key)
    assert checkpoints.best_metric(config_of(one)) == checkpoints.best_metric(config_of(other))


@pytest.mark.parametrize(
    "where", ["[Train][Epoch 3/", "[Eval][Epoch 3]", "Already save model in ./output"]
)
def test_killed_run_ends_as_one_that_was_not(where, config, uninterrupted, tmp_path):
    run = Run(tmp_path, *command(config))
    assert run.wait_for(where)
    run.kill()
    result = run_here(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    if "Train" in where:
        assert "resuming from output/OctMobileNetV1_x0_25/latest (epoch 2 of 4" in result.stderr
    assert_equal_runs(uninterrupted, tmp_path / "output")


def test_checkout_resumes_too(config, checkout, tmp_path):
    options = ("--paddleclas", str(checkout))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert run_cli(*command(config, *options), cwd=whole).returncode == 0
    run = Run(killed, *command(config, *options))
    assert run.wait_for("[Train][Epoch 3/")
    run.kill()
    assert run_cli(*command(config, "--resume", *options), cwd=killed).returncode == 0
    assert_equal_runs(whole / "output", killed / "output")


def test_killed_at_random_moments_a_run_comes_to_its_end(config, uninterrupted, tmp_path):
    chance = random.Random(KILLS)
    kills = 0
    while kills < KILLS:
        run = Run(tmp_path, *command(config, "--resume"))
        if run.wait_for("ppcls INFO"):
            time.sleep(chance.uniform(0, 1.5))
        kills += run.process.poll() is None
        run.kill()
        if run.process.returncode == 0:  # it came to its end before: once more from the start
            assert_equal_runs(uninterrupted, tmp_path / "output")
            shutil.rmtree(tmp_path / "output")
        else:
            assert run.process.returncode == -signal.SIGKILL, run.said
    result = run_here(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert_equal_runs(uninterrupted, tmp_path / "output")


def times_of(folder: Path) -> dict[Path, int]:
    """When each file in a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_finished_run_is_left_alone(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    before = times_of(tmp_path)
    result = run_here(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0
    assert "all 4 epochs are done" in result.stderr
    assert times_of(tmp_path) == before


def test_without_resume_another_run_is_not_overwritten(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    before = times_of(tmp_path)
    result = run_here(*command(config), cwd=tmp_path)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "./output already holds another run" in line
    assert "--resume" in line and "Global.output_dir" in line
    assert times_of(tmp_path) == before


def test_run_without_a_whole_checkpoint_is_not_overwritten(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    for path in (tmp_path / "output").rglob("*.pdparams"):
        damage(path, "truncated")
    before = times_of(tmp_path)
    result = run_here(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "--resume: no checkpoint in ./output is complete" in line
    assert "best_model.pdparams is damaged" in line and "(and 3 more)" in line
    assert times_of(tmp_path) == before


def test_better_model_of_before_is_kept(config, uninterrupted, tmp_path):
    """PaddleClas would take the last metric, or 0, for the best so far."""
    shutil.copytree(uninterrupted, tmp_path / "output")
    folder = tmp_path / "output" / NAME
    for prefix in ("epoch_4", "latest"):
        for path in folder.glob(f"{prefix}.*"):
            path.unlink()
    path = folder / "best_model.pdstates"
    path.write_bytes(pickle.dumps({"metric": 0.99, "epoch": 2}, protocol=2))
    (folder / "best_model.manifest.json").unlink()
    parameters = (folder / "best_model.pdparams").read_bytes()
    result = run_here(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "[best metric: 0.99]" in (folder / "train.log").read_text()
    assert (folder / "best_model.pdparams").read_bytes() == parameters


def test_another_plan_goes_on_along_its_own_schedule(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    plan = ("Optimizer.lr.name=Cosine", "Optimizer.lr.learning_rate=0.02", "Global.epochs=6")
    done = run_here(*command(config, "--resume", overrides=plan), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    log = next((tmp_path / "output").rglob("train.log")).read_text()
    (rate,) = re.findall(r"\[Train\]\[Epoch 5/6\]\[Iter: 0/3\]lr\(\w+\): ([0-9.]+)", log)
    # 12 of 18 steps are done, and this one, after which it is logged: by one step too many, for
    # PaddleClas asks the scheduler for the rate after the last one that it gave.
    twelfth, after = (0.01 * (1 + math.cos(math.pi * step / 18)) for step in (12, 13))
    assert float(rate) == pytest.approx(after * after / twelfth, abs=1e-7)
    assert "the learning rate continues at 0.005, by this config; it was 0" in done.stderr


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from paddleclas_octconv.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_file_that_cannot_be_written_ends_in_one_line(config, uninterrupted, tmp_path):
    """The limit lets the parameters be written, not the optimizer: it is twice as large."""
    shutil.copytree(uninterrupted, tmp_path / "output")
    folder = tmp_path / "output" / NAME
    for path in (*folder.glob("latest.*"), *folder.glob("epoch_4.*")):
        path.unlink()
    size = (folder / "epoch_2.pdparams").stat().st_size
    held = {path.name: path.read_bytes() for path in folder.glob("epoch_2.*")}
    result = run_python("-c", FULL_DISK, size * 3 // 2, *command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    line = error_line(result.stderr)
    assert "cannot be saved: File too large" in line and "--resume" in line
    assert not list(folder.glob("*.part"))
    assert {path.name: path.read_bytes() for path in folder.glob("epoch_2.*")} == held


@pytest.fixture
def small_disk(tmp_path) -> Path:
    """A file system of its own, that two checkpoints fill."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
    mount = subprocess.run(["mount", *options], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_full_disk_ends_in_one_line(config, small_disk):
    result = run_here(*command(config), cwd=small_disk)
    assert result.returncode == 2, result.stderr
    assert "the disk is full" in error_line(result.stderr)
    found = newest_in(small_disk / "output")
    assert found is not None and found.epoch >= 1
    assert not list(small_disk.rglob("*.part"))
