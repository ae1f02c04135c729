"""Programs out of octavised networks: ``to_static`` reads their source, and never their bytecode.

Paddle 3 has two ways to make a program. One rewrites the source of functions; there a pair is what
it is everywhere. The other, symbolic translation, the default of ``to_static``, plays bytecode
through on stand-ins of tensors, which a pair is not made of: it would crash.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable

from paddle.jit.dy2static import program_translator


def outside_symbolic_translation(function: Callable) -> Callable:
    """A function that symbolic translation leaves alone, with all that it calls."""
    try:
        from paddle.jit.sot.utils import no_eval_frame
        from paddle.jit.sot.utils.paddle_api_config import add_break_graph_function
    except ImportError:  # Paddle 2
        return function
    function = no_eval_frame(function)
    add_break_graph_function(function)
    return function


def traced_as_a_whole(network: Any, forward: Any) -> Any:
    """What ``to_static`` gives a network as its forward, made to rewrite source."""
    symbolic = getattr(program_translator, "SymbolicStaticFunction", ())
    if not isinstance(forward, symbolic):
        return forward
    kind = getattr(program_translator, "ASTStaticFunction", program_translator.StaticFunction)
    options = dict(getattr(forward, "_kwargs", {}))
    method = forward.dygraph_function
    if not inspect.ismethod(method):
        method = method.__get__(network)
    return kind(method, input_spec=getattr(forward, "_input_spec", None), **options)
