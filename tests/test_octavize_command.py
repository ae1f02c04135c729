"""``paddleclas octavize``: from a trained network's config to octave weights with a config."""

from __future__ import annotations

import importlib
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import paddle
import pytest
import scipy.stats
import yaml
from conftest import CLASS_NUM, error_line, measuring_here, run_here
from runs import Run

from paddleclas_octconv import registry
from paddleclas_octconv.calibrate import calibrate, channels
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.locks import hold
from paddleclas_octconv.common.worker import Worker
from paddleclas_octconv.config import Config, load_config
from paddleclas_octconv.deploy.images import listed, preprocess_of
from paddleclas_octconv.deploy.metadata import transform_ops
from paddleclas_octconv.measure.operations import Operations
from paddleclas_octconv.post_training import run as post_training
from paddleclas_octconv.post_training.engine import Exports
from paddleclas_octconv.post_training.images import readable
from paddleclas_octconv.post_training.networks import Networks
from paddleclas_octconv.post_training.task import Task, octave_arch
from paddleclas_octconv.post_training.trials import Kept, Trials

NETWORK = "MobileNetV1_x0_25"


def train(config: Path, file: Path) -> None:
    """Train the network of a config for a few steps, and keep its weights."""
    config = load_config(config)
    network = registry.build(config["Arch"]["name"], class_num=config["Arch"]["class_num"])
    found, preprocess = listed(config, "Train"), preprocess_of(config)
    images = paddle.to_tensor(np.stack([preprocess.read(path) for path in found.paths]))
    labels = paddle.to_tensor(found.labels)
    optimizer = paddle.optimizer.Adam(0.01, parameters=network.parameters())
    for _ in range(20):
        loss = paddle.nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    paddle.save(network.state_dict(), str(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_config) -> Path:
    """A folder with ``vanilla.yaml``, and its trained weights where a training leaves them."""
    folder = tmp_path_factory.mktemp("trained")
    config = yaml.safe_load(tiny_config.read_text())
    config["Arch"] = {"name": NETWORK, "class_num": CLASS_NUM}
    (folder / "vanilla.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    output = folder / "output" / NETWORK
    output.mkdir(parents=True)
    train(folder / "vanilla.yaml", output / "best_model.pdparams")
    return folder


@pytest.fixture
def all_here():
    """The networks are in this process, too: that they are apart is tested by ``octave``."""
    with measuring_here("post_training.engine", "measure.benchmark", "measure.prepare"):
        yield


@pytest.fixture(scope="module")
def octave(trained) -> dict:
    """What the command tells of its folder ``octave``, with a config to distil by."""
    with measuring_here():
        result = run_here(
            *("octavize", "-c", "vanilla.yaml", "--alpha", "0.25", "--images", "20", "--json"),
            *("--engine", "paddle", "--output", "octave", "--distil", "distil.yaml"),
            cwd=trained,
        )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_folder_holds_weights_and_a_config_for_them(trained, octave):
    folder = trained / "octave"
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "weights.pdparams"]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    expected = {"name": f"Oct{NETWORK}", "class_num": CLASS_NUM, "alpha": 0.25, "keep_stride": True}
    assert config["Arch"] == expected
    assert config["Global"]["pretrained_model"] == "octave/weights"
    assert not list(trained.glob(".octave*"))
    assert octave["multiply_adds"] < octave["vanilla_multiply_adds"]
    assert octave["ms"] > 0 and octave["vanilla_ms"] > 0


@pytest.mark.parametrize("config", ["vanilla", "octave"])
def test_top1_is_what_paddleclas_finds(trained, octave, config, fetched_trainer):
    path = {"vanilla": "vanilla.yaml", "octave": "octave/config.yaml"}[config]
    result = run_here("eval", "-c", path, "--json", cwd=trained)
    assert result.returncode == 0, result.stderr
    told = octave["score"]["vanilla_top1" if config == "vanilla" else "top1"]
    assert json.loads(result.stdout)["top1"] == pytest.approx(told / 100, abs=1e-4)


def test_paddleclas_distils_and_the_student_is_exported_alone(trained, octave, fetched_trainer):
    result = run_here("train", "-c", "distil.yaml", "--epochs", "1", cwd=trained)
    assert result.returncode == 0, result.stderr
    student = trained / "octave" / "distilled" / "DistillationModel" / "best_model_student.pdparams"
    assert student.is_file()
    result = run_here("export", "-c", "distil.yaml", "--format", "pir", cwd=trained)
    assert result.returncode == 0, result.stderr
    exported = trained / "octave" / "distilled_inference" / "inference.pdiparams"
    alone = (trained / "octave" / "weights.pdparams").stat().st_size
    assert exported.stat().st_size < 1.2 * alone


def test_the_teacher_stays_as_it_was(trained, octave):
    config = yaml.safe_load((trained / "distil.yaml").read_text())
    (teacher,), (student,) = (each.values() for each in config["Arch"]["models"])
    assert teacher["pretrained"] == f"output/{NETWORK}/best_model"
    assert student["name"] == f"Oct{NETWORK}" and student["pretrained"] == "octave/weights"
    assert config["Arch"]["freeze_params_list"] == [True, False]
    assert config["Optimizer"]["lr"]["learning_rate"] == pytest.approx(0.0001)  # of 0.001
    assert config["Global"]["epochs"] == 1
    losses = [list(loss) for loss in config["Loss"]["Train"]]
    assert losses == [["DistillationKLDivLoss"], ["DistillationGTCELoss"]]


def test_a_folder_that_is_there_stays(trained, octave):
    before = (trained / "octave" / "weights.pdparams").read_bytes()
    result = run_here("octavize", "-c", "vanilla.yaml", "--output", "octave", cwd=trained)
    assert result.returncode == 2
    assert "--output octave: holds a network already" in error_line(result.stderr)
    assert (trained / "octave" / "weights.pdparams").read_bytes() == before


def _lists(trained: Path, tiny_data: Path, train: str, evaluate: str | None = None) -> list[str]:
    """Options with other lists than the config's."""
    (trained / "train.txt").write_text(train)
    options = ["-o", f"DataLoader.Train.dataset.cls_label_path={trained / 'train.txt'}"]
    if evaluate is not None:
        (trained / "val.txt").write_text(evaluate)
        options += ["-o", f"DataLoader.Eval.dataset.cls_label_path={trained / 'val.txt'}"]
    return options


def test_labels_that_do_not_fit_are_left_out(trained, octave, tiny_data, all_here):
    """Neither a class that the network does not know, nor images without any label."""
    names = [line.split()[0] for line in (tiny_data / "train.txt").read_text().splitlines()]
    options = _lists(
        trained,
        tiny_data,
        "".join(f"{name}\n" for name in [*names, trained / "broken.png"]),
        "".join(f"{name} {CLASS_NUM}\n" for name in names[:8]),
    )
    (trained / "broken.png").write_bytes(b"no image")
    result = run_here(
        *("octavize", "-c", "vanilla.yaml", "--alpha", "0.25", "--output", "unlabelled"),
        *("--engine", "paddle", "--images", "25", "--json", *options),
        cwd=trained,
    )
    assert result.returncode == 0, result.stderr
    assert "--images: the config trains on 24 readable images alone" in result.stderr
    assert "warning: 1 images could not be read" in result.stderr
    told = json.loads(result.stdout)
    assert told["score"]["top1"] is None and told["score"]["images"] == 8
    assert 0 <= told["score"]["agreement"] <= 100
    shutil.rmtree(trained / "unlabelled")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("none.png 0\n" * 20, "no image of it can be read: "),
        ("0.png 0\n" * 15, "15 images to calibrate on are too few, 16 is the least"),
    ],
)
def test_images_that_do_not_serve(trained, tiny_data, all_here, lines, said):
    options = _lists(trained, tiny_data, lines)
    result = run_here(
        "octavize", "-c", "vanilla.yaml", "--output", "bad", "--engine", "paddle", *options,
        cwd=trained,
    )  # fmt: skip
    assert result.returncode == 2
    assert said in error_line(result.stderr)
    assert not list(trained.glob("*bad*")) and not list(trained.glob(".bad*"))


def test_images_of_another_size(trained, tiny_data, tmp_path):
    """Both those to calibrate on and those to evaluate on go through ``readable``."""
    file = tmp_path / "large.png"
    cv2.imwrite(str(file), np.zeros([64, 64, 3], np.uint8))
    preprocess = preprocess_of(load_config(trained / "vanilla.yaml"))
    found = readable([tiny_data / "images" / "0.png", file], preprocess, [3, 32, 32], [])
    assert next(found)[0] == 0
    said = r"Global.image_shape: \[3, 32, 32\], but the transforms .* make \[3, 64, 64\] of .*large"
    with pytest.raises(OctConvError, match=said):
        next(found)


def test_weights_of_another_network(trained):
    weights = trained / "output" / NETWORK / "best_model.pdparams"
    arch = {"name": "MobileNetV1_x0_5", "class_num": CLASS_NUM}
    with pytest.raises(OctConvError, match=f"^--weights: {weights} is not MobileNetV1_x0_5's: "):
        Networks().open(arch, str(weights), [3, 32, 32])


@pytest.fixture
def opened(trained):
    """The trained network in a ``Networks``, with its training images."""
    config = load_config(trained / "vanilla.yaml")
    networks = Networks()
    weights = trained / "output" / NETWORK / "best_model.pdparams"
    networks.open({"name": NETWORK, "class_num": CLASS_NUM}, str(weights), [3, 32, 32])
    paths = [str(path) for path in listed(config, "Train").paths]
    read = networks.read(paths, transform_ops(dict(config)), {}, count=24)
    assert read == {"images": 24, "tried": 24}
    return networks


def test_a_network_is_solved_once(opened, tmp_path, monkeypatch):
    """The second time it has the weights that are kept of it. The vanilla network's channels are
    ordered once, for whatever is solved."""
    ordered = []
    put = channels.put_smoothest_last
    monkeypatch.setattr(channels, "put_smoothest_last", lambda *given: ordered.append(put(*given)))
    networks, arch = opened, {"name": NETWORK, "class_num": CLASS_NUM}
    solve = {"arch": octave_arch(arch, 0.25, 32), "images": 20, "seed": 0}
    kept, anew = tmp_path / "kept.pdparams", tmp_path / "anew.pdparams"
    told = {}
    for turn, file in enumerate((kept, anew, kept)):
        count = told[turn] = []
        networks.solve(**solve, file=str(file), progress=lambda *done, to=count: to.append(done))
    assert len(ordered) == 1
    assert told[0] == told[1] != [] and told[2] == []
    networks.save(str(tmp_path / "loaded.pdparams"))
    solved, loaded = (paddle.load(str(file)) for file in (anew, tmp_path / "loaded.pdparams"))
    for key, value in solved.items():
        np.testing.assert_array_equal(loaded[key].numpy(), value.numpy(), err_msg=key)


def test_a_draft_has_cut_weights_in_the_deploy_form(opened, trained, tmp_path):
    """It is to be as fast as the network that will be solved."""
    opened.cut(octave_arch({"name": NETWORK, "class_num": CLASS_NUM}, 0.25, 32))
    opened.save(str(tmp_path / "cut.pdparams"))
    cut = paddle.load(str(tmp_path / "cut.pdparams"))
    vanilla = paddle.load(str(trained / f"output/{NETWORK}/best_model.pdparams"))
    name = "blocks.0.pointwise_conv.conv"
    found = np.concatenate([cut[f"{name}.{path}.weight"].numpy() for path in ("hh", "hl")])
    np.testing.assert_array_equal(found, vanilla[f"{name}.weight"].numpy())
    opened.export(str(tmp_path))
    assert b"batch_norm" not in next(tmp_path.glob("inference.*m*")).read_bytes()


def test_what_is_lost_is_judged_by_the_last_images(opened, trained):
    """Those that a network was solved on would say too little."""
    config = load_config(trained / "vanilla.yaml")
    arch = octave_arch({"name": NETWORK, "class_num": CLASS_NUM}, 0.25, 32)
    read = preprocess_of(config).read
    images = np.stack([read(path) for path in listed(config, "Train").paths])
    vanilla = registry.build(NETWORK, class_num=CLASS_NUM)
    vanilla.set_state_dict(paddle.load(str(trained / f"output/{NETWORK}/best_model.pdparams")))
    octave = registry.build(**arch)
    calibrate(octave, vanilla, images[:17], seed=3)
    said = []
    for network in (vanilla, octave):
        network.eval()
        with paddle.no_grad():
            scores = network(paddle.to_tensor(images[-17:]))
        said.append(paddle.nn.functional.softmax(scores).numpy())
    expected = scipy.stats.entropy(*said, axis=1).mean()
    for _ in range(2):  # what the vanilla network says is kept
        lost = opened.loss(arch, 17, 3, lambda *done: None)
        assert lost == pytest.approx(expected, rel=1e-3) and lost > 0


@pytest.mark.parametrize("build", ["open", "describe"])
def test_a_process_that_builds_networks_runs_nothing_of_a_config(build, tmp_path, monkeypatch):
    """PaddleClas evaluates this option."""
    monkeypatch.chdir(tmp_path)
    options = {"lr_mult_list": "[open('ran', 'w') and 1.0] * 6"}
    name = "PPLCNet_x0_25"
    arguments = {
        "open": {"arch": {"name": name, **options}, "weights": None, "shape": [3, 32, 32]},
        "describe": {"name": name, "options": options, "image_size": 32},
    }[build]
    with Worker(Networks if build == "open" else Operations) as worker, pytest.raises(
        OctConvError, match="PaddleClas would run this value"
    ):
        worker.call(build, **arguments)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["{", "[" * 100000, "[]", '{"a": 1}', '{"a": [1, "b"]}'])
def test_what_is_kept_of_a_search_is_data(content, tmp_path):
    (tmp_path / "search.json").write_text(content)
    kept = Kept(tmp_path / "search.json")
    assert kept == {}
    kept.add("a", 3.0, 0.125)
    assert Kept(tmp_path / "search.json") == {"a": [3.0, 0.125]}


_SMALL = """
import paddle


class Small(paddle.nn.Layer):
    def __init__(self, class_num=1000):
        super().__init__()
        self.stem = paddle.nn.Conv2D(3, 16, 3, stride=2, padding=1)
        self.first = paddle.nn.Conv2D(16, 64, 3, padding=1)
        self.second = paddle.nn.Conv2D(64, 64, 3, stride=2, padding=1)
        self.classes = paddle.nn.Linear(64, class_num)

    def forward(self, x):
        x = paddle.nn.functional.relu(self.first(self.stem(x)))
        return self.classes(paddle.nn.functional.relu(self.second(x)).mean([2, 3]))
"""


@pytest.fixture
def small(trained, monkeypatch) -> Path:
    """The folder ``trained`` with a network of one's own, its weights and ``small.yaml``."""
    (trained / "small.py").write_text(_SMALL)
    monkeypatch.syspath_prepend(trained)
    monkeypatch.setenv("PYTHONPATH", str(trained))
    paddle.save(importlib.import_module("small").Small(4).state_dict(), f"{trained}/small.pdparams")
    arch = {"name": "Octave", "backbone": "small.Small", "alpha": 0, "class_num": CLASS_NUM}
    config = yaml.safe_load((trained / "vanilla.yaml").read_text())
    config["Arch"] = arch
    (trained / "small.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return trained


def test_a_search_to_its_end(small, workers_here):
    """What is written is as fast as it is said to be, or the vanilla network."""
    result = run_here(
        *("octavize", "-c", "small.yaml", "--module", "small", "--weights", "small.pdparams"),
        *("--max-drop", "100", "--images", "16", "--engine", "paddle", "--output", "searched"),
        "--json",
        cwd=small,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    written = yaml.safe_load((small / "searched" / "config.yaml").read_text())["Arch"]
    if told["is_octave"]:
        assert told["speed_up"] > 1 and told["multiply_adds"] < told["vanilla_multiply_adds"]
        assert written["alpha"] == told["alphas"] and any(told["alphas"])
    else:
        assert told["speed_up"] == 1 and written["alpha"] == 0
    files = {path.name for path in (small / "searched").iterdir()}
    assert files == {"config.yaml", "weights.pdparams", "report.md", "path.png", "search.json"}
    kept = Kept(small / "searched" / "search.json")
    assert len([key for key in kept if key.startswith("latency")]) >= 5
    assert "| 1/2 |" in (small / "searched" / "report.md").read_text()


@pytest.mark.parametrize("ms", [8.0, 12.0])
def test_a_search_in_which_everything_loses_too_much(small, monkeypatch, all_here, ms):
    """It goes all the way back, and ends with the network that loses least; with the vanilla one
    where that is not faster in the end."""
    monkeypatch.chdir(small)
    monkeypatch.setenv("PADDLECLAS_OCTCONV_MODULES", "small")
    # Whether so small a network gains any time depends on the machine.
    monkeypatch.setattr(Trials, "time", lambda self, networks: None)
    monkeypatch.setattr(Trials, "latency", lambda self, alphas: 1.0 - 0.1 * sum(alphas))
    rows = [SimpleNamespace(median_ms=each) for each in (10.0, ms)]
    monkeypatch.setattr(Exports, "time", lambda self, labels, repeats: rows)
    output = Path(f"gentlest{ms:g}")
    asked = Task(
        config=Config.read(Path("small.yaml")),
        weights="small.pdparams",
        output=output,
        alpha=None,
        max_drop=-1.0,  # so little nothing loses
        images=24,
        engine="paddle",
        seed=0,
    )
    found = post_training.octavize_trained(asked, lambda *said: None)
    kept = Kept(output / "search.json")
    parts = {key: value for key, (value, _) in kept.items() if key.startswith("divergence")}
    whole = {key: value for key, (_, value) in kept.items() if key.startswith("loss")}
    assert len(parts) == 4 and min(parts.values()) > 0
    written = yaml.safe_load((output / "config.yaml").read_text())["Arch"]
    if ms == 8.0:
        assert found.is_octave and not found.is_within and found.speed_up == 1.25
        assert f"loss of {json.dumps(found.alphas)}" == min(whole, key=whole.__getitem__)
        assert written["alpha"] == list(found.alphas)
    else:
        assert not found.is_octave and found.speed_up == 1 and written["alpha"] == 0
        assert found.multiply_adds == found.vanilla_multiply_adds and found.score.drop == 0
        before, after = (
            sorted(value.numpy().sum() for value in paddle.load(str(file)).values())
            for file in ("small.pdparams", output / "weights.pdparams")
        )
        assert before == after


def test_a_transformer():
    arch = {"name": "DeiT_tiny_patch16_224", "class_num": CLASS_NUM}
    networks = Networks()
    networks.open(arch, None, [3, 224, 224])
    with pytest.raises(OctConvError, match="^Arch: Octave:DeiT_tiny_patch16_224: nothing of"):
        networks.cut(octave_arch(arch, 0.5, 224))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--alpha", "1.0"), "--alpha: alpha must be a number in [0, 1)"),
        (("--alpha", "0"), "--alpha: at 0.0 nothing becomes octave"),
        (("--alpha", "0.5", "--max-drop", "1"), "--alpha: --max-drop finds it by measuring"),
        (("--max-drop", "-1"), "'-1' should be a number from 0 to 100"),
        (("--images", "0"), "'0' should be a whole number from 1"),
        (("--seed", "-1"), "'-1' should be a whole number from 0 to"),
        (("--engine", "tensorrt"), "the engine 'tensorrt' should be one of"),
        (("-o", "Arch.name=OctResNet50"), "Arch.name: OctResNet50 is an octave network already"),
        (("-o", "Global.use_multilabel=True"), "Global.use_multilabel: True: only networks that"),
        (("-o", "Global.eval_mode=retrieval"), "Global.eval_mode: 'retrieval': only networks that"),
        (("-o", "Arch.name=Octave"), "Arch.name: Octave is an octave network already"),
        (("-o", "Global.image_shape=[3,32,64]"), "Global.image_shape: [3, 32, 64]: only square"),
        (("-o", "Global.image_shape=[3,64,32]"), "Global.image_shape: [3, 64, 32]: only square"),
        (("--distil", "."), "--distil .: is a folder; it should name a file"),
        (("--distil", "nowhere/d.yaml"), "--distil nowhere/d.yaml: its folder does not exist"),
        (("-o", "Global.output_dir=nowhere"), "Global.output_dir: nowhere holds no trained"),
        (("--weights", "nothing"), "--weights nothing: no such file"),
    ],
)
def test_what_is_wrong_is_told_before_paddle_is_imported(
    trained, monkeypatch, call_cli, arguments, said
):
    monkeypatch.chdir(trained)
    result = call_cli("octavize", "-c", "vanilla.yaml", *arguments)
    assert result.returncode == 2
    assert said in error_line(result.stderr)


def test_a_killed_run_leaves_nothing_in_the_place_of_its_folder(trained):
    run = Run(trained, "octavize", "-c", "vanilla.yaml", "--output", "killed", "--engine",
              "paddle", "--alpha", "0.25", "--images", "20")  # fmt: skip
    partial = trained / ".killed.partial"
    deadline = time.monotonic() + 120
    while not (partial / "work" / "vanilla").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    run.kill()
    assert partial.exists() and not (trained / "killed").exists()


def test_two_at_once_leave_the_first_network(tmp_path):
    output = tmp_path / "octave"
    task = SimpleNamespace(output=output, stamp="", engine="paddle")
    with ThreadPoolExecutor(1) as pool:
        with hold(tmp_path / ".octave.lock"):
            second = pool.submit(post_training.octavize_trained, task, print)
            with pytest.raises(StillRunning):
                second.result(timeout=0.5)
            output.mkdir()
            (output / "config.yaml").write_text("first")
        with pytest.raises(OctConvError, match="holds a network already"):
            second.result(timeout=30)
    assert (output / "config.yaml").read_text() == "first"
