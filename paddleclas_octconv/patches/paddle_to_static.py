"""A batch of one size, which PaddleClas's exporter always leaves open."""

from __future__ import annotations

from .patch import TRAINER, Patch

TO_STATIC = Patch(
    "paddle.jit.to_static",
    f"{TRAINER} that exports with `--batch-size`",
    "PaddleClas's exporter leaves the number of images open: the model takes that many",
)
PATCHES = (TO_STATIC,)


def fix_batch(size: int) -> None:
    """Let the inputs (N, …) of every network that is exported from now on have this N."""
    import paddle

    def to_static(original, function=None, input_spec=None, *args, **kwargs):
        for spec in input_spec or ():
            spec.shape = (size, *spec.shape[1:])
        return original(function, input_spec, *args, **kwargs)

    TO_STATIC.wrap(paddle.jit, to_static)
