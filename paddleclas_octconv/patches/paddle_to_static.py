"""How Paddle makes programs of networks."""

from __future__ import annotations

from .patch import TRAINER, WITH_PADDLECLAS, Patch

TO_STATIC = Patch(
    "paddle.jit.to_static",
    f"{TRAINER} that exports with `--batch-size`",
    "PaddleClas's exporter leaves the number of images open: the model takes that many",
)
CONVERT = Patch(
    "paddle.jit.dy2static.program_translator.FunctionCache.convert_with_cache",
    WITH_PADDLECLAS,
    "it keeps what it made of a layer's method under the method of that one layer, and so rewrites "
    "the same source for each layer of a class: it is kept under the function, and a network is "
    "exported in half the time",
)
PATCHES = (TO_STATIC, CONVERT)


def fix_batch(size: int) -> None:
    """Let the inputs (N, …) of every network that is exported from now on have this N."""
    import paddle

    def to_static(original, function=None, input_spec=None, *args, **kwargs):
        for spec in input_spec or ():
            spec.shape = (size, *spec.shape[1:])
        return original(function, input_spec, *args, **kwargs)

    TO_STATIC.wrap(paddle.jit, to_static)


def convert_each_function_once() -> None:
    """Let ``to_static`` rewrite a method once for all layers of its class."""
    from paddle.jit.dy2static.program_translator import FunctionCache

    if not hasattr(FunctionCache.convert_with_cache, "__wrapped__"):
        CONVERT.wrap(
            FunctionCache,
            lambda convert, cache, method: convert(cache, getattr(method, "__func__", method)),
        )
