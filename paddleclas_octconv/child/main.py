"""The program of a trainer process: ``main.py FILE``, the file being what is handed over to it.

It is started once, or once for each rank by ``launcher``. It puts the trainer on ``sys.path``, lets
the import hook register the backbones, checks network and weights, and gives way to PaddleClas's
own code.
"""

from __future__ import annotations

import contextlib
import logging
import os
import runpy
import sys
import sysconfig
import threading
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator

from .. import autoload
from ..checkpoints import resume
from ..common import machine, streams
from ..common.errors import OctConvError, explained
from ..common.files import demand_room, writing
from ..common.processes import keep_signals_from_paddle
from ..common.say import one_line, say
from ..common.spelling import Spelling
from ..config import Config
from ..config.recipe import PATIENCE
from ..deploy.engines.paddle_files import check_params
from ..handover import Handover
from ..patches import late_imports, paddle_scalars
from ..trainer import fetch
from ..trainer.locate import Trainer
from ..weights import TRUST_VARIABLE
from . import endings, quiet, telling
from .setup import transform_that_failed

_spelling = Spelling()  # of what is told when this process ends
_ending = threading.RLock()  # held by the thread that ends this process
_QUEUE = "Blocking queue is killed"  # what waits for a data loader is told when that has failed
_PATIENCE = 5.0  # seconds

TOOLS = {"train": "train", "eval": "eval", "infer": "infer", "export": "export_model"}


def main(argv: list[str]) -> int:
    """Run one mode of a trainer; returns 2, after one line on stderr, on bad input."""
    (file,) = argv
    streams.prepare()
    telling.tell_in(Path(file).parent)
    telling.begun()
    endings.end_with_parent()
    endings.end_with_data_loader(_end)
    global _spelling
    try:
        handover = Handover.read(Path(file))
        _spelling = Spelling(given=handover.options)
        _run(handover, Path(file).parent)
    except (Exception, KeyboardInterrupt) as error:
        return _end(error)
    telling.ended(0)
    return 0


def _end(error: BaseException) -> int:
    """Tell of an error that ends this process, the first of them alone; returns the exit code."""
    if _QUEUE in str(error):  # the thread that fills it knows why, and ends the process
        time.sleep(_PATIENCE)
    _ending.acquire()
    # In the thread that makes batches nothing is around a transform that could tell.
    error = transform_that_failed(error) or error
    code, message = 1, _message(f"{type(error).__name__}: {error}")
    # Where Paddle's own code calls Python back, it turns Ctrl-C into an error of its own.
    if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt: " in str(error):
        code = 130
    elif isinstance(error, OctConvError):
        code, message = 2, _spelling.of(_message(error))
        say(f"error: {message}")
    else:
        traceback.print_exception(type(error), error, error.__traceback__)
    telling.ended(code, message)
    return code


def _message(error: object) -> str:
    """The message of an error; of one in a process that loads data the last line of many."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    if lines[0].startswith("DataLoader worker"):
        return lines[-1].partition("OctConvError: ")[2] or lines[-1]
    return one_line(error)


def _run(handover: Handover, folder: Path) -> None:
    trainer = Trainer(Path(handover.trainer), "")
    _import_from(trainer.root)
    config = Config(handover.config, Path(handover.config_file))
    if config.get("Slim") and find_spec("paddleslim") is None:
        sys.path.append(str(fetch.unpacked(fetch.SLIM)))
    if handover.trust_weights:
        os.environ[TRUST_VARIABLE] = "1"
    autoload.install(force=True)
    late_imports.install()
    keep_signals_from_paddle()
    with explained("Paddle is installed, but cannot be imported"):
        quiet.import_paddle(handover.verbose)
    _patch(trainer)

    from .model_check import check_model

    first = not handover.checked
    config = _fit_to_machine(config, warn=first)
    start = resume.Start()
    if handover.resume:
        start = resume.start_of(config, say if first else lambda message: None)
        if start.checkpoint:
            config = config.changed({"Global.checkpoints": start.checkpoint})
    if first:
        check_model(config, handover.mode)
    if handover.check_only:
        return
    _prepare_engine(handover, config, start, folder)
    with contextlib.ExitStack() as stack:
        if handover.mode == "export":
            stack.enter_context(_whole_export(config.demand("Global.save_inference_dir")))
        _give_way(trainer.root / "tools" / f"{TOOLS[handover.mode]}.py", handover)


@contextlib.contextmanager
def _whole_export(folder: str) -> Iterator[None]:
    """What an exporter cannot write, as on a full disk, is told in one line: Paddle cuts its
    parameters there without a word.

    Raises:
        OctConvError: naming the folder.
    """
    with writing("Global.save_inference_dir", folder):
        yield
        for params in Path(folder).glob("*.pdiparams"):
            try:
                check_params(params)
            except OctConvError:
                demand_room(folder, params.stat().st_size)
                raise


def _import_from(root: Path) -> None:
    """Import PaddleClas from a folder, whatever else is installed.

    Python's own library comes before it: a ``random.py`` in a checkout is not Python's.
    """
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    own += [os.path.join(folder, "lib-dynload") for folder in own]
    own += [folder for folder in sys.path if folder.endswith(".zip") and sys.prefix in folder]
    first = [folder for folder in sys.path if folder in own]
    sys.path[:] = [*first, str(root), *(folder for folder in sys.path if folder not in first)]


def _patch(trainer: Trainer) -> None:
    """Put right what every mode needs."""
    from ..patches.paddle_load import guard_paddle_load
    from ..patches.python_eval import evaluate_names_and_numbers

    evaluate_names_and_numbers()
    guard_paddle_load()
    if trainer.is_pinned:
        sys.dont_write_bytecode = True  # its folder holds nothing but what its wheel does
        paddle_scalars.give_scalars_one_dimension()


def _fit_to_machine(config: Config, warn: bool) -> Config:
    """A config for GPUs as one that runs on a machine without one."""
    import paddle

    unfit = machine.paddle_warning(paddle.__version__)
    if warn and unfit:
        say(f"warning: {unfit}")
    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if config.device == "gpu" and not has_gpu:
        if warn:
            unseen = "Global.device is gpu, but Paddle sees none here: running on the CPU"
            say(f"warning: {_spelling.of(unseen)}")
        config = config.changed({"Global.device": "cpu"})
    if config.device != "gpu" and config.at("Arch.use_sync_bn"):
        if warn:
            say("warning: Arch.use_sync_bn: left out, synchronous batch norms need GPUs")
        config = config.changed({"Arch.use_sync_bn": False})
    return config


def _prepare_engine(handover: Handover, config: Config, start: resume.Start, folder: Path) -> None:
    """Have the trainer take the config as it is, go on where it stands, and tell its faults."""
    from ppcls.utils import save_load

    from ..patches import (
        cpu_convolution,
        paddle_save,
        paddle_to_static,
        paddle_workers,
        paddleclas_config,
        paddleclas_download,
    )
    from .epochs import prepare_epochs
    from .images import count_unreadable_images, predict_all_images
    from .label_map import number_label_map
    from .loss import stop_at_non_finite
    from .multi_label import prepare_multi_label
    from .patience import stop_without_progress
    from .results import tell_evaluations, tell_predictions
    from .setup import explain_setup

    config = prepare_multi_label(config, handover.mode)
    if handover.mode == "infer":
        config = number_label_map(config, folder)
    logging.raiseExceptions = False  # a full disk shall be told of once, not by every log line
    paddleclas_config.hand_over(config.sections)
    paddleclas_download.refuse_archives()
    if not handover.verbose:
        quiet.log_in_the_file_alone(handover.mode, config.device, handover.is_shown)
    count_unreadable_images()
    paddle_workers.tell_in_workers(transform_that_failed)
    explain_setup()
    if handover.mode == "infer":
        predict_all_images()
        tell_predictions()
    elif handover.mode in ("eval", "train"):
        tell_evaluations(in_training=handover.mode == "train")
    if handover.batch_size is not None:
        paddle_to_static.fix_batch(handover.batch_size)
    if handover.mode == "train":
        if "FmixOperator" in str(config.get("DataLoader")):
            import scipy.stats  # noqa: F401  (or each process that loads data would, each epoch)
        cpu_convolution.install()
        paddle_save.save_whole_checkpoints(save_load)
        prepare_epochs(start)
        if config.at(PATIENCE):
            stop_without_progress(config)
        if not handover.allow_non_finite_loss:
            stop_at_non_finite()


def _give_way(tool: Path, handover: Handover) -> None:
    """Run PaddleClas's ``tools/*.py``; a wheel, which has none, is asked for the same."""
    profiler = handover.profiler_options
    sys.argv = [str(tool), "-c", handover.config_file, *(["-p", profiler] if profiler else [])]
    if tool.is_file():
        runpy.run_path(str(tool), run_name="__main__")
        return
    from ppcls.engine.engine import Engine
    from ppcls.utils.config import get_config

    config = get_config(handover.config_file, show=False)
    config["profiler_options"] = profiler
    if handover.mode == "export" and config["Arch"].get("use_sync_bn", False):
        config["Arch"]["use_sync_bn"] = False
    engine = Engine(config, mode=handover.mode)
    getattr(engine, handover.mode)()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
