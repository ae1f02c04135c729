"""An exported folder's model as OpenVINO IR, checked against Paddle Inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from ..common.errors import OctConvError
from . import conversion
from .engines import ENGINES
from .engines.openvino_runtime import FILES

if TYPE_CHECKING:
    import numpy as np

FILE = FILES["fp32"]
OPTION = "--openvino"


def demand() -> None:
    """Check that the conversion can work here. Imports nothing.

    Raises:
        OctConvError: OpenVINO is not installed.
    """
    try:
        ENGINES["openvino"].demand()
    except OctConvError as error:
        raise OctConvError(f"{OPTION}: {error}") from None


def add(folder: Path, image_shape: Sequence[int], images: np.ndarray | None = None) -> float:
    """Write ``openvino/model.xml`` and ``.bin`` into an exported folder.

    The work is done in a process of its own, as Paddle's settings are those of a process.

    Args:
        folder: holds the exported model, as pdmodel.
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
        import openvino

        from .predictor import model_files

        source, _ = model_files(folder, pir=False)
        target = Path(folder, FILE)
        try:
            network = openvino.Core().read_model(str(source))
            target.parent.mkdir(exist_ok=True)
            openvino.save_model(network, str(target), compress_to_fp16=False)
        except (RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise OctConvError(f"{OPTION}: {source.name} cannot be converted: {reason}") from None
        return check(Path(folder), image_shape, np.load(images) if images else None)


def check(folder: Path, image_shape: Sequence[int], images: np.ndarray | None = None) -> float:
    """Compare an ``openvino/model.xml`` with the Paddle model beside it; arguments as of ``add``.

    Raises:
        OctConvError: they give something else.
    """
    return conversion.compare(f"{OPTION}: {FILE}", "openvino", folder, image_shape, images)
