"""An exported folder's model as ONNX, checked against Paddle Inference."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Sequence

from ..common import machine
from ..common.errors import OctConvError
from ..measure.worker import Worker

FILE = "inference.onnx"  # the name that PaddleClas's predictor looks for with use_onnx
OPSET = 13
TOLERANCE = 1e-4  # of the greatest output
BATCHES = (1, 3)
ANY_SIZE = ((224, 224), (97, 131))  # tried where the exported model takes any height and width


def demand() -> None:
    """Raises OctConvError where the conversion cannot work. Imports nothing."""
    if not machine.paddle_writes_pir():
        raise OctConvError("--onnx: paddle2onnx converts what Paddle 3 exports, and this is older")
    missing = [name for name in ("paddle2onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise OctConvError(
            f"--onnx needs {' and '.join(missing)}: pip install 'paddleclas-octconv[onnx]'"
        )


def add(folder: Path, image_shape: Sequence[int]) -> float:
    """Write ``inference.onnx`` into an exported folder; returns how far it is from Paddle.

    That is the greatest difference of outputs, relative to the greatest output. The work is
    done in a process of its own: the converter can end the one it runs in.

    Raises OctConvError if the model cannot be converted or gives something else.
    """
    with Worker(threads=1) as worker:
        return worker.call("to_onnx", folder=str(folder), image_shape=list(image_shape))


def convert(folder: Path, image_shape: Sequence[int]) -> float:
    """What ``add`` does, in this process."""
    import onnx
    import onnxoptimizer
    import paddle2onnx

    from .predictor import model_files

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
    onnx.checker.check_model(tidy, full_check=True)
    onnx.save(tidy, str(folder / FILE))
    return difference(folder, image_shape)


def difference(folder: Path, image_shape: Sequence[int]) -> float:
    """The difference of an ``inference.onnx`` from the Paddle model beside it, as in ``add``.

    Raises OctConvError if it is more than ``TOLERANCE``.
    """
    import numpy as np
    import onnxruntime

    from . import predictor

    session = onnxruntime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    paddle_predictor = predictor.create_predictor(folder, engine="paddle")
    channels, *size = image_shape
    sizes = [tuple(size)] if all(side and side > 0 for side in size) else ANY_SIZE
    greatest = 0.0
    for size in sizes:
        for batch in BATCHES:
            images = np.random.RandomState(0).standard_normal([batch, channels, *size])
            images = images.astype("float32")
            wanted = predictor.outputs(paddle_predictor, images)
            given = session.run(None, {session.get_inputs()[0].name: images})
            for ours, theirs in zip(given, wanted):
                greatest = max(greatest, float(abs(ours - theirs).max() / abs(theirs).max()))
    if not greatest <= TOLERANCE:  # nor if it is no number
        raise OctConvError(
            f"--onnx: {FILE} differs from Paddle Inference by {greatest:.1e} of the greatest "
            f"output, more than {TOLERANCE:.0e}; it is not written"
        )
    return greatest
