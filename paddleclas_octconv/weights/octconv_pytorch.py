"""The ImageNet checkpoints of d-li14/octconv.pytorch: Oct-ResNet-50/101/152, Oct-MobileNetV1.

Those networks compute what ours do at alpha = 0.5; only the names differ, and PyTorch keeps the
matrix of a linear layer transposed.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from ..common.errors import OctConvError
from .safe_load import damaged, demand_finite, forbidden, shown, trusted

SUFFIXES = (".pth", ".pt", ".tar")


def load_torch(path: Path, trust: bool = False) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch state dict, alone or under "state_dict".

    Args:
        trust: load it whatever its pickle runs.

    Raises:
        OctConvError: torch is not installed, or the file is missing, damaged, not safe to load,
            or no state dict.
    """
    if not path.is_file():
        raise OctConvError(f"{path}: no such file")
    try:
        import torch
    except ImportError:
        raise OctConvError(
            f"{path}: PyTorch weights are read with torch, which is missing: pip install torch"
        ) from None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=not (trust or trusted()))
    except pickle.UnpicklingError as error:
        refers = re.search(r"GLOBAL (\S+)", str(error))
        if refers:
            raise forbidden(path, refers[1]) from None
        raise damaged(path, ValueError("PyTorch cannot read it")) from None
    except Exception as error:  # a damaged file can end in almost any exception
        raise damaged(path, error) from None
    if isinstance(saved, dict) and isinstance(saved.get("state_dict"), dict):
        saved = saved["state_dict"]
    if not isinstance(saved, dict):
        raise OctConvError(f"{path}: expected a state dict, got a {type(saved).__name__}")
    # Where DataParallel wrapped the network, its names begin so.
    weights = {
        re.sub(r"^module\.", "", str(key)): _array(path, key, value) for key, value in saved.items()
    }
    demand_finite(path, weights)
    return weights


def from_octconv_pytorch(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights from a state dict of that repository; a key unknown there stays as it is."""
    depth: dict[int, int] = {}  # blocks of each stage of a ResNet
    for key in state:
        block = re.match(r"layer([1-4])\.(\d{1,3})\.", key)
        if block:
            stage, index = int(block[1]), int(block[2])
            depth[stage] = max(depth.get(stage, 0), index + 1)

    def resnet_block(match: re.Match) -> str:
        earlier = sum(count for stage, count in depth.items() if stage < int(match[1]))
        return f"blocks.{earlier + int(match[2])}."

    rules: list[tuple[str, Any]] = [(r"layer([1-4])\.(\d{1,3})\.", resnet_block), *_RULES]
    weights = {}
    for key, value in state.items():
        if not key.endswith(".num_batches_tracked"):
            name = key
            for pattern, replacement in rules:
                name = re.sub(pattern, replacement, name)
            weights[name] = value.T if key == "fc.weight" else value
    return weights


_RULES = [
    (r"^conv1\.weight$", "stem.0.conv.weight"),
    (r"^bn1\.", "stem.0.bn."),
    (r"\.conv([123])\.(?=conv\.|bn_)", lambda match: f".conv{int(match[1]) - 1}."),
    (r"\.downsample\.0\.", ".short."),
    (r"^features\.0\.0\.", "conv.conv."),
    (r"^features\.0\.1\.", "conv.bn."),
    (r"^features\.(\d{1,3})\.0\.", lambda match: f"blocks.{int(match[1]) - 1}.depthwise_conv."),
    (r"^features\.(\d{1,3})\.1\.", lambda match: f"blocks.{int(match[1]) - 1}.pointwise_conv."),
    (r"\.conv_([hl])2([hl])\.", r".\1\2."),
    (r"\.bn_h\.", ".bn.high."),
    (r"\.bn_l\.", ".bn.low."),
    (r"\.running_mean$", "._mean"),
    (r"\.running_var$", "._variance"),
]


def _array(path: Path, key: str, value: Any) -> np.ndarray:
    try:
        array = value.detach().cpu()
        return (array.float() if array.is_floating_point() else array).numpy()
    except AttributeError:
        raise OctConvError(
            f"{path}: expected a state dict of tensors, but {shown(repr(key))} is a "
            f"{type(value).__name__}"
        ) from None
    except Exception as error:  # a sparse tensor, a quantized one, one without memory
        raise OctConvError(f"{path}: {shown(repr(key))} is not a plain tensor: {error}") from None
