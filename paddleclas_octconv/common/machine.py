"""Facts about the machine and the installed Paddle, found without importing Paddle."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Mapping

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
IDLE = 0.2  # CPUs at work, up to which a machine can be measured on
_PADDLES = ("paddlepaddle", "paddlepaddle-gpu")
#: Whose versions ``describe`` tells too; the engines add their libraries (``deploy/engines``).
LIBRARIES = ["paddleclas", "paddleclas-octconv"]
# Versions of Paddle with which every mode of every trainer is tested (docs/compatibility.md).
TESTED = ("2.6.2", "3.2.2")
_BROKEN = {
    version: "CPU inference with oneDNN fails (ConvertPirAttribute2RuntimeAttribute)"
    for version in ("3.3.0", "3.3.1")
}
FAST_CPU = "PADDLECLAS_OCTCONV_FAST_CPU"  # "0" in the environment: training leaves all to Paddle
NO_PADDLE = "Paddle is not installed: pip install 'paddleclas-octconv[cpu]' (or [gpu]) brings it"


def cpu_environment() -> dict[str, str]:
    """Variables for a process that runs Paddle on this CPU, so that it uses all of it.

    Paddle's wheels bring an MKL of 2019, which multiplies matrices without AVX on any processor
    that is not Intel's unless ``MKL_DEBUG_CPU_TYPE`` names the kind to take it for: 5 is one with
    AVX2. Convolutions are such multiplications wherever oneDNN does not run them, which it does not
    in training.
    """
    try:
        cpu = _CPUINFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    amd = "AuthenticAMD" in cpu and "avx2" in cpu.split()
    return {"MKL_DEBUG_CPU_TYPE": "5"} if amd else {}


def cpu_count() -> int:
    """The CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def last_level_cache() -> int | None:
    """Bytes of the largest cache of the CPU (L3, mostly); None where the system does not say."""
    sizes = []
    for file in _CACHES.glob("index*/size"):
        with contextlib.suppress(OSError, ValueError):
            sizes.append(int(file.read_text(encoding="ascii").strip().rstrip("K")) * 1024)
    return max(sizes, default=None)


def has_bfloat16() -> bool | None:
    """Whether the CPU multiplies bfloat16 by itself; None where the system does not say."""
    try:
        words = set(_CPUINFO.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return None
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})  # Arm's is the last


def load() -> float:
    """How many of the CPUs are at work just now, for this process and all others: a second's mean.

    The load average of the system would still tell of what ended a minute ago.
    """
    import psutil

    return psutil.cpu_percent(interval=1.0) / 100 * (psutil.cpu_count() or 1)


def has_gpu() -> bool:
    """Whether Paddle can use a GPU, as far as that can be told without importing it."""
    try:
        metadata.distribution("paddlepaddle-gpu")
    except metadata.PackageNotFoundError:
        return False
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return False
    return not sys.platform.startswith("linux") or any(
        Path("/dev").glob(name) for name in ("nvidia[0-9]*", "dxg")
    )


def paddle_version() -> str | None:
    """The version of the installed Paddle; None where no wheel of a known name is installed."""
    for name in _PADDLES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return None


def paddle_warning(version: str) -> str | None:
    """What to expect of a version of Paddle, in one line; None of one that is tested."""
    if version.startswith("2.") and _scikit_learn() >= (1, 5):
        return (
            f"Paddle {version} beside scikit-learn 1.5 or newer ends in a segmentation fault: "
            "pip install 'scikit-learn<1.5'"
        )
    if version in TESTED:
        return None
    what = _BROKEN.get(version, "it is not tested with this package")
    return f"Paddle {version}: {what}; take {TESTED[-1]}, or {TESTED[0]}"


def _scikit_learn() -> tuple[int, ...]:
    """The first two numbers of its version; none where it is not installed."""
    try:
        numbers = metadata.version("scikit-learn").split(".")[:2]
    except metadata.PackageNotFoundError:
        return ()
    return tuple(int(number) for number in numbers if number.isdigit())


def has_paddle() -> bool:
    """Whether there is a Paddle to import, of whatever name and making."""
    return importlib.util.find_spec("paddle") is not None


def paddle_writes_pir() -> bool:
    """Whether the installed Paddle writes and reads PIR, ``inference.json`` (3.0 or newer)."""
    # A build under another name is newer than 3.0.
    return not (paddle_version() or "3").startswith(("1.", "2."))


def describe() -> dict[str, Any]:
    """What measured figures depend on: processor, versions, date and command."""
    processor = platform.processor()
    with contextlib.suppress(OSError, StopIteration):
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
        processor = next(line for line in lines if line.startswith("model name")).partition(": ")[2]
    versions = {}
    for name in (*_PADDLES, *LIBRARIES):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["paddleclas", *sys.argv[1:]]),
    }


def in_words(found: Mapping[str, Any] | None = None) -> str:
    """A machine and its software in a line: of what ``describe`` has found, or of this one."""
    found = found or describe()
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    cores = f"{found['processor'].strip()}, {found['cores']} cores"
    return f"{cores}, Python {found['python']}, {versions}"
