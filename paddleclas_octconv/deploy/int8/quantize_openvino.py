"""INT8 for OpenVINO, by NNCF: ``openvino/model.xml`` to ``openvino/model-int8.xml``."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Iterable

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
            openvino.save_model(quantized, str(folder / FILES["int8"]), compress_to_fp16=False)
        except OctConvError:
            raise
        except Exception as error:  # those of NNCF and of OpenVINO have no class in common
            raise OctConvError(
                f"--int8: NNCF cannot quantise this model: {described(error)}"
            ) from None


@contextlib.contextmanager
def _quiet():
    """Without NNCF's own progress bars, which would be drawn over ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
