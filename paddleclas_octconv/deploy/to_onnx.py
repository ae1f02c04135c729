"""An exported folder's model as ONNX, checked against Paddle Inference."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from ..common import machine
from ..common.errors import OctConvError
from . import conversion
from .engines.onnx_runtime import FILES

if TYPE_CHECKING:
    import numpy as np

FILE = FILES["fp32"]
OPSET = 13


def demand() -> None:
    """Check that the conversion can work here. Imports nothing.

    Raises:
        OctConvError: Paddle is too old, or a package is missing.
    """
    if not machine.paddle_writes_pir():
        raise OctConvError("--onnx: paddle2onnx converts what Paddle 3 exports, and this is older")
    missing = [name for name in ("paddle2onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise OctConvError(
            f"--onnx needs {' and '.join(missing)}: pip install 'paddleclas-octconv[onnx]'"
        )


def add(folder: Path, image_shape: Sequence[int], images: np.ndarray | None = None) -> float:
    """Write ``inference.onnx`` into an exported folder.

    The work is done in a process of its own: the converter can end the one it runs in.

    Args:
        folder: holds the exported model.
        image_shape: channels, height and width; a size that is not positive stands for any.
        images: preprocessed real images (N, C, H, W) to compare on, if there are any.

    Returns:
        How far it is from Paddle Inference, as ``agreement.Difference.relative``.

    Raises:
        OctConvError: the model cannot be converted or gives something else.
    """
    return conversion.apart(Conversion, folder, image_shape, images)


class Conversion:
    """What the process does."""

    def convert(self, folder: str, image_shape: list[int], images: str | None = None) -> float:
        """Convert and check, as ``add`` says; ``images`` is the path of a ``.npy`` file."""
        import numpy as np

        content = _converted(Path(folder))
        try:
            Path(folder, FILE).write_bytes(content)
        except OSError as error:
            raise OctConvError(f"--onnx: {FILE} cannot be written: {error.strerror}") from None
        return check(Path(folder), image_shape, np.load(images) if images else None)


def check(folder: Path, image_shape: Sequence[int], images: np.ndarray | None = None) -> float:
    """Compare an ``inference.onnx`` with the Paddle model beside it; arguments as of ``add``.

    Raises:
        OctConvError: they give something else.
    """
    return conversion.compare(f"--onnx: {FILE}", "onnxruntime", folder, image_shape, images)


def _converted(folder: Path) -> bytes:
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
    return tidy.SerializeToString()
