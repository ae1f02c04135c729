"""``paddleclas visualize``: pictures of what a trained octave network's branches hold."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import OctConvError
from ..common.files import write_atomically, writing
from ..config import Config
from .options import add_config, add_overrides, config_from, file_or_folder, pixels

if TYPE_CHECKING:
    import numpy as np

HELP = "draw what the high and the low branch of a trained network hold of an image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser)
    parser.add_argument(
        "--image", type=file_or_folder, required=True, metavar="FILE", help="the image"
    )
    parser.add_argument(
        "--image-size",
        type=pixels,
        metavar="PIXELS",
        help="side of the network's input (default: that of the config); a larger one shows more",
    )
    add_overrides(
        parser,
        "set a value, such as Global.pretrained_model=<weights> (default: the best ones of "
        "the config's training)",
    )
    parser.add_argument(
        "--output",
        type=file_or_folder,
        metavar="DIR",
        help="default: ./output/visualize/<Arch.name>",
    )


def run(args: argparse.Namespace) -> int:
    """Write the pictures and print their names."""
    config = config_from(args)
    _, height, width = config.image_shape
    if args.image_size is not None:
        height = width = args.image_size
    image_pixels = _read(args.image, height, width)

    import paddle

    from ..visualize import architecture, branches, trained
    from ..visualize.trace import trace

    model = trained.build(config)
    name = config.network
    if not any(isinstance(layer, branches.UNITS) for layer in model.sublayers()):
        raise OctConvError(f"Arch.name: {name} has no octave layers to show")
    weights = trained.load_trained(model, config)
    image = paddle.to_tensor(_normalized(config, image_pixels)[None])
    found = branches.stages(model, image)
    if not found:
        raise OctConvError(f"Arch.name: {name} has no low branch to show")
    figures = {
        "input.png": branches.draw_input(image_pixels / 255.0),
        "branches.png": branches.draw_stages(found, f"{name}: what the branches hold"),
        "architecture.png": architecture.draw(trace(model, image), f"{name} at {height}x{width}"),
    }
    folder = args.output or Path("output", "visualize", name)
    print(f"weights: {weights}")
    with writing("--output", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file_name, figure in figures.items():
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
            write_atomically(folder / file_name, content.getvalue())
            print(folder / file_name)
    for stage in found:
        high, low = map(branches.smoothness, (stage.high, branches.enlarged(stage)))
        print(
            f"{stage.name}: slow variation, of the high branch {high:.0%}, of the low one {low:.0%}"
        )
    return 0


def _read(path: Path, height: int, width: int) -> np.ndarray:
    """An image as RGB, (height, width, 3), uint8."""
    import cv2

    from ..deploy.images import decode

    return cv2.resize(decode(path, "--image"), (width, height))


def _normalized(config: Config, pixels: np.ndarray) -> np.ndarray:
    """The image as the network takes it, (3, H, W): normalized as the config's Eval data."""
    import numpy as np

    from ..deploy.metadata import transform_ops

    given = (
        op["NormalizeImage"] for op in transform_ops(config.sections) if "NormalizeImage" in op
    )
    defaults = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": 1 / 255}
    set_here = {key: value for key, value in (next(given, {}) or {}).items() if value is not None}
    options: dict[str, Any] = {**defaults, **set_here}
    scaled = (pixels * float(options["scale"]) - np.array(options["mean"])) / options["std"]
    return scaled.transpose(2, 0, 1).astype("float32")
