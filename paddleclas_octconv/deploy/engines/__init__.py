"""The engines that run an exported folder, one a file, behind one kind of predictor."""

from __future__ import annotations

from ...common import machine
from ...common.errors import OctConvError
from ...common.suggest import suggest
from .base import PRECISIONS, ConvertedEngine, Engine, Predictor, precision_of
from .onnx_runtime import ONNXRuntime
from .openvino_runtime import OpenVINO
from .paddle_inference import PaddleInference

# The fastest on a CPU first (docs/performance.md).
ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (OpenVINO(), ONNXRuntime(), PaddleInference())
}
#: Those that a model is converted for.
CONVERTED = {
    name: engine for name, engine in ENGINES.items() if isinstance(engine, ConvertedEngine)
}
for _engine in (*ENGINES.values(), *CONVERTED.values()):  # what measured figures depend on
    _libraries = (_engine.module, *getattr(_engine, "quantizers", ()))
    machine.LIBRARIES.extend(name for name in _libraries if name not in machine.LIBRARIES)
AUTO = "auto"
CHOICES = (AUTO, *ENGINES)


def engine_of(name: str) -> Engine:
    """The engine of a name. Raises OctConvError if there is none."""
    if not isinstance(name, str) or name not in ENGINES:
        near = suggest(name, CHOICES) if isinstance(name, str) else ""
        raise OctConvError(f"the engine {name!r} should be one of {', '.join(CHOICES)}{near}")
    return ENGINES[name]


def fastest_installed() -> str:
    """The name of the fastest engine that is installed."""
    return next(name for name, engine in ENGINES.items() if engine.is_installed())


__all__ = ["AUTO", "CHOICES", "CONVERTED", "ENGINES", "PRECISIONS", "ConvertedEngine", "Engine",
           "Predictor", "engine_of", "fastest_installed", "precision_of"]  # fmt: skip
