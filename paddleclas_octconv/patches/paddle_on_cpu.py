"""What Paddle's CPU build lacks."""

from __future__ import annotations

from .patch import WITH_PADDLECLAS, Patch

DEVICE_ID = Patch(
    "paddle.distributed.ParallelEnv._device_id",
    WITH_PADDLECLAS,
    "Paddle documents 0 as the default of `device_id`, but its CPU build has no such attribute, "
    "which PaddleClas 2.5 and later read when they evaluate in many processes",
)
PATCHES = (DEVICE_ID,)


def give_cpu_a_device_id() -> None:
    """Let ``ParallelEnv().device_id`` be 0 on a CPU."""
    from paddle.distributed import ParallelEnv

    if not hasattr(ParallelEnv, "_device_id"):
        DEVICE_ID.put(ParallelEnv, 0)
