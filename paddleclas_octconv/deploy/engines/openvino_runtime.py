"""OpenVINO, which reads ``openvino/model.xml``: the fastest on an x86 CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.errors import OctConvError
from .base import Engine, Predictor, contiguous

if TYPE_CHECKING:
    import numpy as np

FOLDER = "openvino"
FILES = {"fp32": f"{FOLDER}/model.xml", "int8": f"{FOLDER}/model-int8.xml"}
# What OpenVINO computes in where a precision is asked for. By itself it takes bfloat16 wherever
# the processor has it; what is not quantised in an INT8 network stays in float32.
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}
_CAPABILITIES = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}
_SHAPES = 4


class OpenVINO(Engine):
    name = "openvino"
    module = "openvino"
    extra = "openvino"
    precisions = ("fp32", "fp16", "bf16", "int8")

    def note(self) -> str:
        return " (it needs Python 3.10 or newer)"

    def find(self, folder: Path, precision: str) -> Path | None:
        model = folder / FILES["int8" if precision == "int8" else "fp32"]
        return model if model.is_file() and model.with_suffix(".bin").is_file() else None

    def wanted(self, precision: str) -> str:
        if precision == "int8":
            return f"{FILES['int8']} (paddleclas export --openvino --int8)"
        return f"{FILES['fp32']} (paddleclas export --openvino)"

    def open(self, model: Path, precision: str, threads: int, **options: Any) -> Predictor:
        self.refuse_options(options)
        import openvino

        core = openvino.Core()
        needed = _CAPABILITIES.get(precision)
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if needed and needed not in capabilities:
            raise OctConvError(
                f"precision {precision!r}: this processor has none, as OpenVINO sees it "
                f"({', '.join(capabilities)})"
            )
        try:
            network = core.read_model(str(model))
        except RuntimeError as error:
            raise OctConvError(f"{model}: OpenVINO cannot read it: {_reason(error)}") from None
        return OpenVINOPredictor(core, network, model, precision, threads)


class OpenVINOPredictor(Predictor):
    """A network that OpenVINO compiles for each shape of images that it is given.

    For a shape that is known an octave network is up to 15 % faster than for one that is not, in
    INT8 the most. Compiling takes a second, so after the first ``_SHAPES`` shapes the others share
    one network for any.

    Args:
        core, network: ``openvino.Core`` and a model that it has read.
        model, precision, threads: as of ``Engine.open``.
    """

    def __init__(self, core: Any, network: Any, model: Path, precision: str, threads: int) -> None:
        super().__init__(OpenVINO.name, precision, model)
        self._core, self._network = core, network
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }
        self._requests: dict[tuple[int, ...] | None, Any] = {}

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        request = self._requests.get(images.shape) or self._request(images.shape)
        results = request.infer([contiguous(images)], share_inputs=True)
        return list(results.values())

    def _request(self, shape: tuple[int, ...]) -> Any:
        """What runs images of a shape, compiled if it is not yet."""
        key = shape if len(self._requests) < _SHAPES else None
        if key not in self._requests:
            network = self._network
            try:
                if key:
                    network = network.clone()
                    network.reshape({network.inputs[0]: list(shape)})
                compiled = self._core.compile_model(network, "CPU", self._settings)
            except RuntimeError as error:
                raise OctConvError(
                    f"{self.model}: OpenVINO cannot run it on images of shape {list(shape)}: "
                    f"{_reason(error)}"
                ) from None
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]


def _reason(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
