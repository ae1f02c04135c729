"""Functions of Paddle 3.2 that cannot write ``inference.pdmodel``.

Some functions of ``paddle`` are generated now, and take tensors and values of PIR alone. In a
program of the older kind (``FLAGS_enable_pir_api=0``), which PaddleClas's predictor reads, they
raise ``TypeError: sigmoid(): argument (position 1) must be Value, but got Variable``: no network
with squeeze and excitation could be exported then, nor one of PaddleClas's with attention.
"""

from __future__ import annotations

import functools
from typing import Any, Callable

from .patch import WITH_PADDLECLAS, Patch


def write_old_programs() -> None:
    """Let the generated functions add their operators to programs of the older kind.

    Does nothing in a process that writes PIR, nor twice.
    """
    import paddle

    generated = getattr(paddle.base.dygraph, "generated_tensor_methods_patch", None)
    if generated is None or paddle.get_flags("FLAGS_enable_pir_api")["FLAGS_enable_pir_api"]:
        return
    for patch, append in _APPENDED.items():
        _replace(patch, append)


def _replace(patch: Patch, append: Callable[..., Any]) -> None:
    """In every place where Paddle puts the function."""
    import paddle
    from paddle.base.framework import Variable, in_dynamic_or_pir_mode

    name = patch.target.rpartition(".")[2]
    function = getattr(paddle, name)
    if hasattr(function, "for_old_programs"):
        return

    @functools.wraps(function)
    def either(*args, **kwargs):
        return (function if in_dynamic_or_pir_mode() else append)(*args, **kwargs)

    either.__dict__["for_old_programs"] = True
    for place in (paddle, paddle.tensor, paddle.nn.functional, Variable):
        if hasattr(place, name):
            patch.put(place, either)


def _patch(name: str) -> Patch:
    return Patch(
        f"paddle.{name}",
        f"{WITH_PADDLECLAS} and writes `inference.pdmodel`",
        "Paddle 3.2 generates it, for PIR alone: a network that calls it could not be exported",
    )


def _sigmoid(x: Any, name: str | None = None) -> Any:
    return _append("sigmoid", {"X": x}, {})


def _sqrt(x: Any, name: str | None = None) -> Any:
    return _append("sqrt", {"X": x}, {})


def _multiply(x: Any, y: Any, name: str | None = None) -> Any:
    return _append("elementwise_mul", {"X": x, "Y": y}, {"axis": -1})


def _matmul(
    x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False, name: str | None = None
) -> Any:
    return _append("matmul_v2", {"X": x, "Y": y}, {"trans_x": transpose_x, "trans_y": transpose_y})


def _append(operator: str, inputs: dict[str, Any], attributes: dict[str, Any]) -> Any:
    from paddle.base.layer_helper import LayerHelper

    helper = LayerHelper(operator)
    output = helper.create_variable_for_type_inference(dtype=inputs["X"].dtype)
    helper.append_op(type=operator, inputs=inputs, outputs={"Out": output}, attrs=attributes)
    return output


_APPENDED: dict[Patch, Callable[..., Any]] = {
    _patch("sigmoid"): _sigmoid,
    _patch("sqrt"): _sqrt,
    _patch("multiply"): _multiply,
    _patch("matmul"): _matmul,
}
PATCHES = tuple(_APPENDED)
