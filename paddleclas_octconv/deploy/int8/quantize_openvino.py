"""INT8 for OpenVINO, by NNCF: ``openvino/model.xml`` to ``openvino/model-int8.xml``."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

from ...common.errors import OctConvError
from ...common.say import described
from ..engines.openvino_runtime import FILES
from .ranges import Ranges

if TYPE_CHECKING:
    import numpy as np

ENGINE = "openvino"
PACKAGES = ("openvino", "nncf")


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
        OctConvError: NNCF cannot quantise the model.
    """
    os.environ.setdefault("NNCF_CI", "1")  # or it would report each use to its makers, unasked
    with _quiet():
        import nncf
        import openvino
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        nncf.set_log_level(logging.ERROR)
        estimators = {
            "mean": RangeEstimatorParametersSet.MEAN_MINMAX,
            "all": RangeEstimatorParametersSet.MINMAX,
        }
        parameters = nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=estimators[ranges]
        )
        try:
            quantized = nncf.quantize(
                openvino.Core().read_model(str(folder / FILES["fp32"])),
                nncf.Dataset(images),
                subset_size=count,
                advanced_parameters=parameters,
            )
            _leave_pixels(quantized)
            openvino.save_model(quantized, str(folder / FILES["int8"]), compress_to_fp16=False)
        except OctConvError:
            raise
        except Exception as error:  # those of NNCF and of OpenVINO have no class in common
            raise OctConvError(
                f"--int8: NNCF cannot quantise this model: {described(error)}"
            ) from None


def _leave_pixels(model: Any) -> None:
    """Take the quantisation by channels off feature maps of one pixel, in place.

    OpenVINO (2026.4) makes it a part of the INT8 convolution before it, and computes that wrongly
    for one image where the batch is dynamic. It stands before depthwise convolutions alone, which
    multiply each channel of such a map by one number: they stay in float32.
    """
    for op in model.get_ops():
        shape = op.output(0).get_partial_shape() if op.get_output_size() else None
        if op.get_type_name() != "FakeQuantize" or shape.rank != 4 or shape[0].is_static:
            continue
        if [str(size) for size in shape][2:] != ["1", "1"]:
            continue
        if any(math.prod(op.input(place).get_shape()) > 1 for place in (1, 2, 3, 4)):
            op.output(0).replace(op.input_value(0))


@contextlib.contextmanager
def _quiet():
    """Without NNCF's own progress bars, which would be drawn over ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
