"""Weights for an OctConv network: its own, or those of its vanilla twin."""

from __future__ import annotations

import logging
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
import paddle
from paddle import nn

from ..common.errors import OctConvError
from ..layers import OctaveLayer
from .network import OctaveNetwork, state_of
from .safe_load import shown
from .vanilla import cut, vanilla_parts

NAMED_KEYS = 3  # how many of the keys that differ a message names


class Match(NamedTuple):
    """Weights that a network can load.

    Attributes:
        weights: the network's own, without a classifier of other classes.
        vanilla: whether they are cut from the vanilla twin's.
        note: says in a clause what was done.
    """

    weights: dict[str, np.ndarray]
    vanilla: bool
    note: str


def match_weights(
    model: OctaveNetwork, weights: Mapping[str, np.ndarray], source: str, new_classes: bool = True
) -> Match:
    """Make weights of ``model`` out of its own weights or of its vanilla twin's.

    Args:
        model: the network.
        weights: by name.
        source: what messages call the weights.
        new_classes: let the classifier have another number of classes, and leave it out then.

    Raises:
        OctConvError: they fit neither; the message names the first keys that differ.
    """
    name = model.arch_name
    classifier = _classifier(model)
    vanilla = _are_vanilla(model, weights)
    if vanilla:
        parts = vanilla_parts(model)
        wanted = {key: list(part.shape) for key, part in parts.items()}
        optional = {key for key, part in parts.items() if part.optional}
        classifier = [model.twin_key(key) for key in classifier]
        network = f"the vanilla twin of {name}"
        note = "kernels and batch norms cut from those of the vanilla twin"
    else:
        wanted = {key: list(value.shape) for key, value in state_of(model).items()}
        optional, network = set(), name
        note = "the network's own"

    anew = _classes(weights, wanted, classifier) if new_classes else {}
    kept = {key: value for key, value in weights.items() if key not in anew}
    unused = _check(
        kept,
        {key: shape for key, shape in wanted.items() if key not in anew},
        optional,
        f"{source} does not fit {network}",
    )
    if anew:
        layer, given, classes = next(iter(anew.values()))
        note += f"; {layer} starts anew: {classes} classes, not {given}"
    if unused:
        note += f"; nothing here uses {_list(unused)}"
    return Match(cut(parts, kept) if vanilla else kept, vanilla, note)


def check_weights(
    model: nn.Layer,
    weights: Mapping[str, np.ndarray],
    complaint: str,
    class_num: int | None = None,
) -> None:
    """Check that a network of PaddleClas can load weights; what it has no use for it ignores.

    Args:
        model: the network.
        weights: by name.
        complaint: what a message begins with.
        class_num: let tensors for so many classes have another number of them: PaddleClas starts
            those anew.

    Raises:
        OctConvError: they do not fit; the message names the first keys that differ.
    """
    wanted = {key: list(value.shape) for key, value in state_of(model).items()}
    if class_num is not None and all(key in weights for key in wanted):
        wanted = {
            key: list(np.shape(weights[key])) if shape[-1:] == [class_num] else shape
            for key, shape in wanted.items()
        }
    _check({key: weights[key] for key in wanted if key in weights}, wanted, set(), complaint)


def class_num(model: OctaveNetwork, weights: Mapping[str, np.ndarray]) -> int | None:
    """The number of classes that weights of ``model`` or of its vanilla twin are for."""
    for key in _classifier(model):
        for name in (key, model.twin_key(key)):
            if name in weights and np.size(weights[name]):
                return next(reversed(np.shape(weights[name])), None)
    return None


def load_into(model: nn.Layer | OctaveNetwork, weights: Mapping[str, np.ndarray]) -> None:
    """Give a network those of its parameters and buffers that are in ``weights``."""
    for key, tensor in state_of(model).items():
        if key in weights:
            tensor.set_value(_to_tensor(weights[key], tensor.dtype))


def cut_if_vanilla(model: OctaveNetwork, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict itself, unless it is the vanilla twin's: cut then, with one log line.

    Raises:
        OctConvError: it is the twin's, but not all of it, or of other shapes.
    """
    if not _are_vanilla(model, state_dict):
        return state_dict
    arrays = {key: _to_array(value) for key, value in state_dict.items()}
    found = match_weights(model, arrays, "the state dict")
    log(f"{model.arch_name}: weights loaded: {found.note}")
    own = model.state_dict()
    return {
        key: _to_tensor(value, own[key].dtype) if key in own else value
        for key, value in found.weights.items()
    }


def cut_inside(model: nn.Layer, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of a model that octave networks are part of, as PaddleClas's ``RecModel`` and
    ``DistillationModel``: where they hold the vanilla twin of such a part, that is cut.

    Raises:
        OctConvError: they hold a twin, but not all of it, or of other shapes.
    """
    fitted = dict(weights)
    for name, layer in model.named_sublayers():
        if isinstance(layer, OctaveNetwork):
            prefix = f"{name}."
            own = {key[len(prefix) :]: key for key in weights if key.startswith(prefix)}
            found = cut_if_vanilla(layer, {key: weights[whole] for key, whole in own.items()})
            for whole in own.values():
                del fitted[whole]
            fitted.update({prefix + key: value for key, value in found.items()})
    return fitted


def log(message: str) -> None:
    """Log to where PaddleClas's messages go."""
    logging.getLogger("ppcls").info(message)


def _are_vanilla(model: OctaveNetwork, weights: Mapping[str, Any]) -> bool:
    """Whether an octave layer is there as only the twin has it, and none as only we have it."""
    octave = [name for name, layer in model.named_sublayers() if isinstance(layer, OctaveLayer)]
    prefixes = tuple(f"{name}." for name in octave)
    if any(key in weights for key in model.state_dict() if key.startswith(prefixes)):
        return False
    return any(model.twin_key(f"{name}.weight") in weights for name in octave)


def _classifier(model: OctaveNetwork) -> list[str]:
    """The keys of the last linear layer."""
    names = [name for name, layer in model.named_sublayers() if isinstance(layer, nn.Linear)]
    return [f"{names[-1]}.weight", f"{names[-1]}.bias"] if names else []


def _classes(
    weights: Mapping[str, np.ndarray], wanted: Mapping[str, list[int]], classifier: Sequence[str]
) -> dict[str, tuple[str, int, int]]:
    """Classifier tensors with another number of classes: (layer, given, wanted)."""
    anew = {}
    for key in classifier:
        given = list(np.shape(weights[key])) if key in weights else []
        if given != wanted[key] and given[:-1] == wanted[key][:-1] and given:
            anew[key] = (key.rpartition(".")[0], given[-1], wanted[key][-1])
    return anew


def _check(
    weights: Mapping[str, np.ndarray],
    wanted: Mapping[str, list[int]],
    optional: set[str],
    complaint: str,
) -> list[str]:
    """Raise if weights differ from the wanted shapes; returns the keys that belong to no layer."""
    missing = [key for key in wanted if key not in weights and key not in optional]
    shapes = [
        f"{shown(key)} is {list(np.shape(weights[key]))}, should be {shape}"
        for key, shape in wanted.items()
        if key in weights and list(np.shape(weights[key])) != shape
    ]
    unexpected = [key for key in weights if key not in wanted]
    ours = {key.partition(".")[0] for key in wanted}
    if missing or shapes or any(key.partition(".")[0] in ours for key in unexpected):
        problems = [
            f"{what} {_list(items)}".strip()
            for what, items in (("missing", missing), ("", shapes), ("unexpected", unexpected))
            if items
        ]
        raise OctConvError(f"{complaint}: {'; '.join(problems)}")
    return unexpected


def _list(items: Sequence[str]) -> str:
    more = len(items) - NAMED_KEYS
    return ", ".join(map(shown, items[:NAMED_KEYS])) + (f" and {more} more" if more > 0 else "")


def _to_tensor(value: np.ndarray, dtype: Any) -> paddle.Tensor:
    """A tensor of an array of any numbers, in any order of bytes."""
    if value.dtype not in (np.float32, np.float64, np.float16):
        value = value.astype(np.int64 if value.dtype.kind in "biu" else np.float64)
    return paddle.to_tensor(value).astype(dtype)


def _to_array(value: Any) -> np.ndarray:
    if isinstance(value, paddle.Tensor) and value.dtype == paddle.bfloat16:
        value = value.astype("float32")
    return np.asarray(value)
