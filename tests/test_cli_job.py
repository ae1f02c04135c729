"""What a job hands to the trainer: arguments, weights, environment, launcher."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

import pytest

from paddleclas_octconv.checkpoints import outputs
from paddleclas_octconv.cli import job, options, parser_of
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config
from paddleclas_octconv.handover import Handover
from paddleclas_octconv.octavizer.options import MODULES_VARIABLE
from paddleclas_octconv.run import process

NAME = "OctMobileNetV1_x0_25"
HANDED: dict[str, Handover] = {}


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    job.add_arguments(parser)
    names = ("epochs", "batch_size", "image_size", "lr", "output", "weights")
    options.add_recipe(parser, *names)
    return lambda *argv: parser.parse_args([str(word) for word in argv])


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The commands and environments that would run."""
    runs = []

    def record(command, environ, output=None, demand_progress=False):
        runs.append((command, environ))
        HANDED[command[-1]] = Handover.read(Path(command[-1]))
        return 0

    monkeypatch.setattr(process, "run", record)
    monkeypatch.chdir(tmp_path)
    return runs


def make(path: str, age: float = 0) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def handed_over(command: list[str]) -> Handover:
    """What a command that was not run would have been given."""
    return HANDED[command[-1]]


def test_config_is_handed_over_as_data(fetched_trainer, tiny_config, parse, runs):
    overrides = ["-o", "Global.epochs=2*3", "-o", "Global.output_dir=a=b[0]__import__('os')"]
    job.job_from("train", parse("-c", tiny_config, *overrides, "-p", "x=1")).run()
    ((command, _),) = runs
    assert command[0] == sys.executable
    assert command[2] == "paddleclas_octconv.child.main"
    handover = handed_over(command)
    assert (handover.mode, handover.trainer) == ("train", str(fetched_trainer))
    assert handover.config["Global"]["epochs"] == 6
    assert handover.config["Global"]["output_dir"] == "a=b[0]__import__('os')"
    assert handover.profiler_options == "x=1"


def test_a_checkpoint_may_have_its_suffix(fetched_trainer, tiny_config, parse, runs):
    for suffix in ("pdparams", "pdopt", "pdstates"):
        make(f"old/latest.{suffix}")
    job.job_from("train", parse("-c", tiny_config, "-o", "Global.checkpoints=old/latest.pdparams"))
    task = job.job_from("train", parse("-c", tiny_config, "-o", "Global.checkpoints=old/latest"))
    assert task.config["Global"]["checkpoints"] == "old/latest"
    with pytest.raises(OctConvError, match="Global.checkpoints: http://x/a.pdparams: should be a"):
        override = "Global.checkpoints=http://x/a.pdparams"
        job.job_from("train", parse("-c", tiny_config, "-o", override))


def test_launcher_stands_before_the_trainer(fetched_trainer, tiny_config, parse, runs):
    options = ["--nproc-per-node", 2, "--nnodes=2", "--master", "10.0.0.1:6070", "--rank", 0]
    job.job_from("train", parse("-c", tiny_config, *options, "--log_dir", "ranks")).run()
    (check, _), (command, _) = runs
    assert "paddleclas_octconv.child.launcher" not in check
    assert handed_over(check).check_only and not handed_over(command).check_only
    assert command[2] == "paddleclas_octconv.child.launcher"
    assert sorted(command[3:9]) == [
        "--log_dir=ranks",
        "--log_level=WARNING",
        "--master=10.0.0.1:6070",
        "--nnodes=2",
        "--nproc_per_node=2",
        "--rank=0",
    ]
    assert command[9:11] == check[1:3]


def test_verbose_lets_everyone_speak(fetched_trainer, tiny_config, parse, runs):
    options = ["--nproc-per-node", 2, "--verbose"]
    job.job_from("train", parse("-c", tiny_config, *options)).run()
    _, (command, _) = runs
    assert handed_over(command).verbose
    assert not any("log_level" in word for word in command)


@pytest.mark.parametrize(
    "device, gpu, options, user, threads",
    [
        ("cpu", False, (), None, 8),
        ("cpu", True, (), None, 8),
        ("gpu", False, (), None, 8),
        ("gpu", True, (), None, None),
        ("cpu", False, ("--nproc-per-node", "4"), None, 2),
        ("cpu", False, ("--nproc-per-node", "16"), None, 1),
        ("cpu", False, (), "3", 3),
    ],
)
def test_cpu_runs_use_all_cores(
    fetched_trainer, tiny_config, parse, runs, monkeypatch, device, gpu, options, user, threads
):
    monkeypatch.setattr(machine, "has_gpu", lambda: gpu)
    monkeypatch.setattr(machine, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if user:
        monkeypatch.setenv("OMP_NUM_THREADS", user)
    args = parse("-c", tiny_config, "-o", f"Global.device={device}", *options)
    job.job_from("train", args).run()
    assert runs[-1][1].get("OMP_NUM_THREADS") == (threads and str(threads))


@pytest.mark.parametrize(
    "files, best",
    [
        ([f"{NAME}/best_model"], f"{NAME}/best_model"),  # 2.4
        (["best_model"], "best_model"),  # 2.5, 2.6
        (["best_model/best_model"], "best_model/best_model"),  # uniform_output_enabled
        (["best_model", f"{NAME}/best_model"], "best_model"),  # the newer one
        ([f"{NAME}/best_model", "best_model"], f"{NAME}/best_model"),
        (["latest", "best_model"], "best_model"),
        ([f"{NAME}/latest"], f"{NAME}/latest"),  # trained without evaluation
    ],
)
def test_best_weights_of_every_layout(tmp_path, files, best):
    for age, file in enumerate(files):
        make(f"{tmp_path}/{file}.pdparams", age)
    assert outputs.best_weights(str(tmp_path), NAME) == tmp_path / best


@pytest.mark.parametrize("mode", ["eval", "infer", "export"])
def test_weights_of_the_output_folder_are_the_default(
    fetched_trainer, tiny_config, parse, runs, mode
):
    make(f"output/{NAME}/best_model.pdparams")
    job.job_from(mode, parse("-c", tiny_config)).run()
    weights = handed_over(runs[0][0]).config["Global"]["pretrained_model"]
    assert weights == f"output/{NAME}/best_model"


@pytest.mark.parametrize("given", ["mine", "mine.pdparams"])
def test_weights_that_are_given_are_taken(fetched_trainer, tiny_config, parse, runs, given):
    make("output/best_model.pdparams")
    make("mine.pdparams")
    job.job_from("eval", parse("-c", tiny_config, "-o", f"Global.pretrained_model={given}")).run()
    weights = handed_over(runs[0][0]).config["Global"]["pretrained_model"]
    assert weights == "mine"  # as every version takes it


def test_pretrained_network_can_be_evaluated_without_training(
    fetched_trainer, tiny_config, parse, runs
):
    job.job_from("eval", parse("-c", tiny_config, "-o", "Arch.pretrained=vanilla")).run()
    assert handed_over(runs[0][0]).config["Global"]["pretrained_model"] is None
    with pytest.raises(OctConvError, match="holds no trained weights"):
        job.job_from("eval", parse("-c", tiny_config))


def test_second_process_of_a_job_does_not_check_again(fetched_trainer, tiny_config, parse, runs):
    task = job.job_from("train", parse("-c", tiny_config))
    for value, folder in (("1", "a"), ("0", "b")):
        task.run({"FLAGS_x": value}, {"Global.save_inference_dir": folder})
    assert [environ["FLAGS_x"] for _, environ in runs] == ["1", "0"]
    handed = [handed_over(command) for command, _ in runs]
    assert [each.config["Global"]["save_inference_dir"] for each in handed] == ["a", "b"]
    assert [each.checked for each in handed] == [False, True]


def test_options_of_the_recipe_reach_the_trainer(fetched_trainer, tiny_config, parse):
    given = ["--epochs", 3, "--batch-size", 2, "--image-size", 16, "--lr", 0.5]
    task = job.job_from("train", parse("-c", tiny_config, *given, "--output", "a=b"))
    assert (task.config["Global"]["epochs"], task.config["Global"]["output_dir"]) == (3, "a=b")
    assert task.config["DataLoader"]["Eval"]["sampler"]["batch_size"] == 2
    assert task.config["Global"]["image_shape"] == [3, 16, 16]


def test_weights_may_be_the_folder_of_a_training(fetched_trainer, tiny_config, parse, runs):
    make(f"mine/{NAME}/best_model.pdparams")
    task = job.job_from("eval", parse("-c", tiny_config, "--weights", "mine"))
    assert task.config["Global"]["pretrained_model"] == f"mine/{NAME}/best_model"
    with pytest.raises(OctConvError, match="Global.pretrained_model: no/such"):
        job.job_from("eval", parse("-c", tiny_config, "--weights", "no/such"))


def test_transforms_that_miss_image_shape_are_refused(fetched_trainer, tiny_config, parse):
    ops = "DataLoader.Eval.dataset.transform_ops.1={'ResizeImage': {'size': 64}}"
    with pytest.raises(OctConvError, match="Global.image_shape: .*--image-size sets both"):
        job.job_from("train", parse("-c", tiny_config, "-o", ops))


@pytest.mark.parametrize(
    "override, option, key",
    [
        ("Global.epochs=2", ("--epochs", "3"), "Global.epochs"),
        ("Global.image_shape=[3,8,8]", ("--image-size", "16"), "Global.image_shape.1"),
        ("DataLoader.Eval.sampler.batch_size=4", ("--batch-size", "8"),
         "DataLoader.Eval.sampler.batch_size"),
        ("Global.output_dir=a", ("--output", "b"), "Global.output_dir"),
    ],
)  # fmt: skip
def test_an_option_that_contradicts_an_override_is_refused(
    override, option, key, fetched_trainer, tiny_config, parse
):
    with pytest.raises(OctConvError, match=f"^{key}.*: -o sets .*, an option .*; give one"):
        job.job_from("train", parse("-c", tiny_config, "-o", override, *option))


def test_an_option_that_agrees_with_an_override_is_not(fetched_trainer, tiny_config, parse):
    arguments = ("-o", "Global.epochs=2", "-o", "Global.save_interval=9", "--epochs", "2")
    task = job.job_from("train", parse("-c", tiny_config, *arguments))
    assert task.config["Global"]["epochs"] == task.config["Global"]["save_interval"] == 2


def given(action: argparse.Action) -> list[str]:
    """An option of "train" as somebody gives it."""
    option = action.option_strings[0]
    if action.nargs == 0:
        return [option]
    values = {"-c": "my config.yaml", "-o": "Arch.alpha=0.25", "--master": "[::1]:5"}
    values["--module"] = "my.networks"
    number = "2" if action.metavar in ("N", "PIXELS", "RATE") else "a b"
    return [option, values.get(option, number)]


TRAINED = Config({"Global": {"output_dir": "a b"}}, Path("x.yaml"))
OPTIONS = [action for action in parser_of("train")._actions if action.dest != "help"]


@pytest.mark.parametrize("action", OPTIONS, ids=lambda action: action.dest)
def test_no_option_is_lost_from_the_command_to_go_on_with(action, monkeypatch):
    monkeypatch.setenv(MODULES_VARIABLE, "")  # parsing adds to it
    parser = parser_of("train")
    words = ["-c", "x", *given(action)]
    said, command, *again = job.words(parser.parse_args(words), "train", TRAINED)
    assert (said, command) == ("paddleclas", "train")
    assert parser.parse_args(again) == parser.parse_args([*words, "--resume"])


@pytest.mark.parametrize("command", ["eval", "export"])
def test_the_next_command_repeats_what_matters_to_it(command, monkeypatch):
    monkeypatch.setenv(MODULES_VARIABLE, "")
    words = [word for action in OPTIONS for word in given(action)] + ["-o", "b=-2", "-o=-c=1"]
    args = parser_of("train").parse_args(words)
    _, _, *again = job.words(args, command, TRAINED)
    found = parser_of(command).parse_args(again)
    assert found.override[:3] == ["Arch.alpha=0.25", "b=-2", "-c=1"]
    assert (found.config, found.paddleclas) == ("my config.yaml", "a b")
    assert found.allow_unknown_keys and found.trust_weights
    assert options.recipe_of(found).image_size == 2
    assert options.recipe_of(found).weights == "a b"
    assert getattr(found, "launch_gpus", None) is None  # how it runs is another matter


NEXT = {
    "": "",
    "--epochs 3 --lr 0.1 -o Global.epochs=3 -o Optimizer.lr.name=Step": "",
    "--output 'a b'": "--weights 'a b'",
    "--output=-out": "--weights=-out",
    "-o Global.output_dir=a -o Arch.alpha=0.25": "-o Arch.alpha=0.25 --weights a",
    # The config's own weights come first, were none named.
    "-o Global.pretrained_model=vanilla": "--weights ./output",
}


@pytest.mark.parametrize("given", NEXT)
def test_the_next_command_is_as_short_as_can_be(given, tiny_config):
    args = parser_of("train").parse_args(["-c", "x.yaml", *shlex.split(given)])
    config = Config.read(tiny_config, args.override).with_recipe(options.recipe_of(args))
    said = shlex.join(job.words(args, "export", config))
    assert said == f"paddleclas export -c x.yaml {NEXT[given]}".strip()
