"""The command line and the environment of a trainer run, in one process or in many."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Mapping

from ..common import machine, start
from ..common.errors import OctConvError
from ..common.files import refuse_links_out

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
_QUIET = "WARNING"
_LOGS = "log"  # where the launcher logs by default
# Those that are whole numbers, from the least to the most they can be.
_NUMBERS = {
    "nproc-per-node": (1, 1024),
    "rank": (0, 9999),
    "start-port": (1, 65535),
    "max-restart": (0, 9999),
    "elastic-level": (-1, 1),
    "elastic-timeout": (0, 999999),
}
_LOG_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET")


def command(handover: Path, options: Mapping[str, str], verbose: bool = False) -> list[str]:
    """The command line of a trainer process, or of the launcher that starts one for each rank.

    Args:
        handover: the file with what is handed over to it.
        options: options for ``paddle.distributed.launch``, by the names in ``OPTIONS``; empty: a
            single process without it.
        verbose: let the launcher tell what it does, not only what goes wrong.
    """
    program = start.command("paddleclas_octconv.child.main", str(handover))
    if not options:
        return program
    if not verbose:
        options = {"log-level": _QUIET, **options}
    given = [f"--{name.replace('-', '_')}={value}" for name, value in options.items()]
    return start.command("paddleclas_octconv.child.launcher", *given, *program[1:])


def check(options: Mapping[str, str]) -> None:
    """Check options for the launcher.

    Raises:
        OctConvError: a value is malformed, they do not go together, or GPUs are asked for where
            there is none.
    """
    for name, (least, most) in _NUMBERS.items():
        if name in options:
            _whole(name, options[name], least, most)
    nodes = _nodes(options.get("nnodes"))
    rank = int(options.get("rank", 0))
    if rank >= nodes:
        wanted = f"from 0 to {nodes - 1}" if nodes > 1 else "0 without --nnodes, one machine"
        raise OctConvError(f"--rank {rank}: should be {wanted}")
    meets = {"master", "ips"} & options.keys() or os.environ.get("PADDLE_MASTER")
    if nodes > 1 and not meets:
        raise OctConvError(
            f"--nnodes {options['nnodes']}: the machines find each other at --master "
            f"ADDRESS:PORT, the same on all"
        )
    _check_master(options.get("master"))
    for address in options.get("ips", "").split(",") if "ips" in options else ():
        _check_address("ips", options["ips"], address.strip())
    if "host" in options:
        _check_address("host", options["host"], options["host"])
    level = options.get("log-level")
    if level is not None and level.upper() not in _LOG_LEVELS:
        raise OctConvError(f"--log-level {level}: should be one of {', '.join(_LOG_LEVELS)}")
    folder = options.get("log-dir", _LOGS)
    if options and (not folder or (os.path.exists(folder) and not os.path.isdir(folder))):
        raise OctConvError(f"--log-dir {folder}: should be a folder; it need not exist")
    if options:
        refuse_links_out(folder, "--log-dir")
    _check_gpus(options.get("gpus"))


def machines(options: Mapping[str, str]) -> int:
    """How many machines work on a run, at most."""
    ips = options.get("ips")
    return len(ips.split(",")) if ips else _nodes(options.get("nnodes"))


def processes(options: Mapping[str, str]) -> int:
    """How many processes train together, on all machines."""
    gpus = options.get("gpus")
    here = len(gpus.split(",")) if gpus else int(options.get("nproc-per-node", 1))
    return here * machines(options)


def environment(device: str, options: Mapping[str, str]) -> dict[str, str]:
    """The environment for a run on a device, in which a CPU does what it can.

    Paddle uses one thread unless told otherwise. See ``machine.cpu_environment`` for the rest.
    PaddleClas opens lists and label maps in the encoding of the system; here that is UTF-8 always.
    """
    environ = {"PYTHONUTF8": "1", **os.environ}
    on_cpu = device == "cpu" or (device == "gpu" and not machine.has_gpu())
    if not on_cpu:
        return environ
    processes = int(options.get("nproc-per-node", 1))
    threads = str(max(1, machine.cpu_count() // processes))
    return {"OMP_NUM_THREADS": threads, **machine.cpu_environment(), **environ}


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,6}", value) or not least <= int(value) <= most:
        raise OctConvError(f"--{name} {value}: should be a whole number from {least} to {most}")
    return int(value)


def _nodes(value: str | None) -> int:
    """The most machines that ``--nnodes`` asks for: a number, or FROM:TO of an elastic job."""
    least, colon, most = (value or "1").partition(":")
    try:
        ends = [_whole("nnodes", end, 1, 9999) for end in ([least, most] if colon else [least])]
    except OctConvError:
        ends = []
    if not ends or ends != sorted(ends):
        raise OctConvError(f"--nnodes {value}: should be a whole number from 1 to 9999, or FROM:TO")
    return ends[-1]


def _check_master(master: str | None) -> None:
    if master is None:
        return
    address, _, port = master.rpartition("://")[2].rpartition(":")
    if not address or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise OctConvError(f"--master {master}: should be ADDRESS:PORT, such as 10.0.0.1:6070")
    _check_address("master", master, address)


def _check_address(name: str, value: str, address: str) -> None:
    """See that a machine has an address: the launcher would ask for it for ever."""
    try:
        socket.getaddrinfo(address.strip("[]"), None)
    except (OSError, UnicodeError):
        raise OctConvError(f"--{name} {value}: this address cannot be resolved") from None


def _check_gpus(gpus: str | None) -> None:
    if gpus is None:
        return
    numbers = gpus.split(",")
    if not all(re.fullmatch(r" *[0-9]{1,4} *", number) for number in numbers):
        raise OctConvError(f"--gpus {gpus}: should be the numbers of GPUs, such as 0,1,2,3")
    if len(set(map(int, numbers))) < len(numbers):
        raise OctConvError(f"--gpus {gpus}: names a GPU twice")
    if not machine.has_gpu():
        raise OctConvError(
            f"--gpus {gpus}: Paddle sees no GPU here; --nproc-per-node {len(numbers)} runs on "
            f"the CPU"
        )
