"""The program of a trainer process: ``run.py MODE TRAINER_DIR -c FILE -o KEY=VALUE …``.

It is started by ``launch``, once, or once for each rank by ``paddle.distributed.launch``. It puts
the trainer on ``sys.path``, lets the import hook register the backbones, and gives the rest of
the command line to PaddleClas's own code. It has no options of its own: the launcher, which
stands before it on the command line, would take them.
"""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import sys
import traceback
import warnings
from pathlib import Path

# Environment variables that the parent sets: "1" to check the network and do no more; and "1" when
# an earlier process of the same job has checked it.
CHECK_ONLY = "PADDLECLAS_OCTCONV_CHECK_ONLY"
CHECKED = "PADDLECLAS_OCTCONV_CHECKED"
# "1" to train on where the loss is not a number.
ALLOW_NON_FINITE = "PADDLECLAS_OCTCONV_ALLOW_NON_FINITE_LOSS"
TOOLS = {"train": "train", "eval": "eval", "infer": "infer", "export": "export_model"}


def main(argv: list[str]) -> int:
    """Run one mode of a trainer; returns 2, after one line on stderr, on bad input."""
    mode, trainer, *trainer_argv = argv
    # The folder of this file is no place to import from. That of the package is, where it is
    # used without being installed.
    sys.path[0] = trainer
    package_parent = str(Path(__file__).resolve().parents[2])
    if package_parent not in sys.path:
        sys.path.append(package_parent)

    from paddleclas_octconv.child import endings
    from paddleclas_octconv.run import report

    report.begin()
    endings.end_with_parent()
    endings.end_with_data_loader(_end)
    try:
        _run(mode, Path(trainer), trainer_argv)
    except (Exception, KeyboardInterrupt) as error:
        return _end(error)
    report.end(0)
    return 0


def _end(error: BaseException) -> int:
    """Tell of an error that ends this process; returns the exit code."""
    from paddleclas_octconv.common.errors import OctConvError
    from paddleclas_octconv.common.say import say
    from paddleclas_octconv.run import report

    code, message = 1, _one_line(f"{type(error).__name__}: {error}")
    if isinstance(error, KeyboardInterrupt):
        code = 130
    elif isinstance(error, OctConvError):
        code, message = 2, _one_line(error)
        say(f"error: {message}")
    else:
        traceback.print_exception(type(error), error, error.__traceback__)
    report.end(code, message)
    return code


def _one_line(error: object) -> str:
    """The message of an error; of one in a process that loads data the last line of many."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    if lines[0].startswith("DataLoader worker"):
        return lines[-1].partition("OctConvError: ")[2] or lines[-1]
    return " ".join(" ".join(lines).split())


def _run(mode: str, trainer: Path, argv: list[str]) -> None:
    warnings.filterwarnings("ignore", message="No ccache found")  # of no concern to training
    from paddleclas_octconv import autoload
    from paddleclas_octconv.checkpoints import resume
    from paddleclas_octconv.child.model_check import check_model
    from paddleclas_octconv.common.say import say
    from paddleclas_octconv.patches import compat
    from paddleclas_octconv.patches.paddle_load import guard_paddle_load

    autoload.install(force=True)
    guard_paddle_load()
    if compat.is_pinned(trainer):
        sys.dont_write_bytecode = True  # its folder holds nothing but what its wheel does
        compat.give_scalars_one_dimension()

    first = os.environ.get(CHECKED) != "1"
    unfit = compat.paddle_warning(_paddle_version())
    if first and unfit:
        say(f"warning: {unfit}")
    argv = [*argv, *_without_gpu(argv, warn=first)]
    argv = [*argv, *_without_sync_bn(argv, warn=first)]
    start = resume.Start()
    if mode == "train":
        start = resume.start_of(_config(argv), say if first else lambda message: None)
        argv = [*argv, *start.overrides]
    if first:
        check_model(_config(argv), mode)
    if os.environ.get(CHECK_ONLY) == "1":
        return
    _prepare_engine(mode, start)
    tool = trainer / "tools" / f"{TOOLS[mode]}.py"
    sys.argv = [str(tool), *argv]
    if tool.is_file():
        runpy.run_path(str(tool), run_name="__main__")
    else:
        _run_engine(mode)


def _prepare_engine(mode: str, start) -> None:
    """Have the trainer tell what goes wrong."""
    from paddleclas_octconv.child.engine import explain_setup, prepare_training
    from paddleclas_octconv.child.images import count_unreadable_images
    from paddleclas_octconv.patches import cpu_convolution

    logging.raiseExceptions = False  # a full disk shall be told of once, not by every log line
    count_unreadable_images()
    explain_setup()
    if mode == "train":
        cpu_convolution.install()
        stop_at_non_finite = os.environ.get(ALLOW_NON_FINITE) != "1"
        prepare_training(start.epoch, start.best_metric, stop_at_non_finite)


def _run_engine(mode: str) -> None:
    """What ``tools/*.py`` do, for a wheel, which has none."""
    from ppcls.engine.engine import Engine
    from ppcls.utils import config

    args = config.parse_args()
    config = config.get_config(args.config, overrides=args.override, show=False)
    config.profiler_options = args.profiler_options
    if mode == "export" and config["Arch"].get("use_sync_bn", False):
        config["Arch"]["use_sync_bn"] = False
    engine = Engine(config, mode=mode)
    getattr(engine, mode)()


def _config(argv: list[str]) -> dict:
    from paddleclas_octconv.config import load_config

    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path)
    parser.add_argument("-o", "--override", action="append", default=[])
    args, _ = parser.parse_known_args(argv)
    return load_config(args.config, args.override)


def _paddle_version() -> str:
    import paddle

    return paddle.__version__


def _without_gpu(argv: list[str], warn: bool) -> list[str]:
    """The override that takes a config for GPUs to the CPU, on a machine without one."""
    import paddle

    from paddleclas_octconv.common.say import say

    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if _config(argv)["Global"]["device"] != "gpu" or has_gpu:
        return []
    if warn:
        say("warning: Global.device is gpu, but Paddle sees none here: running on the CPU")
    return ["-o", "Global.device=cpu"]


def _without_sync_bn(argv: list[str], warn: bool) -> list[str]:
    """The override that leaves batch norms as they are: synchronous ones exist on GPUs alone."""
    from paddleclas_octconv.common.say import say

    config = _config(argv)
    if config["Global"]["device"] == "gpu" or not config["Arch"].get("use_sync_bn"):
        return []
    if warn:
        say("warning: Arch.use_sync_bn: left out, synchronous batch norms need GPUs")
    return ["-o", "Arch.use_sync_bn=False"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
