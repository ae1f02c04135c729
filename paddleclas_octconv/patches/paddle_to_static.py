"""How Paddle makes programs of networks."""

from __future__ import annotations

import contextlib
import functools
import inspect

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
NAME_STRUCT = Patch(
    "paddle.nn.layer.layers.name_struct",
    WITH_PADDLECLAS,
    "after each layer it lists the whole program, to note in the operators which layers they are "
    "of, which AutoParallel alone reads",
)
IS_UNSUPPORTED = Patch(
    "paddle.jit.dy2static.convert_call_func.is_unsupported",
    WITH_PADDLECLAS,
    "it looks through all functions of NumPy and others at each call in a program: it is asked "
    "once for each function, which saves, with the list above, a third of the time of an export",
)
PATCHES = (TO_STATIC, CONVERT, NAME_STRUCT, IS_UNSUPPORTED)


def fix_batch(size: int) -> None:
    """Let the inputs (N, …) of every network that is exported from now on have this N."""
    import paddle

    def to_static(original, function=None, input_spec=None, *args, **kwargs):
        for spec in input_spec or ():
            spec.shape = (size, *spec.shape[1:])
        return original(function, input_spec, *args, **kwargs)

    TO_STATIC.wrap(paddle.jit, to_static)


def export_without_detours() -> None:
    """Let ``to_static`` do once what it does for each layer and each call, and not do what no
    network here needs."""
    from paddle.jit.dy2static import convert_call_func
    from paddle.jit.dy2static.program_translator import FunctionCache
    from paddle.nn.layer import layers

    if hasattr(FunctionCache.convert_with_cache, "__wrapped__"):
        return
    CONVERT.wrap(
        FunctionCache,
        lambda convert, cache, method: convert(cache, getattr(method, "__func__", method)),
    )
    if not hasattr(layers, "name_struct"):  # Paddle 2 knows containers by their class, too
        return
    NAME_STRUCT.put(layers, contextlib.nullcontext)
    of_function = functools.lru_cache(maxsize=256)(convert_call_func.is_unsupported)

    def is_unsupported(original, called):
        if isinstance(called, layers.Layer):  # it is no function of a module
            return convert_call_func.is_paddle_func(called)
        function = getattr(called, "__func__", called)
        return (of_function if inspect.isfunction(function) else original)(function)

    IS_UNSUPPORTED.wrap(convert_call_func, is_unsupported)
