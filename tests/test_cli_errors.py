"""Bad input on the command line: one clear line, exit code 2, nothing written."""

from __future__ import annotations

import os
import signal
import time

import pytest
from conftest import CLASS_NUM, error_line, run_cli, run_python

from paddleclas_octconv import __version__, cli
from paddleclas_octconv.cli import COMMANDS, main, options, parser_of


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        code = main([str(word) for word in argv])
        out, err = capsys.readouterr()
        assert list(tmp_path.iterdir()) == []
        return code, out, err

    return run


@pytest.mark.parametrize(
    "argv, told",
    [
        (["trian"], "unknown command 'trian'; did you mean train?"),
        (["zzz"], "unknown command 'zzz' (commands: train, "),
        (["train"], "train: the following arguments are required: -c/--config"),
        (["eval", "-c", "Digits/OctMobilNetV1"], "did you mean Digits/OctMobileNetV1?"),
        (["train", "-c", "C", "--padleclas", "x"], "unknown option --padleclas; did you mean"),
        (["train", "-c", "C", "stray"], "unexpected argument 'stray'"),
        (["train", "-c"], "argument -c/--config: expected one argument"),
        (["train", "-c", "C", "-o", "epochs"], "-o epochs: should be KEY.KEY=VALUE"),
        (["train", "-c", "C", "--gpus", "a,b"], "--gpus a,b: should be the numbers of GPUs"),
        (["train", "-c", "C", "--nproc-per-node", "0"], "should be a whole number from 1"),
        (["train", "-c", "C", "--nnodes", "some"], "--nnodes some: should be"),
        (["train", "-c", "C", "--paddleclas", "/"], "--paddleclas /: not a PaddleClas checkout"),
        (
            ["train", "-c", "C", "-o", "Arch.alpha=2"],
            "Arch.alpha: alpha must be a number in",
        ),
        (
            ["train", "-c", "C", "-o", "Global.pretrained_model=http://[x/a.pdparams"],
            "Global.pretrained_model: http://[x/a.pdparams: is not a valid address: ",
        ),
        (["summary", "-c", "C", "-o", "Arch.scale=0"], "Arch.scale: 0 should be a number above 0"),
        (
            ["summary", "-c", "C", "-o", "Global.image_shape=[4, 32, 32]"],
            "cannot take images of 4x32x32: ",
        ),
        (["train", "-c", "C", "-o", f"Arch.class_num={CLASS_NUM - 1}"], "train.txt:4: label 3"),
        (["eval", "-c", "C"], "holds no trained weights: train first, or give some with --weights"),
        (["export", "-c", "C"], "holds no trained weights"),
        (["infer", "-c", "C"], "holds no trained weights"),
        (["export", "-c", "C", "--format", "tflite"], "invalid choice: 'tflite'"),
        (["configs", "--copy", ""], "argument --copy: '' should be a path"),
        (["convert-weights", "", "x.pdparams", "--arch", "OctResNet50"], "SOURCE: '' should be a"),
        (["train", "-c", "C", "-o", "DataLoader.UnLabelTrain=5"], "DataLoader.UnLabelTrain: 5 sh"),
        (["train", "-c", "C", "--paddleclas", "~nosuchuser/x"], "--paddleclas ~nosuchuser/x: not"),
        (["train", "-c", "CIFAR10/OctResNet50"], "paddleclas prepare cifar10"),
    ],
)
def test_mistake_is_one_line(run, tiny_config, argv, told):
    argv = [tiny_config if word == "C" else word for word in argv]
    code, out, err = run(*argv)
    assert (code, out) == (2, "")
    *before, line = err.splitlines()
    assert line.startswith("paddleclas: error: ")
    assert told in line
    assert all(said.startswith("paddleclas: trainer: ") for said in before)


def test_gpus_without_a_gpu_are_told(run, tiny_config):
    import paddle

    if paddle.is_compiled_with_cuda():
        pytest.skip("this machine may have a GPU")
    code, _, err = run("train", "-c", tiny_config, "--gpus", "0,1")
    assert code == 2
    assert "--gpus 0,1: Paddle sees no GPU here; --nproc-per-node 2 runs on the CPU" in err


def test_commands_without_the_hook_are_the_same(tmp_path):
    result = run_cli("trian", cwd=tmp_path, PADDLECLAS_OCTCONV_AUTOLOAD="0")
    assert result.returncode == 2
    assert result.stderr.startswith("paddleclas: error: unknown command 'trian'")


def test_help_names_every_command(run):
    for argv in ([], ["--help"], ["-h"]):
        code, out, err = run(*argv)
        assert (code, err) == (0, "")
        for command in COMMANDS:
            assert f"\n  {command}" in out
    assert max(map(len, out.splitlines())) < 80
    assert run("--version")[1].startswith(f"paddleclas-octconv {__version__} (")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: paddleclas {command} " in capsys.readouterr().out


def test_configs_lists_what_is_shipped(run):
    code, out, _ = run("configs")
    assert code == 0
    assert "CIFAR10/OctResNet50.yaml" in out.splitlines()


@pytest.mark.parametrize(
    "argv, told",
    [
        (["train", "--epoch", "1"], "unknown option --epoch; did you mean --epochs?"),
        (["train", "--batch_size", "1"], "did you mean --batch-size?"),
        (["train", "--learning-rate", "1"], "did you mean --lr?"),
        (["train", "--bs=3"], "unknown option --bs; did you mean --batch-size?"),
        (["train", "--img_size", "3"], "did you mean --image-size?"),
        (["eval", "--checkpoint", "x"], "did you mean --weights?"),
        (["infer", "--infer_imgs", "x"], "did you mean --images?"),
        (["export", "--output-dir", "x"], "did you mean --output?"),
        (["prepare", "digits", "--output", "x"], "did you mean --root?"),
        (["train", "now"], "unexpected argument 'now'"),
        (["export", "--weights", ""], "--weights: '' should be a path"),
        (["infer", "--images", " "], "--images: ' ' should be a path"),
        (["train", "--output="], "--output: '' should be a path"),
        (["eval", "--weights", "."], "--weights .: holds no best_model.pdparams"),
        (["train", "--epochs", "²"], "'²' should be a whole number from 1"),
        (["train", "--epochs", "9" * 5000], "should be a whole number from 1"),
        (["train", "--lr", "nan"], "'nan' should be a number above 0"),
        (["train", "--lr", "-1"], "'-1' should be a number above 0"),
        (["train", "--image-size", "0"], "'0' should be a whole number"),
    ],
)
def test_a_wrong_option_is_answered_with_the_right_one(run, argv, told):
    config = [] if argv[0] == "prepare" else ["-c", "Digits/OctMobileNetV1"]
    code, out, err = run(*argv, *config)
    assert (code, out) == (2, "")
    assert told in err and err.count("\n") == 1


def test_a_package_that_cannot_be_imported_is_told(monkeypatch, capsys):
    def fail(*arguments):
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(cli, "_run", fail)
    assert main(["summary"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("paddleclas: error: a package that is installed cannot be imported: ")
    assert "libgomp.so.1" in said and said.count("\n") == 1


def test_a_signal_lets_a_command_clear_up(monkeypatch):
    removed = []

    def work(*arguments):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            removed.append("what was half made")

    monkeypatch.setattr(cli, "_run", work)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["export"])
        assert ended.value.code == 128 + signal.SIGTERM and removed
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_ends_paddle_without_a_trace_of_its_own():
    code = (
        "import os, signal, time\n"
        "from paddleclas_octconv.common.processes import ended_by_signals\n"
        "with ended_by_signals():\n"
        "    import paddle\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(10)\n"
    )
    result = run_python("-c", code)
    assert result.returncode == 128 + signal.SIGTERM
    assert "Termination signal" not in result.stdout + result.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_that_comes_while_paddle_sets_itself_up_ends_it_as_later():
    """Paddle handles signals itself from `init_devices` on, before its import is done."""
    code = (
        "import os, signal, sys\n"
        "from paddleclas_octconv.common.processes import ended_by_signals\n"
        "def end(frame, event, called):\n"
        "    if event == 'c_return' and called.__name__ == 'init_devices':\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "with ended_by_signals():\n"
        "    sys.setprofile(end)\n"
        "    import paddle\n"
        "print('it went on')\n"
    )
    result = run_python("-c", code)
    assert (result.returncode, result.stdout) == (128 + signal.SIGTERM, ""), result.stderr
    assert "Termination signal" not in result.stderr


@pytest.mark.parametrize(
    "message, given, told",
    [
        (
            "Global.output_dir: x is another run's: -o Global.output_dir=<a folder> keeps it",
            ["--output", "x"],
            "--output: x is another run's: --output <a folder> keeps it",
        ),
        ("Global.output_dir: x: -o Global.output_dir=<folder>", [], None),
        ("Global.epochs: 0", ["--epochs", "3"], "--epochs: 0"),
        ("Global.epochs_more: 0, Global.epochs=1", ["--epochs", "3"], "unchanged"),
        (
            "a smaller DataLoader.Train.sampler.batch_size, or Eval's, takes less",
            ["--batch-size", "3"],
            "a smaller --batch-size, or Eval's, takes less",
        ),
        ("DataLoader.Train.dataset.image_root: x", ["--batch-size", "3"], "unchanged"),
    ],
)
def test_what_was_said_by_an_option_is_told_by_it(message, given, told):
    parser = parser_of("train")
    spelling = options.spelling(parser, parser.parse_args(["-c", "a.yaml", *given]))
    if told is None:  # the option is what helps, but not what was given
        told = "Global.output_dir: x: --output <folder>"
    assert spelling.of(message) == (message if told == "unchanged" else told)


def test_a_refused_folder_is_named_by_its_option(call_cli, tmp_path, tiny_config):
    (tmp_path / "file").touch()
    result = call_cli("train", "-c", tiny_config, "--output", tmp_path / "file" / "x")
    assert error_line(result.stderr).startswith(f"paddleclas: error: --output: {tmp_path}/file/x")
    result = call_cli("train", "-c", tiny_config, "-o", f"Global.output_dir={tmp_path}/file/x")
    assert error_line(result.stderr).startswith("paddleclas: error: Global.output_dir: ")
    result = call_cli("eval", "-c", tiny_config, "--device", "toaster")
    assert error_line(result.stderr).startswith("paddleclas: error: --device: 'toaster'")
    result = call_cli("export", "-c", tiny_config, "-o", f"Global.output_dir={tmp_path}")
    assert "--weights <path>" in error_line(result.stderr)
