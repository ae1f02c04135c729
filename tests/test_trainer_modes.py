"""PaddleClas's own code on a tiny config: pinned trainer and checkout, one process and two."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import paddle
import psutil
import pytest
from conftest import CLASS_NUM, error_line, run_cli, run_here, run_python
from PIL import Image

from paddleclas_octconv.common import machine

# Where each trainer writes: 2.4 and 2.5 below a folder of the network's name, later ones above it.
LAYOUTS = ("output/OctMobileNetV1_x0_25", "output")
LAYOUT = {"pinned": LAYOUTS[0]}


@pytest.fixture(scope="module", params=["pinned", "checkout"])
def trained(request, tmp_path_factory, tiny_config):
    """(folder a run has left its output in, options that name the trainer, its name)."""
    folder, options = tmp_path_factory.mktemp(request.param) / "run", ()
    if request.param == "pinned":
        shutil.copytree(request.getfixturevalue("tiny_run"), folder)
    else:
        folder.mkdir()
        options = ("--paddleclas", request.getfixturevalue("checkout"))
        result = run_cli("train", "-c", tiny_config, *options, cwd=folder)
        assert result.returncode == 0, result.stdout + result.stderr
        (folder / "stderr").write_text(result.stderr)
    said = [
        line
        for line in (folder / "stderr").read_text().splitlines()
        if "trainer: PaddleClas" in line
    ]
    assert len(said) == 1
    (best,) = folder.rglob("best_model.pdparams")
    LAYOUT.setdefault(request.param, best.parent.relative_to(folder).as_posix())
    return folder, options, request.param


def test_a_whole_training(tiny_run, tiny_config):
    assert (tiny_run / "stdout").read_text() == ""
    trainer, epoch, done, drawn, following = (tiny_run / "stderr").read_text().splitlines()
    assert trainer.startswith("paddleclas: trainer: ")
    assert re.fullmatch(
        r"epoch 1/1, loss \d\.\d{4}, train acc [01]\.\d{4}, eval acc [01]\.\d{4}, lr 0\.001, "
        r"[\d.]+ img/s, 0:00 left",
        epoch,
    )
    assert re.fullmatch(
        r"paddleclas: trained for [^;]+; best accuracy \d\.\d{4}, of epoch 1 of 1: "
        r"output/OctMobileNetV1_x0_25/best_model\.pdparams",
        done,
    )
    weights = tiny_run / "output" / "OctMobileNetV1_x0_25"
    picture = weights.relative_to(tiny_run) / "results.png"
    assert drawn == f"paddleclas: its curves, and what it takes for what: {picture}"
    with Image.open(tiny_run / picture) as image:
        assert image.width > 1000
    assert following == f"paddleclas: next: paddleclas export -c {tiny_config}"
    log = (weights / "train.log").read_text()
    assert "PaddleClas is powered by PaddlePaddle" in log and "DataLoader" in log
    assert "[Train][Epoch 1/1][Iter: 2/3]" in log and "[Eval][Epoch 1][Avg]" in log


def test_training_writes_where_that_trainer_does(trained):
    folder, _, name = trained
    assert LAYOUT[name] in LAYOUTS
    assert (folder / LAYOUT[name] / "best_model.pdparams").is_file()
    assert (folder / LAYOUT[name] / "train.log").is_file()


def test_eval_takes_the_best_weights(trained, tiny_config):
    folder, options, name = trained
    result = run_here("eval", "-c", tiny_config, *options, "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert f"weights: {LAYOUT[name]}/best_model.pdparams" in result.stderr
    log = (folder / LAYOUT[name] / "train.log").read_text()
    assert json.loads(result.stdout)["top1"] == pytest.approx(
        float(re.search(r"best metric: ([\d.]+)", log)[1]), abs=1e-4
    )


def test_infer_names_the_classes(trained, tiny_config, tiny_data):
    folder, options, name = trained
    image = tiny_data / "images" / "5.png"
    command = ("infer", "-c", tiny_config, *options, "-o", f"Infer.infer_imgs={image}")
    result = run_here(*command, "--verbose", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "'label_names': ['class" in result.stdout  # PaddleClas's own words
    if name == "pinned":  # as in test_cli_results
        return
    result = run_here(*command, "--json", cwd=folder)
    (found,) = json.loads(result.stdout)
    assert found["image"] == str(image)
    assert {row["class"] for row in found["classes"]} <= {f"class{i}" for i in range(CLASS_NUM)}


def test_export_computes_what_the_network_does(trained, tiny_config):
    folder, options, name = trained
    options = (*options, "--format", "pdmodel")  # for both, see test_deploy_predict
    result = run_here("export", "-c", tiny_config, *options, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (folder / "inference" / "labels.txt").read_text().startswith("0 class0\n")
    code = f"""
import numpy, paddle
from paddleclas.ppcls.arch.backbone import OctMobileNetV1_x0_25
from paddleclas_octconv.deploy import predictor
network = OctMobileNetV1_x0_25(class_num={CLASS_NUM}, alpha=0.5)
network.set_state_dict(paddle.load("{LAYOUT[name]}/best_model.pdparams"))
network.eval()
images = numpy.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype("float32")
eager = paddle.nn.functional.softmax(network(paddle.to_tensor(images))).numpy()
exported = predictor.run(predictor.create_predictor("inference"), images)
print(numpy.abs(eager - exported).max())
"""
    compared = run_python("-c", code, cwd=folder)
    assert compared.returncode == 0, compared.stderr
    assert float(compared.stdout.split()[-1]) < 1e-4


def test_weights_of_one_trainer_serve_another(trained, tiny_config, tmp_path, fetched_trainer):
    folder, _, name = trained
    if name == "pinned":
        pytest.skip("the pinned trainer reads its own in the other tests")
    shutil.copytree(folder / "output", tmp_path / "output")
    result = run_here("eval", "-c", tiny_config, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert f"weights: {LAYOUT[name]}/best_model.pdparams" in result.stderr
    assert "PaddleClas 2.4.2" in result.stderr


def test_weights_that_do_not_fit_are_named(trained, tiny_config):
    folder, options, _ = trained
    result = run_here("eval", "-c", tiny_config, *options, "-o", "Arch.alpha=0.25", cwd=folder)
    assert result.returncode == 2
    line = error_line(result.stderr)
    assert "does not fit OctMobileNetV1_x0_25" in line
    assert re.search(r"weight is \[[\d, ]+\], should be \[[\d, ]+\]", line)


def test_fine_tuning_starts_the_classifier_anew_and_a_cpu_does_what_it_can(
    trained, tiny_config, tmp_path
):
    folder, options, name = trained
    overrides = [
        f"Global.pretrained_model={folder / LAYOUT[name] / 'best_model.pdparams'}",
        f"Arch.class_num={CLASS_NUM + 2}",
    ]
    options = [*options, *(word for override in overrides for word in ("-o", override))]
    lacking = ("-o", "Arch.use_sync_bn=True", "-o", "Global.device=gpu")  # with a warning each
    result = run_here("train", "-c", tiny_config, *options, *lacking, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    if not paddle.is_compiled_with_cuda():
        assert result.stderr.count("warning: Arch.use_sync_bn") == 1
        assert result.stderr.count("Global.device is gpu, but Paddle sees none here") == 1
    result = run_here("eval", "-c", tiny_config, *options, cwd=tmp_path)
    assert "fc.weight" in error_line(result.stderr) or "[" in error_line(result.stderr)


def test_checkout_needs_nothing_but_the_hook(checkout, tiny_config, tmp_path):
    train = (checkout / "tools" / "train.py", "-c", tiny_config)
    launcher = ("-m", "paddle.distributed.launch", "--nproc_per_node", 2, "--log_dir", "ranks")
    for options in ((), launcher):
        result = run_python(*options, *train, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        assert len(list((tmp_path / "output").rglob("best_model.pdparams"))) == 1
        shutil.rmtree(tmp_path / "output")


def test_check_leaves_training_as_it_is(checkout, tiny_config, tmp_path):
    """The same seed gives the same weights, under the same names, as tools/train.py alone."""
    folders = tmp_path / "alone", tmp_path / "checked"
    for folder in folders:
        folder.mkdir()
    kernels = machine.cpu_environment()  # others compute other digits
    tool = checkout / "tools" / "train.py"
    alone = run_python(tool, "-c", tiny_config, cwd=folders[0], **kernels)
    command = ("train", "-c", tiny_config, "--paddleclas", checkout)
    checked = run_cli(*command, cwd=folders[1], PADDLECLAS_OCTCONV_FAST_CPU="0")
    assert alone.returncode == checked.returncode == 0
    for file in ("latest.pdparams", "latest.pdopt"):
        first, second = (
            paddle.load(str(path)) for folder in folders for path in folder.rglob(file)
        )
        first, second = (
            state[0] if isinstance(state, list) else state for state in (first, second)
        )
        assert first.keys() == second.keys()
        for name, value in first.items():
            if hasattr(value, "shape"):
                np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_network_that_cannot_be_built_is_told(fetched_trainer, tiny_config, tmp_path):
    result = run_here("train", "-c", tiny_config, "-o", "Arch.name=OctMobileNetV7", cwd=tmp_path)
    assert result.returncode == 2
    assert "Arch.name: OctMobileNetV7: PaddleClas has no such network;" in error_line(result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_mistake_is_told_once_whatever_the_number_of_processes(
    fetched_trainer, tiny_config, tmp_path
):
    options = ("-o", "Arch.name=MobileNetV1_x0_25", "--nproc-per-node", 2)  # it takes no alpha
    result = run_here("train", "-c", tiny_config, *options, cwd=tmp_path)
    assert result.returncode == 2
    assert "Arch.alpha: MobileNetV1_x0_25 takes no such argument" in error_line(result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_file_that_holds_no_weights_is_named(fetched_trainer, tiny_config, tmp_path):
    (tmp_path / "x.pdparams").write_text("no weights")
    options = ("-o", "Global.pretrained_model=x.pdparams")
    result = run_here("eval", "-c", tiny_config, *options, cwd=tmp_path)
    assert result.returncode == 2
    assert "error: Global.pretrained_model: x.pdparams " in error_line(result.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("launch", [(), ("--nproc-per-node", "2")])
def test_interrupted_training_leaves_no_process(fetched_trainer, tiny_config, tmp_path, launch):
    command = [sys.executable, "-m", "paddleclas_octconv", "train", "-c", str(tiny_config)]
    command += ["-o", "Global.epochs=100000", "--verbose", *launch]
    with (tmp_path / "said").open("w") as said:
        parent = subprocess.Popen(command, cwd=tmp_path, stdout=said, stderr=said)
    while "[Epoch 2/100000]" not in (tmp_path / "said").read_text():
        assert parent.poll() is None, (tmp_path / "said").read_text()
        time.sleep(0.2)
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) >= (3 if launch else 1)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(timeout=60) == 130
    states = [process.status() for process in family if process.is_running()]
    assert set(states) <= {psutil.STATUS_ZOMBIE}
    assert "Traceback" not in Path(tmp_path / "said").read_text()
