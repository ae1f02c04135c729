"""The command and the environment of a trainer run, on one process or on many."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Mapping, Sequence

from ..common import machine
from ..common.errors import OctConvError
from ..trainer.locate import Trainer
from . import process

_PROGRAM = Path(__file__).resolve().parents[1] / "child" / "main.py"

# Options of ``python -m paddle.distributed.launch`` that are passed on: (name, meaning).
OPTIONS = (
    ("gpus", "GPUs to use, one process each: 0,1,2,3"),
    ("nproc-per-node", "processes on this machine, on CPUs or GPUs"),
    ("nnodes", "number of machines"),
    ("master", "ADDRESS:PORT of the first machine, the same on all"),
    ("rank", "number of this machine, from 0"),
    ("ips", "addresses of all machines, instead of --master"),
    ("host", "address of this machine"),
    ("start-port", "first port to use, with --ips"),
    ("job-id", "name of the job"),
    ("log-dir", "folder of the logs, one for each process (default: log)"),
    ("log-level", "log level of the launcher"),
    ("max-restart", "how often a failed job is started again"),
    ("elastic-level", "1: go on after a failed process"),
    ("elastic-timeout", "seconds to wait for machines"),
)


def run(
    mode: str,
    trainer: Trainer,
    arguments: Sequence[str],
    launch: Mapping[str, str],
    environ: Mapping[str, str],
) -> int:
    """Run a mode of a trainer in a process of its own, and return the exit code.

    Args:
        mode: "train", "eval", "infer" or "export".
        trainer: the trainer.
        arguments: what PaddleClas's ``tools/*.py`` take: -c FILE -o KEY=VALUE ….
        launch: options for ``paddle.distributed.launch``, by the names in ``OPTIONS``; empty: a
            single process without it.
        environ: the environment, see ``environment``.
    """
    launcher = []
    if launch:
        launcher = ["-m", "paddle.distributed.launch"]
        launcher += [f"--{name.replace('-', '_')}={value}" for name, value in launch.items()]
    command = [sys.executable, *launcher, str(_PROGRAM), mode, str(trainer.root), *arguments]
    return process.run(command, environ)


def check(launch: Mapping[str, str]) -> None:
    """Check options for the launcher.

    Raises:
        OctConvError: a value is malformed, or GPUs are asked for where there is none.
    """
    for name in ("nproc-per-node", "nnodes", "rank"):
        value = launch.get(name)
        if value is not None and (not value.isdigit() or (name != "rank" and int(value) < 1)):
            if name == "nnodes" and ":" in value:  # elastic: from:to
                continue
            least = 0 if name == "rank" else 1
            raise OctConvError(f"--{name} {value}: should be a whole number from {least}")
    gpus = launch.get("gpus")
    if gpus is None:
        return
    if not all(gpu.strip().isdigit() for gpu in gpus.split(",")):
        raise OctConvError(f"--gpus {gpus}: should be the numbers of GPUs, such as 0,1,2,3")
    if not machine.has_gpu():
        count = len(gpus.split(","))
        raise OctConvError(
            f"--gpus {gpus}: Paddle sees no GPU here; --nproc-per-node {count} runs on the CPU"
        )


def environment(device: str, launch: Mapping[str, str]) -> dict[str, str]:
    """The environment for a run on a device, in which a CPU does what it can.

    Paddle uses one thread unless told otherwise. See ``machine.cpu_environment`` for the rest.
    """
    on_cpu = device == "cpu" or (device == "gpu" and not machine.has_gpu())
    if not on_cpu:
        return dict(os.environ)
    processes = int(launch.get("nproc-per-node", 1))
    threads = str(max(1, machine.cpu_count() // processes))
    return {"OMP_NUM_THREADS": threads, **machine.cpu_environment(), **os.environ}
