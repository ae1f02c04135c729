"""What a run on a CPU is told of the processor."""

from __future__ import annotations

import pytest

from paddleclas_octconv.common import machine
from paddleclas_octconv.run import launch

AMD, INTEL = "AuthenticAMD", "GenuineIntel"


def describe(folder, vendor: str, flags: str):
    path = folder / "cpuinfo"
    one = f"vendor_id\t: {vendor}\nflags\t\t: fpu {flags} xsave\n"
    path.write_text(f"processor\t: 0\n{one}\nprocessor\t: 1\n{one}")
    return path


@pytest.mark.parametrize(
    "vendor, flags, kind",
    [(AMD, "avx avx2", "5"), (AMD, "avx", None), (INTEL, "avx avx2", None)],
)
def test_mkl_uses_avx2_on_amd(tmp_path, monkeypatch, vendor, flags, kind):
    monkeypatch.setattr(machine, "_CPUINFO", describe(tmp_path, vendor, flags))
    assert machine.cpu_environment().get("MKL_DEBUG_CPU_TYPE") == kind


def test_unknown_processor_is_told_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "nothing")
    assert machine.cpu_environment() == {}


@pytest.mark.parametrize(
    "gpu, user, kind", [(False, None, "5"), (False, "4", "4"), (True, None, None)]
)
def test_only_runs_on_a_cpu_are_told_and_the_user_comes_first(
    tmp_path, monkeypatch, gpu, user, kind
):
    monkeypatch.setattr(machine, "_CPUINFO", describe(tmp_path, AMD, "avx2"))
    monkeypatch.setattr(machine, "has_gpu", lambda: gpu)
    monkeypatch.delenv("MKL_DEBUG_CPU_TYPE", raising=False)
    if user:
        monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", user)
    assert launch.environment("gpu", {}).get("MKL_DEBUG_CPU_TYPE") == kind


def test_the_last_cache_is_the_largest_that_the_system_tells_of(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CACHES", tmp_path)
    assert machine.last_level_cache() is None
    for index, size in enumerate(["48K\n", "2048K\n", "32768K\n", "unknown\n"]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        (folder / "size").write_text(size)
    assert machine.last_level_cache() == 32 * 2**20
