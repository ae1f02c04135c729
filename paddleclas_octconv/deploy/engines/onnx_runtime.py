"""ONNX Runtime, which reads ``inference.onnx``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.errors import OctConvError
from .base import Engine, Predictor, contiguous
from .operators import check_onnx

if TYPE_CHECKING:
    import numpy as np

# The first is the name that PaddleClas's predictor looks for with use_onnx.
FILES = {"fp32": "inference.onnx", "int8": "inference-int8.onnx"}
_ERRORS_ONLY = 3


class ONNXRuntime(Engine):
    name = "onnxruntime"
    module = "onnxruntime"
    extra = "onnx"
    precisions = ("fp32", "int8")

    def find(self, folder: Path, precision: str) -> Path | None:
        model = folder / FILES["int8" if precision == "int8" else "fp32"]
        return model if model.is_file() else None

    def wanted(self, precision: str) -> str:
        if precision == "int8":
            return f"{FILES['int8']} (paddleclas export --onnx --int8)"
        return f"{FILES['fp32']} (paddleclas export --onnx)"

    def open(self, model: Path, precision: str, threads: int, **options: Any) -> Predictor:
        self.refuse_options(options)
        check_onnx(model)
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _ERRORS_ONLY
        try:
            session = onnxruntime.InferenceSession(
                str(model), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no class in common
            reason = str(error).strip().splitlines()[-1]
            raise OctConvError(f"{model}: ONNX Runtime cannot read it: {reason}") from None
        return ONNXPredictor(session, precision, model)


class ONNXPredictor(Predictor):
    """A session of ONNX Runtime."""

    def __init__(self, session: Any, precision: str, model: Path) -> None:
        super().__init__(ONNXRuntime.name, precision, model)
        self._session = session
        self._input = session.get_inputs()[0].name

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {self._input: contiguous(images)})
