"""The program of a trainer process: ``run.py MODE TRAINER_DIR -c FILE -o KEY=VALUE …``.

It is started by ``launch``, once, or once for each rank by ``paddle.distributed.launch``. It puts
the trainer on ``sys.path``, lets the import hook register the backbones, and gives the rest of
the command line to PaddleClas's own code. It has no options of its own: the launcher, which
stands before it on the command line, would take them.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import warnings
from pathlib import Path

# Environment variables that the parent sets: "1" to check the network and do no more; and "1" when
# an earlier process of the same job has checked it.
CHECK_ONLY = "PADDLECLAS_OCTCONV_CHECK_ONLY"
CHECKED = "PADDLECLAS_OCTCONV_CHECKED"
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

    from paddleclas_octconv.errors import OctConvError

    try:
        _run(mode, Path(trainer), trainer_argv)
    except OctConvError as error:
        print(f"paddleclas: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _run(mode: str, trainer: Path, argv: list[str]) -> None:
    warnings.filterwarnings("ignore", message="No ccache found")  # of no concern to training
    from paddleclas_octconv import autoload
    from paddleclas_octconv.trainer import compat
    from paddleclas_octconv.trainer.model_check import check_model

    autoload.install(force=True)
    if compat.is_pinned(trainer):
        sys.dont_write_bytecode = True  # its folder holds nothing but what its wheel does
        compat.give_scalars_one_dimension()

    first = os.environ.get(CHECKED) != "1"
    argv = [*argv, *_without_gpu(argv, warn=first)]
    if first:
        check_model(_config(argv), mode)
    if os.environ.get(CHECK_ONLY) == "1":
        return
    tool = trainer / "tools" / f"{TOOLS[mode]}.py"
    sys.argv = [str(tool), *argv]
    if tool.is_file():
        runpy.run_path(str(tool), run_name="__main__")
    else:
        _run_engine(mode)


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


def _without_gpu(argv: list[str], warn: bool) -> list[str]:
    """The override that takes a config for GPUs to the CPU, on a machine without one."""
    import paddle

    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if _config(argv)["Global"]["device"] != "gpu" or has_gpu:
        return []
    if warn:
        message = "Global.device is gpu, but Paddle sees none here: running on the CPU"
        print(f"paddleclas: warning: {message}", file=sys.stderr, flush=True)
    return ["-o", "Global.device=cpu"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
