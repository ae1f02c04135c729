"""What Paddle has to be told of the processor, by environment variables, to use all of it."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def environment() -> dict[str, str]:
    """Variables for a process that runs Paddle on this CPU.

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
