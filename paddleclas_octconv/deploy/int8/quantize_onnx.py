"""INT8 for ONNX Runtime, by its own tool: ``inference.onnx`` to ``inference-int8.onnx``."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

from ...common.errors import OctConvError
from ...common.say import described
from ..engines.onnx_runtime import FILES
from .ranges import Ranges

if TYPE_CHECKING:
    import numpy as np

ENGINE = "onnxruntime"
PACKAGES = ("onnx", "onnxruntime")


def quantize(
    folder: Path, images: Iterable[np.ndarray], count: int, ranges: Ranges = "mean"
) -> None:
    """Write the INT8 model of an exported folder that holds the float one.

    Args:
        folder: the exported folder.
        images: preprocessed images (1, C, H, W) to calibrate on; gone through once.
        count: how many they are.
        ranges: of the numbers in a feature map: the mean of the images' ranges, or all that was
            seen.

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
            model = onnx.load(prepared)
            _pool_by_convolution(model.graph)
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


def _pool_by_convolution(graph: Any) -> None:
    """Turn 2x2 average pooling of even maps into depthwise convolution, which is the same.

    ONNX Runtime averages in INT8 pixel by pixel: its pooling took a third of the time of an octave
    network, that convolution takes half of it.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info)
    }
    kernels = set()
    for node in graph.node:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        shape = shapes.get(node.input[0], []) if node.op_type == "AveragePool" else []
        if (
            len(shape) != 4
            or not all(size and size % 2 == 0 for size in shape[2:])  # 0: not known
            or [attributes.get(key) for key in ("kernel_shape", "strides")] != [[2, 2]] * 2
            or any(attributes.get("pads", ()))
        ):
            continue
        channels = shape[1]
        name = f"average_of_{channels}"
        if name not in kernels:
            kernels.add(name)
            weights = np.full((channels, 1, 2, 2), 0.25, np.float32)
            graph.initializer.append(numpy_helper.from_array(weights, name))
        convolution = helper.make_node(
            "Conv",
            [node.input[0], name],
            node.output,
            name=node.name,
            group=channels,
            kernel_shape=[2, 2],
            strides=[2, 2],
        )
        node.CopyFrom(convolution)


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
