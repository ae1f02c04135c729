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
from conftest import error_line, run_cli, run_python
from runs import Run

from paddleclas_octconv.checkpoints import manifest, resume
from paddleclas_octconv.checkpoints import whole as checkpoints
from paddleclas_octconv.common.errors import OctConvError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

EPOCHS = 4
# How often the run with random kills is killed; the default suite has little time.
KILLS = int(os.environ.get("PADDLECLAS_OCTCONV_KILLS", "2"))
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
def config(tiny_config, tmp_path_factory) -> Path:
    """The tiny config, its images flipped by chance."""
    config = yaml.safe_load(tiny_config.read_text())
    config["DataLoader"]["Train"]["dataset"]["transform_ops"].insert(
        1, {"RandFlipImage": {"flip_code": 1}}
    )
    path = tmp_path_factory.mktemp("resume") / "flip.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def uninterrupted(config, fetched_trainer, tmp_path_factory) -> Path:
    """The output folder of a run that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    result = run_cli(*command(config), cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "output"


def load(path: Path):
    with open(path, "rb") as file:
        return pickle.load(file)


def newest_in(output: Path) -> checkpoints.Checkpoint | None:
    return checkpoints.newest(config_of(output))[0]


def config_of(output: Path, epochs: int = EPOCHS, given: str | None = None) -> dict:
    return {
        "Global": {"output_dir": str(output), "epochs": epochs, "checkpoints": given},
        "Arch": {"name": "OctMobileNetV1_x0_25"},
    }


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
    result = run_cli(*command(config, "--resume"), cwd=tmp_path)
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
    result = run_cli(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert_equal_runs(uninterrupted, tmp_path / "output")


def test_finished_run_is_left_alone(config, uninterrupted):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")}
    result = run_cli(*command(config, "--resume"), cwd=uninterrupted.parent)
    assert result.returncode == 0
    assert "all 4 epochs are done" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")} == before


def test_without_resume_another_run_is_not_overwritten(config, uninterrupted):
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")}
    result = run_cli(*command(config), cwd=uninterrupted.parent)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "./output holds another run already" in line
    assert "--resume" in line and "Global.output_dir" in line
    assert {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*")} == before


def times_of(folder: Path) -> dict[Path, int]:
    """When each file in a folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_run_without_a_whole_checkpoint_is_not_overwritten(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    for path in (tmp_path / "output").rglob("*.pdparams"):
        damage(path, "truncated")
    before = times_of(tmp_path)
    result = run_cli(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "--resume: no checkpoint in ./output is whole" in line
    assert "best_model.pdparams is damaged" in line and "(and 3 more)" in line
    assert times_of(tmp_path) == before


def test_better_model_of_before_is_kept(config, uninterrupted, tmp_path):
    """PaddleClas would take the last metric, or 0, for the best so far."""
    shutil.copytree(uninterrupted, tmp_path / "output")
    folder = tmp_path / "output" / "OctMobileNetV1_x0_25"
    for prefix in ("epoch_4", "latest"):
        for path in folder.glob(f"{prefix}.*"):
            path.unlink()
    path = folder / "best_model.pdstates"
    path.write_bytes(pickle.dumps({"metric": 0.99, "epoch": 2}, protocol=2))
    (folder / "best_model.manifest.json").unlink()
    parameters = (folder / "best_model.pdparams").read_bytes()
    result = run_cli(*command(config, "--resume"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "[best metric: 0.99]" in result.stdout
    assert (folder / "best_model.pdparams").read_bytes() == parameters


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "missing":
        path.unlink()
    else:
        path.write_bytes(pickle.dumps(os.system))


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt", ".pdstates"])
@pytest.mark.parametrize("how", ["truncated", "empty", "missing", "malicious"])
def test_broken_checkpoint_is_passed_over(described, suffix, how, uninterrupted, tmp_path):
    output = tmp_path / "output"
    shutil.copytree(uninterrupted, output)
    folder = output / "OctMobileNetV1_x0_25"
    if not described:
        for path in folder.glob("*.manifest.json"):
            path.unlink()
    damage(folder / f"latest{suffix}", how)
    found, passed_over = checkpoints.newest(config_of(output))
    assert (found.epoch, found.prefix.name) == (EPOCHS, "epoch_4")
    if (suffix, how) == (".pdparams", "missing"):
        assert passed_over == []  # then there is no such checkpoint
    else:
        assert len(passed_over) == 1
        assert f"{folder / 'latest'} is passed over: latest{suffix}" in passed_over[0]
        assert "\n" not in passed_over[0]


def test_files_of_two_epochs_are_no_checkpoint(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    folder = tmp_path / "output" / "OctMobileNetV1_x0_25"
    shutil.copy(folder / "epoch_2.pdparams", folder / "latest.pdparams")
    with pytest.raises(checkpoints.BrokenError, match="of another epoch"):
        checkpoints.read(folder / "latest")


@pytest.mark.parametrize(
    "states", [b"", {"epoch": 3}, {"epoch": -1, "metric": 0}, {"epoch": "x", "metric": 0}, [1]]
)
def test_states_that_are_none(states, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    prefix = tmp_path / "output" / "OctMobileNetV1_x0_25" / "latest"
    content = states if isinstance(states, bytes) else pickle.dumps(states, protocol=2)
    prefix.with_suffix(".pdstates").write_bytes(content)
    manifest.path_of(prefix).unlink()
    with pytest.raises(checkpoints.BrokenError, match="latest.pdstates"):
        checkpoints.read(prefix)


@pytest.mark.parametrize("layout", ["2.4", "2.5", "uniform"])
def test_layouts_of_all_versions(layout, uninterrupted, tmp_path):
    source = uninterrupted / "OctMobileNetV1_x0_25"
    folder = {"2.4": source.name, "2.5": ".", "uniform": "latest"}[layout]
    (tmp_path / folder).mkdir(exist_ok=True)
    for path in source.glob("latest.*"):
        shutil.copy(path, tmp_path / folder)
    assert newest_in(tmp_path).prefix == tmp_path / folder / "latest"
    with pytest.raises(OctConvError, match="holds another run"):
        resume.prepare(config_of(tmp_path), resume=False)


def test_another_plan_goes_on_along_its_own_schedule(config, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "output")
    plan = ("Optimizer.lr.name=Cosine", "Optimizer.lr.learning_rate=0.02", "Global.epochs=6")
    done = run_cli(*command(config, "--resume", overrides=plan), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    log = next((tmp_path / "output").rglob("train.log")).read_text()
    (rate,) = re.findall(r"\[Train\]\[Epoch 5/6\]\[Iter: 0/3\]lr\(\w+\): ([0-9.]+)", log)
    # 12 of 18 steps are done, and this one, after which it is logged: by one step too many, for
    # PaddleClas asks the scheduler for the rate after the last one that it gave.
    twelfth, after = (0.01 * (1 + math.cos(math.pi * step / 18)) for step in (12, 13))
    assert float(rate) == pytest.approx(after * after / twelfth, abs=1e-7)
    assert "the learning rate goes on at 0.005, by this config; it was 0" in done.stderr


def test_own_checkpoint_given_by_hand_is_paddleclas_own_way(uninterrupted):
    given = str(uninterrupted / "OctMobileNetV1_x0_25" / "epoch_2")
    plan = resume.prepare(config_of(uninterrupted, given=given), resume=False)
    assert plan == resume.Plan(goes_on=False, done=False)


# Saves checkpoint after checkpoint as PaddleClas does, and dies at a given step.
SAVER = """
import os, sys, types
import paddle
from paddleclas_octconv.patches import paddle_save

def save_model(prefix, epoch):
    weights = paddle.full([1000], float(epoch))
    paddle.save({"weight": weights}, f"{prefix}.pdparams")
    paddle.save([{"moment": weights}], f"{prefix}.pdopt")
    paddle.save({"epoch": epoch, "metric": 0.5}, f"{prefix}.pdstates")

save_load = types.SimpleNamespace(save_model=save_model)
paddle_save.save_whole_checkpoints(save_load)
for deadly in range(1000):
    prefix = f"{sys.argv[1]}/{deadly}/latest"
    os.makedirs(os.path.dirname(prefix))
    save_load.save_model(prefix, 1)
    pid = os.fork()
    if pid:
        status = os.waitpid(pid, 0)[1]
        if status == 0:
            break
        continue
    steps = 0
    def count(function):
        def counted(*args, **kwargs):
            global steps
            steps += 1
            if steps > deadly:
                os.kill(os.getpid(), 9)
            return function(*args, **kwargs)
        return counted
    import builtins
    for module, name in ((os, "replace"), (os, "fsync"), (builtins, "open")):
        setattr(module, name, count(getattr(module, name)))
    save_load.save_model(prefix, 2)
    os._exit(0)
print(deadly)
"""


def values_in(path: Path) -> set[float]:
    """The values of the only tensor in a file that ``SAVER`` wrote."""
    saved = load(path)
    key = "moment" if isinstance(saved, list) else "weight"
    tensor = (saved[0] if isinstance(saved, list) else saved)[key]
    return set(tensor[1] if isinstance(tensor, tuple) else tensor)


def test_killed_at_any_step_of_saving_there_is_a_whole_checkpoint(tmp_path):
    result = run_python("-c", SAVER, tmp_path)
    assert result.returncode == 0, result.stderr
    deaths = int(result.stdout)
    assert deaths > 10
    epochs = []
    for number in range(deaths + 1):
        folder = tmp_path / str(number)
        manifest.recover(folder)
        assert not list(folder.glob("*.part"))
        found, passed_over = checkpoints.newest(config_of(folder))
        assert passed_over == []
        weights = values_in(folder / "latest.pdparams")
        moment = values_in(folder / "latest.pdopt")
        assert {found.epoch} == weights == moment
        epochs.append(found.epoch)
    assert epochs == sorted(epochs) and set(epochs) == {1, 2}


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
    folder = tmp_path / "output" / "OctMobileNetV1_x0_25"
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
    result = run_cli(*command(config), cwd=small_disk)
    assert result.returncode == 2, result.stderr
    assert "the disk is full" in error_line(result.stderr)
    found = newest_in(small_disk / "output")
    assert found is not None and found.epoch >= 1
    assert not list(small_disk.rglob("*.part"))
