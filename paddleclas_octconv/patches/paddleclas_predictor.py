"""Let PaddleClas's own predictor (``paddleclas --inference_model_dir``) read exported folders.

A folder that says nothing about itself gives the same predictions as without these.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ..common.documents import read_yaml
from ..common.errors import OctConvError, traceback_wanted
from ..common.say import described, one_line, say, say_error
from ..deploy import metadata
from ..deploy.predictor import (
    check_files,
    keep_intermediate_tensors,
    may_keep_tensors,
    model_files,
)
from .patch import PREDICTOR, Patch

INIT_CONFIG = Patch(
    "paddleclas.paddleclas.init_config",
    PREDICTOR,
    "it assumes ImageNet's preprocessing and label names: those in the folder's `inference.yml` "
    "are taken instead, where the user gives none",
)
CHECK_INPUT_MODEL = Patch(
    "paddleclas.paddleclas.PaddleClas._check_input_model",
    PREDICTOR,
    "it asks for `inference.pdmodel`: `inference.json`, which Paddle 3 writes, is a model too",
)
IMAGE_LIST = Patch(
    "paddleclas.paddleclas.get_image_list",
    PREDICTOR,
    "it passes over images by their suffix (`.PNG`, `.webp`, `.tif`): it finds those that "
    "`paddleclas predict` finds",
)
CREATE = Patch(
    "paddleclas.deploy.utils.predictor.Predictor.create_paddle_predictor",
    PREDICTOR,
    "on a CPU, intermediate tensors are kept from one prediction to the next, which is faster",
)
CONFIG = Patch(
    "paddleclas.deploy.utils.predictor.Config",
    f"{PREDICTOR}, while it opens a folder",
    "PaddleClas 2.6.0 names the folder alone, which Paddle 2.6 takes for a file and Paddle 3 reads "
    "without the executor that PIR needs: it is given the files, in the faster format",
)
MAIN = Patch(
    "paddleclas.paddleclas.main",
    "the `paddleclas` command",
    "an error in the folder is told in one line",
)
PRINT_INFO = Patch(
    "paddleclas.paddleclas.print_info",
    "the `paddleclas` command, where it is given a folder",
    "it lists all networks of PaddleClas, 90 lines, before what is predicted",
)
PATCHES = (INIT_CONFIG, CHECK_INPUT_MODEL, IMAGE_LIST, CREATE, CONFIG, MAIN, PRINT_INFO)

# The steps that an inference.yml can ask for, of those that PaddleClas's predictor has.
OPERATORS = ("DecodeImage", "ResizeImage", "CropImage", "NormalizeImage", "ToCHWImage")
_LABELS = "PostProcess.Topk.class_id_map_file"


def adapt(module: ModuleType) -> None:
    """Adapt the predictor of a loaded ``paddleclas.paddleclas``; once, however often called."""
    if getattr(module, "_octconv_adapted", False):
        return
    from paddleclas.deploy.utils import predictor

    INIT_CONFIG.wrap(module, _init_config)
    CHECK_INPUT_MODEL.wrap(module.PaddleClas, _check_input_model)
    IMAGE_LIST.wrap(module, _image_list)
    CREATE.wrap(predictor.Predictor, functools.partial(_create_paddle_predictor, predictor))
    module._octconv_adapted = True  # type: ignore[attr-defined]


def adapt_command(module: ModuleType) -> None:
    """Adapt the ``paddleclas`` command, which calls ``main`` of ``paddleclas.paddleclas``."""
    MAIN.wrap(module, _main)
    if any(word.startswith("--inference_model_dir") for word in sys.argv):
        PRINT_INFO.put(module, lambda: None)


def _main(main):
    try:
        return main()
    except OctConvError as error:
        say_error(error)
        return 2
    except Exception as error:
        # What PaddleClas says of a folder, a name or an image that is none.
        told = type(error) is Exception or type(error).__module__ == main.__module__
        image = _image_of(error)
        if traceback_wanted() or not (told or image):
            raise
        say_error(f"{image}: cannot be read: {described(error)}" if image else one_line(error))
        return 2


def _image_of(error: Exception) -> str | None:
    """The image that OpenCV does not read, such as one beyond its bounds."""
    if type(error).__module__ != "cv2":
        return None
    frames = (frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__))
    return next((held["img_path"] for held in frames if "img_path" in held), None)


def _check_input_model(original, self, model_name, inference_model_dir):
    if not model_name and inference_model_dir:
        with contextlib.suppress(OctConvError):
            model_files(inference_model_dir)
            return "custom", inference_model_dir
    return original(self, model_name, inference_model_dir)


def _image_list(original, img_file):
    from ..deploy.classify import find_images

    return [str(path) for path in find_images(Path(str(img_file)))]


def _create_paddle_predictor(module, original, self, args, inference_model_dir=None):
    folder = inference_model_dir or args.inference_model_dir
    # Paddle's TensorRT engine takes pdmodel alone.
    pir, keeps = not args.get("use_tensorrt"), not args.get("use_gpu")
    config_class = _config_class(module.Config, folder, pir, keeps)
    with CONFIG.put_within(module, config_class):
        return original(self, args, inference_model_dir)


def _config_class(base: Any, folder: str, pir: bool, keeps: bool) -> type:
    """Paddle Inference's Config, but of the files that a folder and prefix stand for, with
    intermediate tensors kept."""

    class Config(base):
        def __init__(self, *args):
            if args[0] == folder:
                prefix = args[1] if len(args) > 1 else "inference"
                model, params = model_files(args[0], prefix, pir=pir)
                check_files(model, params)
                args = str(model), str(params)
            super().__init__(*args)
            if keeps and may_keep_tensors(Path(args[0])):
                keep_intermediate_tensors()
            if args[0].endswith(".json"):
                # PaddleClas asks for the memory pass, which under PIR runs in this executor only.
                self.enable_new_executor()

    return Config


def _init_config(original, model_type, model_name, inference_model_dir, **kwargs):
    config = original(model_type, model_name, inference_model_dir, **kwargs)
    if model_type == "custom":
        described = _describe(inference_model_dir)
        if described:
            _adopt(config, described, inference_model_dir, kwargs)
        elif _guesses_labels(config, kwargs):
            say(
                f"warning: {inference_model_dir} does not name its classes: the label names are "
                f"ImageNet's; --class_id_map_file=FILE gives others"
            )
    return config


def _describe(folder: str) -> dict | None:
    """What a folder says about itself, by this package's exporter or PaddleClas's own.

    Raises:
        OctConvError: this package has written it, and it is not what it wrote.
    """
    ours = metadata.read(folder)
    try:
        described = ours or read_yaml(Path(folder, metadata.CONFIG_FILE), "")
    except OctConvError:
        return None
    try:
        _check(described, Path(folder, metadata.CONFIG_FILE))
    except OctConvError as error:
        if ours:
            raise
        say(f"warning: not taken into account: {error}")
        return None
    return described


def _check(described: Any, file: Path) -> None:
    """Refuse what is no preprocessing: PaddleClas looks steps up by name and evaluates text.

    Raises:
        OctConvError: naming the step or the key.
    """
    section = described.get("PreProcess") if isinstance(described, dict) else None
    ops = section.get("transform_ops") if isinstance(section, dict) else None
    if not isinstance(ops, list):
        raise OctConvError(f"{file}: PreProcess.transform_ops should be a list of steps")
    for op in ops:
        name = next(iter(op)) if isinstance(op, dict) and len(op) == 1 else None
        if name not in OPERATORS:
            raise OctConvError(
                f"{file}: PreProcess.transform_ops: {name or op!r} should be one of "
                f"{', '.join(OPERATORS)}, with its options"
            )
        options = op[name] or {}
        scale = options.get("scale") if isinstance(options, dict) else options
        if not isinstance(options, dict) or type(scale) not in (int, float, type(None)):
            raise OctConvError(
                f"{file}: PreProcess.transform_ops: {name}.scale: {scale!r} should be a number"
            )
    metadata.check_post_process(described, file)


def _guesses_labels(config: Any, options: dict) -> bool:
    """Whether label names are shown that neither folder nor user have given."""
    topk = (config.get("PostProcess") or {}).get("Topk")
    return bool(topk) and not options.get("class_id_map_file") and _LABELS not in _keys(options)


def _keys(options: dict) -> list[str]:
    return [option.partition("=")[0] for option in options.get("override") or ()]


def _adopt(config: Any, described: dict, folder: str, options: dict) -> None:
    """Put the folder's preprocessing and label names into the predictor's config.

    Args:
        config: that of the predictor.
        described: what the folder says about itself.
        folder: that folder.
        options: the predictor's options as the user gave them; what they say stays.
    """
    overridden = _keys(options)
    ops = described["PreProcess"]["transform_ops"]
    if ops and not any(key.startswith("PreProcess") for key in overridden):
        config.PreProcess.transform_ops = _resized(
            ops, options.get("resize_short"), options.get("crop_size")
        )
    topk = (config.get("PostProcess") or {}).get("Topk")
    threshold = metadata.threshold_of(described)
    if threshold is not None and topk is not None:
        _adopt_several(config, threshold, folder, options)
        return
    post = (described.get("PostProcess") or {"Topk": {}}).get("Topk")
    if post is None or topk is None:  # a task other than classification
        return
    if post.get("topk") and not options.get("topk") and "PostProcess.Topk.topk" not in overridden:
        topk.topk = post["topk"]
    if not options.get("class_id_map_file") and _LABELS not in overridden:
        topk.class_id_map_file = None
        topk.label_list = metadata.label_list(described)


def _adopt_several(config: Any, threshold: float, folder: str, options: dict) -> None:
    """Let the predictor name each class whose probability reaches a threshold."""
    names = options.get("class_id_map_file")
    if not names and Path(folder, metadata.LABELS_FILE).is_file():
        names = str(Path(folder, metadata.LABELS_FILE))
    del config.PostProcess["Topk"]
    config.PostProcess.main_indicator = metadata.MULTI_LABEL
    config.PostProcess[metadata.MULTI_LABEL] = type(config.PostProcess)(
        {"threshold": options.get("thresh") or threshold, "class_id_map_file": names}
    )


def _resized(ops: list[dict], resize_short: int | None, crop_size: int | None) -> list[dict]:
    """The steps with --resize_short and --crop_size applied to them."""
    if resize_short:
        ops = [
            {"ResizeImage": {**_without(op["ResizeImage"], "size"), "resize_short": resize_short}}
            if "ResizeImage" in op
            else op
            for op in ops
        ]
    if crop_size:
        ops = [op for op in ops if "CropImage" not in op]
        after = next((i for i, op in enumerate(ops, 1) if "ResizeImage" in op), 0)
        ops.insert(after, {"CropImage": {"size": crop_size}})
    return ops


def _without(options: dict, key: str) -> dict:
    return {name: value for name, value in options.items() if name != key}
