"""``paddleclas convert-weights``: weights for an OctConv network from those of another network."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from ..backbones.catalogue import CATALOGUE
from ..common.errors import OctConvError
from ..common.suggest import suggest
from .options import alpha, file_or_folder

HELP = "cut a vanilla network's weights into octave weights, or convert those of other projects"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "source",
        type=file_or_folder,
        metavar="SOURCE",
        help="a .pdparams file of the vanilla network, or weights of facebookresearch/OctConv "
        "(.params, .tar), d-li14/octconv.pytorch (.pth) or renmada/OctConv-paddle (.pdparams)",
    )
    parser.add_argument(
        "out", type=file_or_folder, metavar="OUT.pdparams", help="the file to write"
    )
    parser.add_argument("--arch", required=True, metavar="NAME", help="the OctConv network")
    parser.add_argument(
        "--alpha",
        type=alpha,
        help="its share of low-frequency channels, such as 0.5, or 0.5,0.5,0.25,0 for each stage; "
        "by default that of octave weights in SOURCE, or 0.5",
    )
    parser.add_argument(
        "--conv-bias", action="store_true", help="give its convolutions biases, which start at zero"
    )
    parser.add_argument(
        "--trust-weights", action="store_true", help="load SOURCE even if it can run code"
    )


def run(args: argparse.Namespace) -> int:
    """Convert one file.

    Raises:
        OctConvError: SOURCE is not safe to load or does not fit, or OUT cannot be written.
    """
    if args.arch not in CATALOGUE:
        raise OctConvError(
            f"--arch: {args.arch}: no such OctConv network{suggest(args.arch, CATALOGUE)}"
        )
    if args.out.suffix != ".pdparams":
        raise OctConvError(f"OUT: {args.out} should end in .pdparams")
    if args.out.exists():
        raise OctConvError(f"OUT: {args.out} exists already")

    options: dict[str, Any] = {"conv_bias": True} if args.conv_bias else {}
    if args.alpha is not None:
        options["alpha"] = args.alpha
    weights, note = _convert(args.source, args.arch, options, args.trust_weights)
    _save(weights, args.out)
    print(f"{args.out}: weights of {args.arch}: {note}")
    return 0


def _convert(source: Path, arch: str, options: dict, trust: bool) -> tuple[dict, str]:
    """The state dict of the network with these weights, and what was done."""
    weights, origin = _read(source, arch, trust)

    import paddle

    from .. import registry
    from ..weights.match import class_num, load_into, match_weights
    from ..weights.octconv_mxnet import alpha_of

    paddle.set_device("cpu")
    alpha = alpha_of(weights)
    if alpha is not None:
        options = {"alpha": alpha, **options}
    model = registry.build(arch, **options)
    classes = class_num(model, weights)
    if classes is not None:
        model = registry.build(arch, **{"class_num": classes, **options})
    fitted = match_weights(model, weights, str(source), new_classes=False)
    if not fitted.vanilla and origin is None:
        raise OctConvError(f"SOURCE: {source} holds weights of {arch} itself: nothing to convert")
    load_into(model, fitted.weights)
    note = fitted.note if origin is None else f"from {origin}"
    return model.state_dict(), note if alpha is None else f"{note}, alpha {options['alpha']}"


def _read(source: Path, arch: str, trust: bool) -> tuple[dict, str | None]:
    """Weights under the names here, and the project that they are from; None for PaddleClas."""
    from ..weights.mxnet_arrays import is_mxnet, load_mxnet
    from ..weights.octconv_mxnet import from_octconv_mxnet, is_octconv_mxnet
    from ..weights.octconv_pytorch import SUFFIXES, from_octconv_pytorch, load_torch
    from ..weights.safe_load import load_weights

    family = CATALOGUE[arch].family
    names = family.authors_units, family.counts_layers
    if is_mxnet(source):
        return from_octconv_mxnet(load_mxnet(source), *names), "facebookresearch/OctConv"
    if source.suffix in SUFFIXES:
        return from_octconv_pytorch(load_torch(source, trust)), "octconv.pytorch"
    weights = load_weights(source, trust)
    if is_octconv_mxnet(weights):
        return from_octconv_mxnet(weights, *names), "renmada/OctConv-paddle"
    return weights, None


def _save(weights: dict, out: Path) -> None:
    """Write a state dict; the file is there in full or not at all."""
    import paddle

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".convert-") as folder:
            whole = Path(folder, out.name)
            paddle.save(weights, str(whole))
            os.replace(whole, out)
    except OSError as error:
        raise OctConvError(f"OUT: {out} cannot be written: {error.strerror}") from None
