"""How Paddle makes programs of networks."""

from __future__ import annotations

from .patch import WITH_PADDLECLAS, Patch

CONVERT = Patch(
    "paddle.jit.dy2static.program_translator.FunctionCache.convert_with_cache",
    WITH_PADDLECLAS,
    "it keeps what it made of a layer's method under the method of that one layer, and so rewrites "
    "the same source for each layer of a class: it is kept under the function, and a network is "
    "exported in half the time",
)
PATCHES = (CONVERT,)


def convert_each_function_once() -> None:
    """Let ``to_static`` rewrite a method once for all layers of its class."""
    from paddle.jit.dy2static.program_translator import FunctionCache

    if not hasattr(FunctionCache.convert_with_cache, "__wrapped__"):
        CONVERT.wrap(
            FunctionCache,
            lambda convert, cache, method: convert(cache, getattr(method, "__func__", method)),
        )
