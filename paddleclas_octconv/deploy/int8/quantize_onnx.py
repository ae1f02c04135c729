"""INT8 for ONNX Runtime, by its own tool: ``inference.onnx`` to ``inference-int8.onnx``."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Iterable

from ...common.errors import OctConvError
from ..engines.onnx_runtime import FILES

if TYPE_CHECKING:
    import numpy as np

ENGINE = "onnxruntime"
PACKAGES = ("onnx", "onnxruntime")


def quantize(folder: Path, images: Iterable[np.ndarray], count: int) -> None:
    """Write the INT8 model of an exported folder that holds the float one.

    Args:
        folder: the exported folder.
        images: preprocessed images (1, C, H, W) to calibrate on; gone through once.
        count: how many they are.

    Raises:
        OctConvError: ONNX Runtime's tool cannot quantise the model.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, target = folder / FILES["fp32"], folder / FILES["int8"]
    with tempfile.TemporaryDirectory(prefix="int8-") as scratch, _quiet():
        prepared = os.path.join(scratch, "prepared.onnx")
        try:
            quant_pre_process(str(source), prepared, skip_symbolic_shape=True)
            nodes = onnx.load(prepared).graph.node
            quantization.quantize_static(
                prepared,
                str(target),
                _Reader(source, images),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                # 256 probabilities would make the classes of unsure images the same.
                nodes_to_exclude=[node.name for node in nodes if node.op_type == "Softmax"],
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise OctConvError(
                f"--int8: ONNX Runtime cannot quantise this model: {reason}"
            ) from None


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
