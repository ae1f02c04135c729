"""Our names for the weights of facebookresearch/OctConv, the repository of the paper's authors.

One name has three spellings there, that of its Symbol networks, of Gluon's ``save_parameters``
(which renmada/OctConv-paddle keeps) and of Gluon's older ``save_params``::

    arg:L2_B01_conv1_conv-h2h_weight    L1_B0.conv1.conv_h2h.weight    L1_B0_conv1-h2h_weight

All of them become ``L1_B0.conv1.conv.hh.weight``, and this the name of the layer in the network
here.
"""

from __future__ import annotations

import contextlib
import re
from typing import Mapping

import numpy as np

# The batch norms of the Symbol networks have the epsilon 1e-4, those here 1e-5: what is added to
# the variance stands for the difference.
EPSILON_DIFFERENCE = 1e-4 - 1e-5

_PARAMETERS = {
    "weight": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "_mean",
    "moving_var": "_variance",
    "running_mean": "_mean",
    "running_var": "_variance",
    "_mean": "_mean",
    "_variance": "_variance",
}
_BRANCHES = {"h": "high", "l": "low"}
_PARAMETER = rf"[._](?P<parameter>{'|'.join(_PARAMETERS)})$"

# (pattern of their name within a block or the network, our spelling)
_BLOCK_RULES = [
    (r"(conv\d?)(?:_conv-|\.conv_|-)([hl])2([hl])", r"\1.conv.\2\3"),
    (r"(conv\d?)_bn-([hl])", r"\1.bn.\2"),
    (r"bn(\d)a(?:\.bn_|-)([hl])", r"norm\1.\2"),
    (r"bn(\d)(?:\.bn_|-)([hl])", r"conv\1.bn.\2"),
    (r"se_fc1-([hl])2h", r"se.squeeze.\1"),
    (r"se_fc2-h2([hl])", r"se.excitation.\1"),
    (r"(?:se_block\.|se-)conv1", r"se.squeeze"),
    (r"(?:se_block\.|se-)conv2[_-]([hl])", r"se.excitation.\1"),
]
_RULES = [
    (r"conv1_conv|conv1\.0|conv1", "stem.0.conv"),
    (r"conv1_bn|conv1\.1|bn1", "stem.0.bn"),
    (r"stem_conv1", "stem.0.conv"),
    (r"stem_bn1", "stem.0.bn"),
    (r"stem_conv2|conv1\.3", "stem.1.conv"),
    (r"stem_bn2|conv1\.4", "stem.1.bn"),
    (r"stem_conv3|conv1\.6", "stem.2.conv"),
    (r"stem_bn3|conv1\.7", "stem.2.bn"),
    (r"(?:stem2_|conv2\.)conv(\d)", r"stem2.conv\1.conv"),
    (r"(?:stem2_|conv2\.)bn(\d)", r"stem2.conv\1.bn"),
    (r"tail-conv|tail\.0|head\.0", "tail.conv"),
    (r"tail_bn|tail-bn|tail\.1|head\.1", "tail.bn"),
    (r"classifi?er|head\.5", "fc"),
]


def is_octconv_mxnet(weights: Mapping[str, np.ndarray]) -> bool:
    """Whether names are those of that repository."""
    return any(re.match(r"(arg:)?([MR]\d+_)?L\d_B\d+[._]conv", key) for key in weights)


def from_octconv_mxnet(
    weights: Mapping[str, np.ndarray], units: Mapping[str, str], counts_layers: bool = False
) -> dict[str, np.ndarray]:
    """Our weights from those of that repository; a name unknown there stays as it is.

    Args:
        weights: by their names.
        units: what their units are called in the network here, where that differs.
        counts_layers: whether a block of theirs is a layer of a dense block here.
    """
    symbol = any(key.endswith("moving_var") for key in weights)  # "running_var" in Gluon
    named = {_canonical(key): value for key, value in weights.items()}
    blocks = sorted({match[1] for match in map(_BLOCK.match, named) if match}, key=_place)
    numbers = {block: str(number) for number, block in enumerate(blocks)}
    if counts_layers:
        numbers = _densenet_numbers(blocks)
    ours: dict[str, np.ndarray] = {}
    for key, value in named.items():
        if symbol and key.endswith("._variance"):
            value = value + np.float32(EPSILON_DIFFERENCE)
        ours[_our_name(key, numbers, units)] = value
    _join_gates(ours)
    _fix_norms(ours)
    return {key: _linear(key, value) for key, value in ours.items()}


def alpha_of(weights: Mapping[str, np.ndarray]) -> float | None:
    """The share of low channels behind the first convolution of our weights that has both."""
    for key, low in weights.items():
        high = weights.get(key.replace(".hl.weight", ".hh.weight"))
        if (
            key.endswith(".hl.weight")
            and high is not None
            and low.ndim == high.ndim == 4
            and low.size
        ):
            return round(low.shape[0] / (low.shape[0] + high.shape[0]), 4)
    return None


_BLOCK = re.compile(r"(L\d+_(?:B\d+|Trans))\.")


def _canonical(name: str) -> str:
    """One spelling of the three; a name that is none of them stays as it is."""
    bare = re.sub(r"^(arg:|aux:)?([MR]\d+_)?", "", name)  # Gluon may put the network's name first
    block, within = re.match(r"(?:(L\d+_(?:B\d+|Trans))[._])?(.*)", bare).groups()  # type: ignore[union-attr]
    for pattern, replacement in _BLOCK_RULES if block else _RULES:
        match = re.match(f"(?:{pattern}){_PARAMETER}", within)
        if match:
            layer = re.sub(r"\.([hl])$", lambda b: f".{_BRANCHES[b[1]]}", match.expand(replacement))
            prefix = f"{block}." if block else ""
            return f"{prefix}{layer}.{_PARAMETERS[match['parameter']]}"
    return name


def _place(block: str) -> tuple[int, int]:
    """Sorts blocks in the order of the network; the transition comes before its stage."""
    stage, number = re.match(r"L(\d+)_(?:B(\d+)|Trans)", block).groups(default="-1")  # type: ignore[union-attr]
    return int(stage), int(number)


def _densenet_numbers(blocks: list[str]) -> dict[str, str]:
    """Dense blocks and transitions take turns, and the layers of a dense block are counted."""
    numbers = {}
    for block in blocks:
        stage, layer = _place(block)
        place = 2 * (stage - 2)
        numbers[block] = str(place - 1) if layer < 0 else f"{place}.{layer - 1}"
    return numbers


def _our_name(key: str, numbers: Mapping[str, str], units: Mapping[str, str]) -> str:
    match = _BLOCK.match(key)
    prefix, rest = (f"blocks.{numbers[match[1]]}.", key[match.end() :]) if match else ("", key)
    for theirs, ours in units.items():
        if rest.startswith(f"{theirs}."):
            if theirs == "stem2":  # a plain bottleneck
                return ours + re.sub(
                    r"\.conv(\d)\.",
                    lambda unit: f".{units['conv' + unit[1]]}.",
                    rest[len(theirs) :],
                    count=1,
                )
            return prefix + ours + rest[len(theirs) :]
    return prefix + rest


def _join_gates(weights: dict[str, np.ndarray]) -> None:
    """Put the halves of the linear layers of squeeze and excitation together, high then low."""
    for key in [key for key in weights if ".se." in key and ".high." in key]:
        low, whole = key.replace(".high.", ".low."), key.replace(".high.", ".")
        parts = [weights[part] for part in (key, low) if part in weights]
        axis = 1 if ".squeeze." in key and key.endswith(".weight") else 0
        if all(part.ndim == parts[0].ndim > axis for part in parts):
            # Of other shapes they stay apart, and fit no network.
            with contextlib.suppress(ValueError):
                weights[whole] = np.concatenate(parts, axis=axis)
                weights.pop(key)
                weights.pop(low, None)


def _fix_norms(weights: dict[str, np.ndarray]) -> None:
    """The scales of a batch norm without scales are in the files, and count as ones there."""
    for key in weights:
        if re.search(r"\.(short_)?norm\.(high|low)\.weight$", key):
            weights[key] = np.ones_like(weights[key])


def _linear(key: str, value: np.ndarray) -> np.ndarray:
    """Linear layers are 1x1 convolutions there, or matrices that are transposed here."""
    if not re.search(r"(^(fc|out)|\.se\.\w+)\.weight$", key) or value.ndim not in (2, 4):
        return value
    return value.reshape(value.shape[:2]).T if value.shape[2:] in ((), (1, 1)) else value
