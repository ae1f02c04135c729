"""Let PaddleClas's own predictor (``paddleclas --inference_model_dir``) read exported folders.

Three functions of the loaded predictor are wrapped, in memory:

* the model check, which asks for ``inference.pdmodel``, accepts ``inference.json`` as well;
* Paddle Inference is given the model's files by name, in the faster format that this Paddle
  reads. PaddleClas 2.6.0 gives it a folder instead, which Paddle 2.6 takes for a file and
  Paddle 3 reads as ``inference.json`` alone, without the executor that PIR needs. On a CPU it
  keeps its intermediate tensors, as the predictors of this package do;
* the config takes preprocessing and label names from the folder, if this package exported
  it, instead of ImageNet's. Options of the user's own win.

A folder from elsewhere, where it could be read before, gives the same predictions as before.
"""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType
from typing import Any
from unittest import mock

from ..common.errors import OctConvError
from ..deploy import metadata
from ..deploy.predictor import keep_intermediate_tensors, model_files

_TOPK = "PostProcess.Topk.topk"
_LABELS = "PostProcess.Topk.class_id_map_file"


def adapt(module: ModuleType) -> None:
    """Wrap the predictor of a loaded ``paddleclas.paddleclas``; once, however often called."""
    if getattr(module, "_octconv_adapted", False):
        return
    from paddleclas.deploy.utils import predictor

    _wrap(module, "init_config", _init_config)
    _wrap(module.PaddleClas, "_check_input_model", _check_input_model)
    _wrap(
        predictor.Predictor,
        "create_paddle_predictor",
        functools.partial(_create_paddle_predictor, predictor),
    )
    module._octconv_adapted = True


def _wrap(owner: Any, name: str, wrapper) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        return wrapper(original, *args, **kwargs)

    setattr(owner, name, wrapped)


def _check_input_model(original, self, model_name, inference_model_dir):
    if not model_name and inference_model_dir:
        with contextlib.suppress(OctConvError):
            model_files(inference_model_dir)
            return "custom", inference_model_dir
    return original(self, model_name, inference_model_dir)


def _create_paddle_predictor(module, original, self, args, inference_model_dir=None):
    folder = inference_model_dir or args.inference_model_dir
    if not args.get("use_gpu"):
        keep_intermediate_tensors()
    # Paddle's TensorRT engine takes pdmodel alone.
    config_class = _config_class(module.Config, folder, pir=not args.get("use_tensorrt"))
    with mock.patch.object(module, "Config", config_class):
        return original(self, args, inference_model_dir)


def _config_class(base: type, folder: str, pir: bool) -> type:
    """Paddle Inference's Config, but of the files that a folder and prefix stand for."""

    class Config(base):
        def __init__(self, *args):
            if args[0] == folder:
                model, params = model_files(*args, pir=pir)
                args = str(model), str(params)
            super().__init__(*args)
            if args[0].endswith(".json"):
                # PaddleClas asks for the memory pass, which under PIR runs in this executor only.
                self.enable_new_executor()

    return Config


def _init_config(original, model_type, model_name, inference_model_dir, **kwargs):
    config = original(model_type, model_name, inference_model_dir, **kwargs)
    described = metadata.read(inference_model_dir) if model_type == "custom" else None
    if described:
        _adopt(config, described, kwargs)
    return config


def _adopt(config, described: dict, options: dict) -> None:
    """Put the folder's preprocessing and label names into the predictor's config.

    options: the predictor's options as the user gave them; what they say stays.
    """
    overridden = [option.partition("=")[0] for option in options.get("override") or ()]
    ops = (described.get("PreProcess") or {}).get("transform_ops")
    if ops and not any(key.startswith("PreProcess") for key in overridden):
        config.PreProcess.transform_ops = _resized(
            ops, options.get("resize_short"), options.get("crop_size")
        )
    post = (described.get("PostProcess") or {"Topk": {}}).get("Topk")
    topk = (config.get("PostProcess") or {}).get("Topk")
    if post is None or topk is None:  # a task other than classification
        return
    if post.get("topk") and not options.get("topk") and _TOPK not in overridden:
        topk.topk = post["topk"]
    if not options.get("class_id_map_file") and _LABELS not in overridden:
        topk.class_id_map_file = None
        topk.label_list = metadata.label_list(described)


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
