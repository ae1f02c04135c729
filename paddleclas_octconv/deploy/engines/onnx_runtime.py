"""ONNX Runtime, which reads ``inference.onnx``; paddle2onnx writes it, ONNX Runtime's tool INT8."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

from ...common import machine
from ...common.errors import OctConvError
from ...common.say import described
from .base import ConvertedEngine, Predictor, Ranges
from .onnx_graph import plain
from .onnx_int8 import speed_up
from .operators import check_onnx
from .paddle_files import model_files

if TYPE_CHECKING:
    import numpy as np

OPSET = 13
_ERRORS_ONLY = 3


class ONNXRuntime(ConvertedEngine):
    name = "onnxruntime"
    title = "ONNX Runtime"
    module = "onnxruntime"
    extra = "onnx"
    precisions = ("fp32", "int8")
    option = "onnx"
    read_by = (
        "ONNX Runtime (Python, Node.js, browsers), OpenCV, PyTorch, and the converters for phones "
        "of TensorFlow Lite, ncnn and MNN"
    )
    # The first is the name that PaddleClas's predictor looks for with use_onnx.
    files = {"fp32": "inference.onnx", "int8": "inference-int8.onnx"}
    exported = tuple(files.values())
    converters = ("paddle2onnx", "onnxruntime")
    quantizers = ("onnx", "onnxruntime")
    takes_slim = True
    int8_note = (
        "in ONNX Runtime INT8 gains an octave network less than its twin, and a light one may be "
        "slower than it; OpenVINO's INT8 keeps the lead (--openvino --int8)"
    )

    def open(self, model: Path, precision: str, threads: int, **options: Any) -> Predictor:
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

    def demand_conversion(self, what: str = "") -> None:
        if not machine.paddle_writes_pir():
            raise OctConvError(
                f"{what or '--onnx'}: paddle2onnx converts what Paddle 3 exports, and this is older"
            )
        super().demand_conversion(what)

    def convert(self, folder: Path) -> None:
        content = _converted(folder)
        file = self.files["fp32"]
        try:
            (folder / file).write_bytes(content)
        except OSError as error:
            raise OctConvError(
                f"--{self.option}: {file} cannot be written: {error.strerror}"
            ) from None

    def quantize(
        self, folder: Path, images: Iterable[np.ndarray], count: int, ranges: Ranges = "mean"
    ) -> None:
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        source, target = (folder / self.files[each] for each in ("fp32", "int8"))
        with tempfile.TemporaryDirectory(prefix="int8-") as scratch, _quiet():
            prepared = os.path.join(scratch, "prepared.onnx")
            try:
                quant_pre_process(str(source), prepared, skip_symbolic_shape=True)
                model = onnx.load(prepared)
                speed_up(model)
                onnx.save(model, prepared)
                quantization.quantize_static(
                    prepared,
                    str(target),
                    _Reader(source, images),
                    quant_format=quantization.QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                    calibrate_method=quantization.CalibrationMethod.MinMax,
                    extra_options={"CalibMovingAverage": ranges == "mean"},
                    # 256 probabilities would make the classes of unsure images the same.
                    nodes_to_exclude=[
                        node.name for node in model.graph.node if node.op_type == "Softmax"
                    ],
                )
            except OctConvError:
                raise
            except Exception as error:  # its exceptions have no class in common
                raise OctConvError(
                    f"--int8: ONNX Runtime cannot quantise this model: {described(error)}"
                ) from None


class ONNXPredictor(Predictor):
    """A session of ONNX Runtime."""

    def __init__(self, session: Any, precision: str, model: Path) -> None:
        inputs = session.get_inputs()
        super().__init__(ONNXRuntime.name, precision, model, [each.shape for each in inputs])
        self._session, self._input = session, inputs[0].name

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {self._input: images})


def _converted(folder: Path) -> bytes:
    import onnx
    import onnxoptimizer
    import paddle2onnx

    model, params = model_files(folder)
    # With a file to save to, it would optimise by polygraphy, which installs what that lacks by
    # pip: at the time of writing numpy 2, on which Paddle and OpenCV cannot be imported any more.
    try:
        content = paddle2onnx.export(str(model), str(params), None, opset_version=OPSET)
    except UnboundLocalError:  # it has printed the error, and goes on without a result
        raise OctConvError("--onnx: paddle2onnx cannot convert this model") from None
    tidy = onnxoptimizer.optimize(
        onnx.load_from_string(content),
        ["eliminate_identity", "extract_constant_to_initializer", "eliminate_unused_initializer"],
    )
    simple = plain(tidy)
    onnx.checker.check_model(simple, full_check=True)
    return simple.SerializeToString()


class _Reader:
    """The images as that tool asks for them."""

    def __init__(self, source: Path, images: Iterable[np.ndarray]) -> None:
        import onnx

        self._name = onnx.load(str(source), load_external_data=False).graph.input[0].name
        self._images = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {self._name: image}


@contextlib.contextmanager
def _quiet():
    """Without the advice that the tool logs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
