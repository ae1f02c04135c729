"""Which checkpoints of an output folder are whole, the newest, the best; and how they are saved."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import paddle
import pytest
from conftest import run_python
from runs import EPOCHS, NAME, config_of, damage, load, newest_in

from paddleclas_octconv.checkpoints import manifest, outputs, resume
from paddleclas_octconv.checkpoints import whole as checkpoints
from paddleclas_octconv.checkpoints.saving import Saver
from paddleclas_octconv.common.errors import OctConvError

METRICS = (0.25, 0.75, 0.5, 0.5)  # of four epochs


def save_checkpoint(prefix: Path, epoch: int, metric: float, *more: str) -> None:
    """A checkpoint as PaddleClas writes it, through what stands in its way."""
    saver = Saver()

    def save_model():
        weights = paddle.full([100], float(epoch))
        saver.save(paddle.save, {"weight": weights}, f"{prefix}.pdparams")
        saver.save(paddle.save, [{"moment": weights}], f"{prefix}.pdopt")
        saver.save(paddle.save, {"epoch": epoch, "metric": metric}, f"{prefix}.pdstates")
        for suffix in more:
            saver.save(paddle.save, {"weight": weights}, f"{prefix}{suffix}")

    saver.save_together(save_model)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """An output folder as a training of four epochs leaves it, saved every second one."""
    output = tmp_path_factory.mktemp("trained") / "output"
    folder = output / NAME
    folder.mkdir(parents=True)
    for epoch, metric in enumerate(METRICS, start=1):
        if metric > max(METRICS[: epoch - 1], default=0):
            save_checkpoint(folder / "best_model", epoch, metric)
        if epoch % 2 == 0:
            save_checkpoint(folder / f"epoch_{epoch}", epoch, metric)
        save_checkpoint(folder / "latest", epoch, metric)
    return output


@pytest.fixture
def output(trained, tmp_path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "output"))


# The newest and the best


def test_the_newest_is_the_latest_and_the_best_has_its_metric(trained):
    folder = trained / NAME
    assert checkpoints.newest(config_of(trained)) == (
        checkpoints.Checkpoint(folder / "latest", 4, 0.5),
        [],
    )
    best = checkpoints.best(config_of(trained))
    assert best == checkpoints.Checkpoint(folder / "best_model", 2, 0.75)
    assert checkpoints.best_metric(config_of(trained)) == 0.75
    assert checkpoints.best_epoch(config_of(trained)) == 2


def test_of_one_epoch_the_latest_counts_then_the_numbered_then_the_best(output):
    folder = output / NAME
    for path in folder.glob("latest.*"):
        path.unlink()
    assert newest_in(output).prefix == folder / "epoch_4"
    for path in folder.glob("epoch_4.*"):
        path.unlink()
    assert newest_in(output).prefix == folder / "epoch_2"  # not best_model, of that epoch too
    for path in folder.glob("epoch_2.*"):
        path.unlink()
    assert newest_in(output).prefix == folder / "best_model"


def test_a_higher_epoch_counts_more_than_the_name(output):
    for path in (output / NAME).glob("latest.*"):
        path.unlink()
    save_checkpoint(output / NAME / "latest", 3, 0.5)
    assert newest_in(output).prefix.name == "epoch_4"
    save_checkpoint(output / NAME / "epoch_10", 10, 0.5)
    assert newest_in(output).epoch == 10


def test_an_empty_folder_holds_none(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        assert checkpoints.newest(config_of(folder)) == (None, [])
        assert checkpoints.best_metric(config_of(folder)) is None
        assert checkpoints.best_epoch(config_of(folder)) is None
        assert resume.plan_training(config_of(folder), resume=False) == resume.TrainingPlan(
            goes_on=True
        )
        assert resume.plan_training(config_of(folder), resume=True) == resume.TrainingPlan(
            goes_on=True
        )
        assert resume.start_of(config_of(folder), print) == resume.Start() == (0, None, None)


@pytest.mark.parametrize("epochs, done", [(3, True), (4, True), (5, False)])
def test_a_run_is_done_when_its_epochs_are(epochs, done, trained):
    assert resume.plan_training(config_of(trained, epochs), resume=True) == resume.TrainingPlan(
        True, done
    )


def test_a_training_starts_where_the_newest_whole_checkpoint_is(output):
    damage(output / NAME / "latest.pdopt", "truncated")
    said = []
    start = resume.start_of(config_of(output, epochs=9), said.append)
    prefix = output / NAME / "epoch_4"
    assert start == resume.Start(4, 0.75, str(prefix))
    warning, line = said
    assert warning.startswith("warning: the checkpoint ") and "latest.pdopt is damaged" in warning
    assert line == f"resuming from {prefix} (epoch 4 of 9 done)"


@pytest.mark.parametrize("kept, more", [(1, ""), (2, " (and 1 more)"), (3, " (and 2 more)")])
def test_where_none_is_whole_a_run_is_not_begun_anew(output, kept, more):
    folder = output / NAME
    for prefix in ("best_model", "epoch_2", "epoch_4", "latest")[kept:]:
        for path in folder.glob(f"{prefix}.*"):
            path.unlink()
    for path in folder.glob("*.pdparams"):
        damage(path, "empty")
    for call in (
        lambda c: resume.plan_training(c, resume=True),
        lambda c: resume.start_of(c, print),
    ):
        with pytest.raises(OctConvError) as error:
            call(config_of(output))
        assert "best_model.pdparams is damaged" in str(error.value)
        assert f"than its manifest{more}; -o Global.output_dir=" in str(error.value)


@pytest.mark.parametrize("metric", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_counts_as_none(output, metric):
    save_checkpoint(output / NAME / "best_model", 4, metric)
    assert checkpoints.best_metric(config_of(output)) == 0


def test_the_best_of_two_layouts_counts(output):
    save_checkpoint(output / "best_model", 3, 0.5)
    assert checkpoints.best_metric(config_of(output)) == 0.75
    save_checkpoint(output / "best_model", 3, 0.875)
    assert checkpoints.best_metric(config_of(output)) == 0.875
    assert checkpoints.best_epoch(config_of(output)) == 3


@pytest.mark.parametrize("suffix", [".pdema", ".ema.pdparams"])
def test_with_a_moving_average_those_that_lack_it_are_not_whole(output, suffix):
    config = config_of(output).changed({"EMA.decay": 0.9})
    assert checkpoints.newest(config)[0].epoch == EPOCHS  # PaddleClas 2.4 writes none at all
    save_checkpoint(output / NAME / "epoch_3", 3, 0.5, suffix)
    found, passed_over = checkpoints.newest(config)
    assert found.epoch == 3 and len(passed_over) == 4
    assert all("moving average of its parameters is missing" in told for told in passed_over)
    damage(output / NAME / f"epoch_3{suffix}", "truncated")
    assert checkpoints.newest(config)[0] is None
    assert checkpoints.newest(config_of(output))[0].epoch == EPOCHS


def test_the_best_weights_are_the_newest_best_model_else_the_latest(output):
    folder = output / NAME
    assert outputs.best_weights(str(output), NAME) == folder / "best_model"
    uniform = output / "best_model" / "best_model.pdparams"
    uniform.parent.mkdir()
    uniform.touch()
    later = (folder / "best_model.pdparams").stat().st_mtime + 10
    os.utime(uniform, (later, later))
    assert outputs.best_weights(str(output), NAME) == uniform.with_suffix("")
    os.utime(uniform, (1, 1))
    assert outputs.best_weights(str(output), NAME) == folder / "best_model"
    for path in (uniform, folder / "best_model.pdparams"):
        path.unlink()
    assert outputs.best_weights(str(output), NAME) == folder / "latest"
    (folder / "latest.pdparams").unlink()
    with pytest.raises(OctConvError, match="holds no trained weights: train first"):
        outputs.best_weights(str(output), NAME)


# What is whole


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt", ".pdstates"])
@pytest.mark.parametrize("how", ["truncated", "empty", "missing", "malicious"])
def test_broken_checkpoint_is_passed_over(described, suffix, how, output):
    folder = output / NAME
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


def test_files_of_two_epochs_are_no_checkpoint(output):
    folder = output / NAME
    for text in ("{", "{}", "[]", '{"files": 3}'):
        manifest.path_of(folder / "epoch_4").write_text(text)
        with pytest.raises(checkpoints.BrokenError, match="epoch_4.pdparams is damaged, or of an"):
            checkpoints.read(folder / "epoch_4")
    shutil.copy(folder / "epoch_2.pdparams", folder / "latest.pdparams")
    with pytest.raises(checkpoints.BrokenError, match="of another epoch"):
        checkpoints.read(folder / "latest")


def test_a_checkpoint_may_be_of_no_epoch(output):
    save_checkpoint(output / NAME / "latest", 0, 0.0)
    assert checkpoints.read(output / NAME / "latest").epoch == 0


@pytest.mark.parametrize(
    "states", [b"", {"epoch": 3}, {"epoch": -1, "metric": 0}, {"epoch": "x", "metric": 0}, [1]]
)
def test_states_that_are_none(states, output):
    prefix = output / NAME / "latest"
    content = states if isinstance(states, bytes) else pickle.dumps(states, protocol=2)
    prefix.with_suffix(".pdstates").write_bytes(content)
    manifest.path_of(prefix).unlink()
    with pytest.raises(checkpoints.BrokenError, match="latest.pdstates"):
        checkpoints.read(prefix)


@pytest.mark.parametrize("layout", ["2.4", "2.5", "uniform"])
def test_layouts_of_all_versions(layout, trained, tmp_path):
    source = trained / NAME
    folder = {"2.4": source.name, "2.5": ".", "uniform": "latest"}[layout]
    (tmp_path / folder).mkdir(exist_ok=True)
    for path in source.glob("latest.*"):
        shutil.copy(path, tmp_path / folder)
    assert newest_in(tmp_path).prefix == tmp_path / folder / "latest"
    with pytest.raises(OctConvError, match="already holds another run"):
        resume.plan_training(config_of(tmp_path), resume=False)


def test_another_run_is_refused_by_its_last_checkpoint(trained):
    with pytest.raises(OctConvError, match=r"already holds another run \(latest.pdparams\): "):
        resume.plan_training(config_of(trained), resume=False)


def test_own_checkpoint_given_by_hand_is_paddleclas_own_way(trained):
    given = str(trained / NAME / "epoch_2")
    plan = resume.plan_training(config_of(trained, given=given), resume=False)
    assert plan == resume.TrainingPlan(goes_on=False, done=False)


# How they are saved


def test_a_file_takes_its_place_once_it_is_written(tmp_path):
    path = tmp_path / "student.pdparams"
    path.write_bytes(b"before")

    def save(obj, part):
        Path(part).write_bytes(obj)
        assert path.read_bytes() == b"before"
        if obj == b"broken":
            raise RuntimeError("killed")

    Saver().save(save, b"after", path)
    assert path.read_bytes() == b"after"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError, match="killed"):
        Saver().save(save, b"broken", str(path))
    assert path.read_bytes() == b"before" and [path] == list(tmp_path.iterdir())


def test_what_is_no_path_is_saved_as_it_is():
    saved = []
    Saver().save(lambda *given, **options: saved.append((given, options)), 1, saved, protocol=4)
    assert saved[0] == ((1, saved), {"protocol": 4})


def test_a_checkpoint_that_cannot_be_saved_leaves_the_one_before(output):
    before = {path: path.read_bytes() for path in (output / NAME).iterdir()}
    said = "latest.pdparams/x cannot be saved: (Not a directory|File exists); .* --resume continues"
    with pytest.raises(OctConvError, match=said):
        save_checkpoint(output / NAME / "latest", 9, 0.5, ".pdparams/x")
    assert {path: path.read_bytes() for path in (output / NAME).iterdir()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is full")
def test_a_full_disk_is_told(tmp_path):
    def save(obj, part):
        Path("/dev/full").write_bytes(obj)

    with pytest.raises(OctConvError, match="cannot be saved: the disk is full; "):
        Saver().save(save, b"content", tmp_path / "latest.pdparams")


@pytest.mark.parametrize("spoilt", [None, "epoch_2.pdopt.part", "epoch_2.pdopt"])
def test_what_a_killed_run_has_begun_is_finished_if_it_is_whole(output, spoilt):
    """Of its files some are written, and some may be in their places."""
    folder = output / NAME
    names = [path.name for path in sorted(folder.glob("epoch_2.*"))]
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        if name != spoilt:
            (folder / name).rename(folder / f"{name}.part")
    if spoilt:
        (folder / spoilt).write_bytes(b"of another epoch")
    (folder / "others.part").touch()
    manifest.recover(folder)
    there = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    if spoilt:
        assert there == ({spoilt: b"of another epoch"} if spoilt in names else {})
    else:
        assert there == before
    assert [path.name for path in folder.glob("*.part")] == ["others.part"]


def test_what_is_saved_beside_a_checkpoint_is_no_part_of_it(tmp_path):
    """Such as the weights of a student alone."""
    save_checkpoint(tmp_path / "latest", 3, 0.5, ".pdema", "_student.pdparams")
    suffixes = (".pdema", ".pdopt", ".pdparams", ".pdstates", ".manifest.json")
    wanted = {f"latest{suffix}" for suffix in suffixes} | {"latest_student.pdparams"}
    assert {path.name for path in tmp_path.iterdir()} == wanted
    described = manifest.read(manifest.path_of(tmp_path / "latest"))
    assert set(described) == {f"latest{suffix}" for suffix in suffixes[:-1]}


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
