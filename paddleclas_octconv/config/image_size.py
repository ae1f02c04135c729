"""The size of images on their way into the network: what the transforms make, all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..common.errors import OctConvError
from .dotted import get

MOST_LOOKED_AT = 5_000  # images of a list whose sizes are compared, evenly spread over it
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap rows and columns, as OpenCV does
# Transforms that leave every image at the same size; those of PaddleClas take one as ``size``.
_OF_PADDLE_VISION = ("Resize",)  # with one number it sets the short side alone


class Size(NamedTuple):
    """The rows and columns of an image, in pixels."""

    height: int
    width: int


def size_after(ops: Any) -> Size | None:
    """The size that transforms give every image; None where that depends on the image.

    Args:
        ops: a list of ``{name: options}``, as ``transform_ops``.
    """
    size = None
    for name, options in _steps(ops):
        given = options.get("size")
        if name in _OF_PADDLE_VISION and not isinstance(given, (list, tuple)):
            size = size if size is not None and size.height == size.width == given else None
        elif type(given) is int:
            size = Size(given, given)
        elif isinstance(given, (list, tuple)) and len(given) == 2:
            # PaddleClas's resizing takes (width, height), its cropping (height, width).
            size = Size(*reversed(given)) if name == "ResizeImage" else Size(*given)
        elif options.get("resize_short"):
            size = None
    return size


def size_of(config: Mapping[str, Any]) -> Size | None:
    """The size of the images that a network is made for: that of ``Global.image_shape``, or where
    this is missing or left open, what the transforms of evaluation and inference make."""
    shape = get(config, "Global.image_shape")
    if shape is not None and is_closed(shape):
        return Size(*shape[1:])
    evaluated = size_after(get(config, "DataLoader.Eval.dataset.transform_ops"))
    return evaluated or size_after(get(config, "Infer.transforms"))


def is_closed(shape: Sequence[int]) -> bool:
    """Whether channels, height and width, as ``Global.image_shape``, are those of one size."""
    return min(shape) > 0


def misfit(config: Mapping[str, Any]) -> str | None:
    """How the transforms of evaluation and inference miss ``Global.image_shape``, the size that a
    network is exported for; None where they do not."""
    shape = get(config, "Global.image_shape")
    if shape is None or not is_closed(shape):
        return None
    for key in ("DataLoader.Eval.dataset.transform_ops", "Infer.transforms"):
        size = size_after(get(config, key))
        if size is not None and size != Size(*shape[1:]):
            turned = size == Size(*reversed(shape[1:]))
            right = "ResizeImage.size is width, height" if turned else "--image-size sets both"
            return (
                f"Global.image_shape: {list(shape)}, but {key} make images of "
                f"{size.height}x{size.width}; {right}"
            )
    return None


def set_image_size(config: dict[str, Any], size: int) -> None:
    """Let the network's input be this large, everywhere in a config: the transforms, and
    ``Global.image_shape``.

    What is resized before it is cropped is resized in proportion, and so is training on images of
    another size than evaluation's. Steps on the original images, such as their crops, stay.

    Args:
        config: the config, changed in place.
        size: the side, in pixels.

    Raises:
        OctConvError: the images are not square.
    """
    shape = get(config, "Global.image_shape") or [3, 0, 0]
    evaluated = size_after(get(config, "DataLoader.Eval.dataset.transform_ops"))
    before = evaluated or size_after(get(config, "Infer.transforms")) or Size(*shape[1:])
    if before.height != before.width:
        raise OctConvError(
            f"--image-size {size}: the images of this config are {before.height}x{before.width}, "
            "not square: set the size of each transform, and Global.image_shape, with -o"
        )
    factor = size / before.height if before.height > 0 else 1.0
    for part in ("Train", "Eval", "UnLabelTrain"):
        dataset = get(config, f"DataLoader.{part}.dataset")
        for name in dataset if isinstance(dataset, dict) else ():
            if str(name).startswith("transform_ops"):
                _resize(dataset[name], size, factor, before)
    if get(config, "Infer.transforms"):
        _resize(config["Infer"]["transforms"], size, factor, before)
    if is_closed(shape) or not any(shape[1:]):
        config.setdefault("Global", {})["image_shape"] = [shape[0], size, size]


def _resize(ops: Any, size: int, factor: float, before: Size) -> None:
    """Let transforms end in another size."""
    if not isinstance(ops, list):
        return
    sized = [
        options
        for name, options in _steps(ops)
        if options.get("size") and not name.startswith("Pad")
    ]
    if size_after(ops) is None:  # the images come as they are
        ops.insert(min(1, len(ops)), {"ResizeImage": {"size": size}})
        sized = []
    for name, options in _steps(ops):
        if options.get("resize_short"):
            options["resize_short"] = round(options["resize_short"] * factor)
        elif sized and options is sized[-1]:
            given = options["size"]
            same = size_after([{name: options}]) == before
            side = size if same else max(1, round(max(_sides(given)) * factor))
            options["size"] = [side, side] if isinstance(given, (list, tuple)) else side
        elif name in ("ResizeImage", "Resize") and any(options is each for each in sized):
            scaled = [round(side * factor) for side in _sides(options["size"])]
            options["size"] = scaled if len(scaled) > 1 else scaled[0]


def _sides(size: Any) -> list[int]:
    return list(size) if isinstance(size, (list, tuple)) else [size]


def check_one_size(key: str, ops: Any, images: Sequence[str]) -> None:
    """Check that images have one size after the transforms, as a batch needs them.

    Args:
        key: that of the transforms, for messages.
        ops: the transforms.
        images: paths; those that cannot be read are passed over.

    Raises:
        OctConvError: two images differ; naming both, and what would make them equal.
    """
    if size_after(ops) is not None:
        return
    step = max(1, len(images) // MOST_LOOKED_AT)
    first: tuple[str, Size] | None = None
    for image in images[::step]:
        size = _size_of(image)
        if size is None:
            continue
        size = _resized(size, ops)
        if first is None:
            first = image, size
        elif size != first[1]:
            raise OctConvError(
                f"{key}: images of one batch need one size, but after them {first[0]} has "
                f"{first[1].height}x{first[1].width} and {image} {size.height}x{size.width} "
                "pixels: add ResizeImage with a size, or CropImage"
            )


def _steps(ops: Any) -> Iterable[tuple[str, dict]]:
    for op in ops if isinstance(ops, list) else ():
        if isinstance(op, dict):
            for name, options in op.items():
                yield name, options if isinstance(options, dict) else {}


def _resized(size: Size, ops: Any) -> Size:
    """The size of an image after the transforms that keep its proportions."""
    for name, options in _steps(ops):
        short = options.get("resize_short")
        if name in _OF_PADDLE_VISION and type(options.get("size")) is int:
            short = options["size"]
        if short:
            factor = short / min(size)
            size = Size(round(size.height * factor), round(size.width * factor))
    return size


def _size_of(path: str) -> Size | None:
    from PIL import Image

    if not Path(path).is_file():
        return None
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112) in _TURNED
            return Size(*(image.size if turned else image.size[::-1]))
    except Exception:  # a damaged image can end in almost any exception
        return None
