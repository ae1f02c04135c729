"""Puts the OctConv backbones into PaddleClas's architecture registry, and builds networks from it.

PaddleClas looks names up in the namespace of its ``arch`` package. Two copies of it can be loaded
at once: a checkout's ``ppcls`` and a wheel's ``paddleclas.ppcls``. They are different modules,
each with its own ``TheseusLayer``, so each gets backbones that are layers of its own.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping

from .backbones.catalogue import CATALOGUE
from .backbones.published_weights import implied_options
from .common.errors import OctConvError, explained, unexpected_argument
from .common.numbers import FLAG
from .common.suggest import suggest
from .octavizer.options import NOT_FOR_THE_NETWORK, OCTAVE, vanilla_of
from .weights.safe_load import check_weights_file

if TYPE_CHECKING:
    from paddle import nn

COPIES = ("ppcls", "paddleclas.ppcls")
# Options that vanilla networks lack.
_OF_OCTAVES = ("alpha", "conv_bias", "small_images", "keep_stride")
_CLASSES = ("num_classes", "n_classes", "nb_classes", "classes", "num_class", "class_number")


def build(name: str, **options: Any) -> nn.Layer:
    """A network as of ``create_model``, whose random weights are the same at every call."""
    import paddle

    paddle.seed(0)
    return create_model(name, **options)


def create_model(name: str, **options: Any) -> nn.Layer:
    """A network of this package or of PaddleClas, as ``Arch`` of a config has it.

    Args:
        name: as in ``Arch.name``: ``list_models()`` has those of this package; ``Octave``, with
            ``backbone``, is any network an octave down.
        options: the other keys of ``Arch``: ``class_num`` (1000 where it is not given), ``alpha``
            of octave networks, and ``pretrained``: True for published ImageNet weights, "vanilla"
            for those of the vanilla twin, or a ``.pdparams`` file. Weights of other classes start
            the network without its last layer.

    Returns:
        The network: images (N, 3, H, W), float32, to logits (N, class_num).

    Raises:
        OctConvError: there is no such network, or it does not take an option or its value.
    """
    from paddleclas.ppcls.arch import backbone

    from .weights.pretrained import path_of

    register()
    function = getattr(backbone, name, None)
    if name not in backbone.__all__ or function is None:
        raise OctConvError(f"{name}: no such network{suggest(name, backbone.__all__)}")
    given = options.get("pretrained")
    if isinstance(given, str) and not hasattr(function, "octconv"):
        # PaddleClas unpickles whatever it is.
        weights = path_of(given)
        check_weights_file(weights)
        options["pretrained"] = str(weights.with_suffix(""))
    with explained(f"{name} cannot be built"):
        try:
            return function(**options)
        except TypeError as error:
            option = unexpected_argument(error)
            if option is None:
                raise
            raise OctConvError(f"{name} takes no {option!r}{_near(option, ())}") from None


def twin_of(name: str, options: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The vanilla network that a network of this package stands for, and its options.

    Args:
        name: as in ``Arch.name``.
        options: the other keys of ``Arch``.

    Returns:
        None and no options where PaddleClas has none, as with ``small_images``, or it is no
        network of this package.
    """
    if name == OCTAVE:
        return vanilla_of(options)
    twin = CATALOGUE[name].twin if name in CATALOGUE else None
    if twin is None or options.get("small_images"):
        return None, {}
    return twin, {key: value for key, value in options.items() if key not in _OF_OCTAVES}


def register() -> None:
    """Put every backbone into each loaded copy of PaddleClas; does nothing where none is loaded."""
    for copy in COPIES:
        module = sys.modules.get(f"{copy}.arch.backbone")
        if module is None:
            continue
        register_into(module)
        # These have already taken over the names of `backbone`, each by `import *`.
        for name in (f"{copy}.arch", copy, copy.rpartition(".")[0]):
            importer = sys.modules.get(name)
            if importer is None or not hasattr(importer, "ResNet50"):
                continue
            for network in (*CATALOGUE, OCTAVE):
                function = getattr(module, network)
                if getattr(importer, network, None) is None and hasattr(function, "octconv"):
                    setattr(importer, network, function)


def register_into(backbone: ModuleType) -> None:
    """Put every OctConv backbone into one copy's ``arch.backbone`` module.

    A name that is already taken by something else is left alone, with a warning.
    """
    for name, function in _bind_all(backbone).items():
        taken = getattr(backbone, name, None)
        if taken is None:
            setattr(backbone, name, function)
            backbone.__all__.append(name)
        elif not hasattr(taken, "octconv"):
            warnings.warn(
                f"{backbone.__name__} has a {name} already; it stays, "
                f"and the one of paddleclas_octconv is not registered",
                stacklevel=2,
            )


def add_to_paddlex(model_list: ModuleType) -> None:
    """Put the names of this package, and of their vanilla twins, among the networks of PaddleX.

    PaddleX binds every name of that list to its predictor, trainer, evaluator and exporter of image
    classification, and takes a folder if ``Global.model_name`` of its ``inference.yml`` is one.

    Args:
        model_list: ``paddlex.modules.image_classification.model_list``, just imported.
    """
    twins = [entry.twin for entry in CATALOGUE.values() if entry.twin]
    known = model_list.MODELS
    known.extend(name for name in dict.fromkeys((*CATALOGUE, OCTAVE, *twins)) if name not in known)


def _bind_all(backbone: ModuleType) -> dict[str, Callable[..., nn.Layer]]:
    """A function for every name, whose networks are layers of one copy of PaddleClas."""
    theseus = importlib.import_module(f"{backbone.__name__}.base.theseus_layer").TheseusLayer
    bound: dict[type, type] = {}
    functions = {}
    for name, entry in CATALOGUE.items():
        network = entry.load()
        if network not in bound:
            bound[network] = type(
                network.__name__,
                (network, theseus),
                {"__module__": backbone.__name__, "__doc__": network.__doc__},
            )
        functions[name] = _bind(name, bound[network], backbone)
    functions[OCTAVE] = _bind_octave(backbone)
    return functions


def _bind(name: str, network: type, backbone: ModuleType) -> Callable[..., nn.Layer]:
    options = CATALOGUE[name].options
    accepted = list(inspect.signature(network).parameters)

    def build(
        pretrained: bool | str = False,
        use_ssld: bool = False,
        frozen_stages: int | None = None,
        keep_stride: bool = False,
        **kwargs,
    ):
        from .backbones.frozen import freeze
        from .backbones.pretrained import load
        from .layers import keep_strides

        FLAG.demand("keep_stride", keep_stride)
        given = {key: kwargs[key] for key in kwargs if key not in NOT_FOR_THE_NETWORK}
        for option in given:
            if option not in accepted:
                raise OctConvError(f"{name} has no option {option!r}{_near(option, accepted)}")
        given = implied_options(name, pretrained, given)
        model = network(**{**options, **given})
        model.arch_name = name
        if keep_stride:
            keep_strides(model)
        copy = backbone.__name__.partition(".arch.")[0]
        load(model, pretrained, name, copy, use_ssld, given.get("alpha"))
        freeze(model, frozen_stages)
        return model

    build.__name__ = build.__qualname__ = name
    build.__module__ = backbone.__name__
    build.__doc__ = f"""{name}

    Args:
        pretrained: True for the ImageNet weights that the paper's authors published, which imply
            alpha (``paddleclas weights`` lists them); "vanilla" for those that PaddleClas publishes
            of the vanilla twin, cut into octave weights; or the path or address of a ``.pdparams``
            file, of this network or of its twin.
        use_ssld: with "vanilla", the twin's weights that PaddleClas has distilled.
        frozen_stages: keep the stem (0), and the first stages (1, 2, …), as they are in training.
        keep_stride: convolve at stride 2 where the paper's network averages, and then convolves at
            stride 1: what ``paddleclas octavize`` makes of the vanilla twin.
        **kwargs: those of ``{network.__name__}``: alpha, conv_bias, class_num, return_stages, …
    """
    build.__dict__["octconv"] = CATALOGUE[name]
    return build


def _near(option: str, accepted: Iterable[str]) -> str:
    """What was meant by an option, or nothing: other libraries count classes by other names."""
    if option in _CLASSES:
        return "; did you mean class_num?"
    return suggest(option, accepted)


def _bind_octave(backbone: ModuleType) -> Callable[..., nn.Layer]:
    from .octavizer.build import build_octave

    build = functools.partial(build_octave, backbone)
    functools.update_wrapper(build, build_octave)
    build.__dict__.update(octconv=OCTAVE, __name__=OCTAVE, __module__=backbone.__name__)
    return build
