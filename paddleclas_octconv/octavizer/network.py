"""``octavize``: a network of vanilla convolutions becomes an octave network."""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import Any, Sequence, cast

import paddle
from paddle import nn
from paddle.jit.dy2static.program_translator import StaticFunction

from ..common.errors import OctConvError
from ..layers import OctaveLayer, Order, keep_strides
from ..weights.match import cut_if_vanilla
from ..weights.network import OctaveNetwork
from .containers import holds_pair, without_pairs
from .convert import OctavizedBatchNorm2D, OctavizedConv2D, carry_out
from .converted import Converted
from .options import Options
from .pair import Pair
from .plan import make_plan
from .report import Report, report_on
from .tracing import outside_symbolic_translation, traced_as_a_whole


def octavize(
    network: nn.Layer,
    alpha: float | Sequence[float] = 0.5,
    *,
    input_size: int | Sequence[int] = 224,
    stem: int = 1,
    max_stride: int = 16,
    min_size: int = 2,
    plain: str | Sequence[str] = (),
    pool_stride: bool = False,
    keep_stride: bool = False,
) -> nn.Layer:
    """Make the convolutions of a network octave convolutions ("Drop an Octave", arXiv:1904.05049).

    The network itself is changed and returned; make its optimizer afterwards. Its parameters are
    cut from those that it has, so that it starts from what they have learned. What has no octave
    form takes plain tensors: ``network.octave_report`` tells what and why.

    Args:
        network: any network for images (N, C, H, W), or (N, H, W, C) if its layers are NHWC.
        alpha: share of low-frequency channels: one number in [0, 1), or one for each resolution
            that the convolutions behind the stem have, the largest first. At 0 the network stays
            as it is, to the bit.
        input_size: side, or height and width, of the images on which it is decided which
            convolutions are large enough; the network takes images of any size afterwards.
        stem: how many convolutions, from the first one on, stay plain.
        max_stride: feature maps with a larger total stride stay plain. The paper leaves the last
            stage plain, which has a total stride of 32.
        min_size: maps whose shorter side is less, at ``input_size``, stay plain.
        plain: names of convolutions whose output stays plain, such as "blocks.0.*".
        pool_stride: whether convolutions of stride 2 between plain maps, too, average and then
            convolve, as octave convolutions do.
        keep_stride: whether octave convolutions of stride 2 do not average either: they come
            nearer to what the vanilla ones were trained to do.

    Returns:
        The network. Its state dict has "hh.weight", "hl.weight", "lh.weight" and "ll.weight" in
        the place of an octave convolution's "weight", and it loads vanilla state dicts too.

    Raises:
        OctConvError: an option is wrong, the network does not run on such images, or nothing of
            it becomes octave; the network is unchanged then.
    """
    options = Options(
        alpha, input_size, stem, max_stride, min_size, plain, pool_stride, keep_stride
    )
    kind = type(network).__name__
    if not isinstance(network, nn.Layer):
        raise OctConvError(f"octavize takes a paddle.nn.Layer, got {kind}")
    if not paddle.in_dynamic_mode():
        raise OctConvError(
            f"octavize runs {kind} to see its feature maps, which static mode cannot: call "
            f"paddle.disable_static() before, and paddle.jit.to_static afterwards"
        )
    if any(isinstance(layer, OctaveLayer) for layer in network.sublayers(include_self=True)):
        raise OctConvError(f"{kind} is an octave network already")
    if alpha == 0:
        return network
    name = kind
    static = inspect.getattr_static(network, "forward", None)
    plan = make_plan(network, options)
    carry_out(network, plan)
    if keep_stride:
        keep_strides(network)
    cls: Any = type(network)
    members = {"octave_forward": cls.forward, "__module__": cls.__module__, "__doc__": cls.__doc__}
    root: type[OctavizedNetwork] = OctavizedNetwork
    if not _takes_one_argument(cls.forward):
        root = OctavizedNetworkOfMany
        members["forward"] = _as_called(root.forward, cls.forward)
    network.__class__ = type(cls)(cls.__name__, (root, cls), members)
    own = {"arch_name": name, "octave_report": report_on(name, plan, options)}
    vars(network).update(own)
    for hooks in (network._forward_post_hooks, network._forward_pre_hooks):
        for key, hook in list(hooks.items()):
            if isinstance(hook, MethodType) and hook.__self__ is network:
                hooks[key] = getattr(network, hook.__name__)
    layers = dict(network.named_sublayers(include_self=True))
    vars(network)["keepers"] = [(layers[layer], attribute) for layer, attribute in plan.kept]
    if isinstance(static, StaticFunction):
        return paddle.jit.to_static(network, input_spec=static._input_spec, full_graph=True)
    return network


class OctavizedNetwork:
    """What a converted network has besides what it had.

    Attributes:
        arch_name: what messages call it.
        octave_report: what became octave, and what did not.
        keepers: layers that keep maps in attributes, which are tensors after a call.
    """

    arch_name: str
    keepers: list[tuple[nn.Layer, str]]
    octave_report: Report

    def __init_subclass__(cls, **options: Any) -> None:
        """Without the network's own hook, which could refuse what is half done."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:  # ``forward`` may call its argument otherwise than the vanilla network does
            bound = inspect.signature(self.octave_forward).bind(*args, **kwargs)  # type: ignore[attr-defined]
            args, kwargs = bound.args, bound.kwargs
        result = call_natively(self, args, kwargs)
        for layer, attribute in self.keepers:
            kept = vars(layer).get(attribute)
            if isinstance(kept, Pair) and not paddle.in_dynamic_mode():
                del vars(layer)[attribute]  # of a program that is done
            elif holds_pair(kept):
                setattr(layer, attribute, without_pairs(kept))
        return result

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "forward":
            value = traced_as_a_whole(self, value)
        super().__setattr__(name, value)

    def forward(self, x: Any) -> Any:
        return without_pairs(self.octave_forward(x))  # type: ignore[attr-defined]

    def twin_key(self, key: str) -> str:
        """The vanilla network's name of a tensor, which is the same."""
        return key

    def twin_orders(self) -> dict[str, Order]:
        """The layers whose channels are not in the vanilla network's order."""
        kinds = (OctavizedConv2D, OctavizedBatchNorm2D)
        named = self.named_sublayers(include_self=True)  # type: ignore[attr-defined]
        return {name: layer.order for name, layer in named if isinstance(layer, kinds)}

    def set_state_dict(self, state_dict: Any, use_structured_name: bool = True) -> Any:
        """As Paddle's; a state dict of the vanilla network is cut into octave weights first."""
        if use_structured_name:
            state_dict = cut_if_vanilla(cast(OctaveNetwork, self), state_dict)
        return super().set_state_dict(state_dict, use_structured_name)  # type: ignore[misc]

    set_dict = load_dict = set_state_dict

    def _return_dict_hook(self, layer: Any, input: Any, output: Any) -> Any:
        # What PaddleClas returns for a stage is a tensor.
        return without_pairs(super()._return_dict_hook(layer, input, output))  # type: ignore[misc]


class OctavizedNetworkOfMany(OctavizedNetwork):
    """The same for a network that takes more than an image."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return without_pairs(self.octave_forward(*args, **kwargs))  # type: ignore[attr-defined]


@outside_symbolic_translation
def call_natively(network: Any, args: tuple, kwargs: dict) -> Any:
    """Call a converted network in Python, or in the program that is being built."""
    return Converted.__call__(network, *args, **kwargs)


def _as_called(function: Any, like: Any) -> Any:
    """A copy of a function that says it takes what another does: to_static asks."""
    copied = FunctionType(function.__code__, function.__globals__, function.__name__)
    copied.__signature__ = inspect.signature(like)  # type: ignore[attr-defined]
    return copied


def _takes_one_argument(forward: Any) -> bool:
    parameters = list(inspect.signature(forward).parameters.values())
    return len(parameters) == 2 and parameters[1].kind is parameters[1].POSITIONAL_OR_KEYWORD
