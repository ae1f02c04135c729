"""What leads from a trained network to an octave one, without any network."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from paddleclas_octconv.config import Config
from paddleclas_octconv.deploy import engines
from paddleclas_octconv.post_training import engine, report, run, search, written
from paddleclas_octconv.post_training.engine import Exports, worker_for
from paddleclas_octconv.post_training.evaluation import Score
from paddleclas_octconv.post_training.run import Result, octavize_trained
from paddleclas_octconv.post_training.task import Task

FIRST, SECOND, GENTLEST, VANILLA = (0.5, 0.5), (0.5, 0.0), (0.25, 0.0), (0.0, 0.0)
WEIGHTS = "weights.pdparams"


@pytest.fixture
def task(tiny_config, tmp_path, monkeypatch):
    """Makes a task of the tiny config, with weights; changes of it by name."""
    monkeypatch.chdir(tmp_path)
    Path(WEIGHTS).write_bytes(b"weights")

    def make(sections: dict | None = None, **changes) -> Task:
        config = yaml.safe_load(tiny_config.read_text())
        config["Arch"] = {"name": "ResNet50", "class_num": 4, "pretrained": True, "use_ssld": True}
        Path("config.yaml").write_text(yaml.safe_dump({**config, **(sections or {})}))
        default = dict(weights=WEIGHTS, output=Path("octave"), alpha=0.5, max_drop=None, images=20)
        default.update(engine="openvino", seed=0, config=Config.read(Path("config.yaml")))
        return Task(**{**default, **changes})

    return make


class Worker:
    """Stands for the worker: notes what it is asked for."""

    made: list[Worker] = []
    images = tried = 20

    def __init__(self, operations: type, threads: int = 1, **environ: str) -> None:
        self.operations, self.environ, self.calls = operations.__name__, environ, []
        self.made.append(self)

    def call(self, operation: str, progress=None, **arguments):
        self.calls.append((operation, arguments))
        return {"multiply_adds": 7, "images": self.images, "tried": self.tried}

    def begin(self, operation: str, **arguments) -> None:
        self.calls.append((f"begin {operation}", arguments))

    def result(self, operation: str) -> None:
        self.calls.append((f"end {operation}", {}))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error) -> None:
        pass


@pytest.fixture
def workers(monkeypatch) -> list[Worker]:
    monkeypatch.setattr(Worker, "made", [])
    monkeypatch.setattr(engine, "Worker", Worker)
    return Worker.made


@pytest.mark.parametrize("name", engines.ENGINES)
def test_networks_are_exported_in_the_format_that_the_engine_reads(workers, name):
    worker = worker_for(name)
    assert worker.operations == "Networks"
    assert worker.environ == ({"FLAGS_enable_pir_api": "0"} if name == "openvino" else {})


def test_a_network_is_kept_by_what_it_was_solved_on(workers, task, tmp_path):
    exports = Exports(worker_for("paddle"), task(), tmp_path)
    asked = [("a", 160), ("a", 20), ("b", 160), ("a", 160)]
    assert {exports.solve({"name": name}, images, print) for name, images in asked} == {7}
    first, other, third, again = (arguments["file"] for _, arguments in workers[0].calls)
    assert first == again and len({first, other, third}) == 3


@pytest.mark.parametrize("name", ["openvino", "paddle"])
def test_each_draft_is_converted_while_the_next_is_exported(workers, task, tmp_path, name):
    exports = Exports(worker_for(name), task(engine=name), tmp_path)
    exports.draft([("a", {"alpha": 1}), ("b", {"alpha": 2})])
    made, *converters = workers
    assert [operation for operation, _ in made.calls] == ["cut", "export"] * 2
    assert [cut["arch"]["alpha"] for _, cut in made.calls[::2]] == [1, 2]
    folders = [str(tmp_path / label) for label in "ab"]
    for (_, exported), folder in zip(made.calls[1::2], folders):
        assert exported == {"folder": folder, "vanilla": False}
    if name == "paddle":
        assert not converters
        return
    (converter,) = converters
    begun = [("begin convert_unchecked", {"engine": name, "folder": each}) for each in folders]
    assert converter.calls == [*begun, *[("end convert_unchecked", {})] * 2]


@pytest.mark.parametrize(
    "images, tried, said",
    [
        (20, 20, []),
        (20, 21, ["warning: 1 images could not be read"]),
        (19, 19, ["trains on 19 readable images alone"]),
    ],
)
def test_images_that_are_missing_are_told(workers, task, monkeypatch, capsys, images, tried, said):
    monkeypatch.setattr(Worker, "images", images)
    monkeypatch.setattr(Worker, "tried", tried)
    asked = task(engine="paddle")
    asked.output.mkdir()  # an empty folder is no network
    run.solve(asked, lambda *said: None)
    warned = [line for line in capsys.readouterr().err.splitlines() if "warning: " in line]
    assert len(warned) == len(said) and all(map(str.__contains__, warned, said))
    (worker,) = workers
    looked = [each for operation, each in worker.calls if operation == "demand_readable"]
    counts = {each["key"]: len(each["paths"]) for each in looked}
    assert counts == {"DataLoader.Train": 24, "DataLoader.Eval": 16}
    assert {path.name for path in asked.output.iterdir()} == {"config.yaml"}


def test_networks_are_timed_beside_the_vanilla_one_on_images_of_the_task(
    workers, task, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(engine, "measure", lambda *given: asked.append(given))
    sections = {"Global": {"image_shape": [3, 48, 48]}}
    Exports(worker_for("paddle"), task(sections), tmp_path).time(["a"], 5)
    ((contenders, cases, settings),) = asked
    assert [(each.label, each.folder) for each in contenders] == [
        (label, str(tmp_path / label)) for label in ("vanilla", "a")
    ]
    assert [case.image_size for case in cases] == [48, 48] and settings.repeats == 5


def test_a_tuple_is_written_as_the_text_that_paddleclas_reads(tmp_path):
    sections = {"Global": {}, "Arch": {"name": "ResNet50"}, "Sizes": [{"size": (32, 48)}]}
    asked = SimpleNamespace(config=SimpleNamespace(sections=sections), output=Path("octave"))
    written.write(tmp_path, asked, {"name": "OctResNet50", "alpha": 0.5})
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["Sizes"] == [{"size": "(32, 48)"}]
    assert config["Arch"] == {"name": "OctResNet50", "alpha": 0.5}


BUDGET = 1.0
LEFT = {FIRST: (2.0, 1.5), SECOND: (3.0, 1.2)}  # points lost, and how many times as fast


@pytest.mark.parametrize(
    "found, chosen, within",
    [
        ({FIRST: (0.5, 1.2)}, FIRST, True),
        ({FIRST: (BUDGET, 1.2)}, FIRST, True),
        ({FIRST: (2.0, 1.5), SECOND: (0.5, 1.1)}, SECOND, True),
        ({FIRST: (0.5, 1.0), SECOND: (0.9, 1.1)}, SECOND, True),  # it only seemed to be faster
        ({**LEFT, GENTLEST: (1.5, 1.1)}, GENTLEST, False),
        ({**LEFT, GENTLEST: (BUDGET, 1.1)}, GENTLEST, True),
        ({**LEFT, GENTLEST: (0.5, 1.0)}, VANILLA, True),
        (LEFT, VANILLA, True),
    ],
)
def test_of_the_networks_that_are_faster_the_first_that_loses_little_enough(
    workers, task, monkeypatch, found, chosen, within
):
    def result(run, alphas) -> Result:
        drop, speed_up = found.get(alphas, (0.0, 1.0))
        score = Score(20, 90.0, 80.0 - drop, 80.0, 0.1)
        return Result({"alpha": alphas}, True, score, 9, 7, speed_up, 1.0, (2, 4), alphas)

    class Search:
        measured, parts = {}, []

        def __init__(self, trials, whole, budget) -> None:
            assert budget == BUDGET

        def candidates(self):
            return [each for each in found if each != GENTLEST]

        def gentlest(self):
            return GENTLEST if GENTLEST in found else None

    monkeypatch.setattr(search, "Search", Search)
    monkeypatch.setattr(run, "Trials", lambda *_: SimpleNamespace(everything=lambda: FIRST))
    monkeypatch.setattr(run._Run, "_checked", result)
    monkeypatch.setattr(run._Run, "_as_it_was", lambda run: result(run, VANILLA))
    monkeypatch.setattr(report, "write", lambda *_: None)
    asked = task(engine="paddle", alpha=None, max_drop=BUDGET)
    given = octavize_trained(asked, lambda *said: None)
    assert (given.alphas, given.is_within) == (chosen, within)
    assert (asked.output / "config.yaml").is_file()


# What is asked for


def test_the_weights_that_are_given_come_before_those_of_the_config(task):
    bare = {"name": "ResNet50", "class_num": 4}
    assert task().vanilla == bare
    assert task(weights=None).vanilla == {**bare, "pretrained": True, "use_ssld": True}


def test_images_go_through_the_transforms_of_evaluation(task, tiny_config):
    """Not those of ``infer``, which an exported network takes."""
    infer = {"Infer": {"transforms": [{"ResizeImage": {"size": 16}}, {"ToCHWImage": None}]}}
    evaluated = yaml.safe_load(tiny_config.read_text())["DataLoader"]["Eval"]["dataset"]
    _, normalize = evaluated["transform_ops"]
    resized = [op for op in task(infer).transforms["transform_ops"] if "ResizeImage" in op]
    assert resized == []
    named = [name for op in task(infer).transforms["transform_ops"] for name in op]
    assert named == [*normalize, "ToCHWImage"]


def test_a_killed_run_is_gone_on_with_by_the_same_command_alone(task):
    stamp = task().stamp
    assert task(output=Path("elsewhere")).stamp == task().stamp == stamp
    changes = dict(alpha=0.25, max_drop=1.0, images=21, engine="paddle", seed=1)
    others = {task(**{name: value}).stamp for name, value in changes.items()}
    others |= {task({"EMA": {"decay": 0.9}}).stamp, task(weights=None).stamp}
    Path(WEIGHTS).write_bytes(b"others")
    others.add(task().stamp)
    assert len(others) == len(changes) + 3 and stamp not in others
