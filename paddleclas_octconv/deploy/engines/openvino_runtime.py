"""OpenVINO, which reads ``openvino/model.xml``: the fastest on an x86 CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...common.errors import OctConvError
from .base import Engine, Predictor

FOLDER = "openvino"
FILES = {"fp32": f"{FOLDER}/model.xml", "int8": f"{FOLDER}/model-int8.xml"}
# What OpenVINO computes in where a precision is asked for. By itself it takes bfloat16 wherever
# the processor has it; what is not quantised in an INT8 network stays in float32.
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}
_CAPABILITIES = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}


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
        return OpenVINOPredictor(core, model, precision, threads)


class OpenVINOPredictor(Predictor):
    """A network that OpenVINO has compiled."""

    def __init__(self, core: Any, model: Path, precision: str, threads: int) -> None:
        super().__init__(OpenVINO.name, precision, model)
        try:
            self._compiled = core.compile_model(
                str(model),
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "NUM_STREAMS": "1",
                    "INFERENCE_NUM_THREADS": threads,
                    "INFERENCE_PRECISION_HINT": _HINTS[precision],
                },
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise OctConvError(f"{model}: OpenVINO cannot read it: {reason}") from None
        self._request = self._compiled.create_infer_request()

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        results = self._request.infer([np.ascontiguousarray(images)], share_inputs=True)
        return list(results.values())
