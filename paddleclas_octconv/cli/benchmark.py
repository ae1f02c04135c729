"""``paddleclas benchmark``: how fast networks are after export, side by side."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Callable, Sequence

from ..backbones.catalogue import CATALOGUE
from ..common import machine
from ..common.errors import OctConvError
from ..common.files import demand_place, write_atomically, writing
from ..common.say import say
from ..deploy.engines import CONVERTED, ENGINES, PRECISIONS
from ..measure import cases
from ..measure.cases import FORMS, Contender, Settings, label_of
from ..measure.rows import Row
from ..trainer.fetch import LIBRARY
from .measured import as_csv, is_withheld, render, render_kernels
from .options import file_or_folder, named_network, pixels, positive, threads

if TYPE_CHECKING:
    from ..measure.benchmark import Labelled

HELP = "measure networks in one inference engine or several, in turns"
IMAGE_SIZE = 224


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "networks",
        nargs="+",
        metavar="NETWORK",
        help="a network of the registry or of PaddleClas, with options if need be "
        "(OctResNet50:alpha=0.25, Octave:ResNet18_vd), or a folder that 'paddleclas export' "
        "wrote; "
        "the vanilla twin of an octave network is measured too",
    )
    parser.add_argument("--vs", metavar="NETWORK", help="compare with this instead of the twin")
    parser.add_argument(
        "--engine",
        type=_words,
        default=["paddle"],
        metavar="A,B",
        help=f"some of {', '.join(ENGINES)}, or all: those that are installed (default: paddle)",
    )
    parser.add_argument(
        "--precision",
        type=_words,
        default=["fp32"],
        metavar="A,B",
        help=f"some of {', '.join(PRECISIONS)}; of several, each engine is measured in those it "
        "has (default: fp32)",
    )
    parser.add_argument(
        "--image-size",
        type=_several(pixels),
        metavar="N,N",
        help=f"sides of the input (default: that of exported folders, else {IMAGE_SIZE})",
    )
    parser.add_argument(
        "--batch-size",
        type=_several(positive),
        metavar="N,N",
        help="images a step (default: 1; 4 with --train-step)",
    )
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads (default: 1)")
    parser.add_argument(
        "--data",
        metavar="CONFIG",
        help="classify the images that this config evaluates on, too: top-1 of every row, for "
        "exported folders",
    )
    parser.add_argument(
        "--eval-images", type=positive, metavar="N", help="only N of them (default: all)"
    )
    parser.add_argument(
        "--form",
        choices=(*FORMS, "both"),
        default="deploy",
        help="of octave networks: as exported (deploy, the default), or the literal one (plain)",
    )
    parser.add_argument(
        "--train-step", action="store_true", help="measure training steps instead of predictions"
    )
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), default="cpu", help="default: %(default)s"
    )
    parser.add_argument(
        "--no-onednn", dest="onednn", action="store_false", help="Paddle Inference without oneDNN"
    )
    parser.add_argument("--onednn", dest="onednn", action="store_true", help="with it (default)")
    parser.set_defaults(onednn=True)
    parser.add_argument(
        "--free-tensors",
        dest="keep_tensors",
        action="store_false",
        help="Paddle Inference frees intermediate tensors immediately, which is its own default: "
        "less memory, slower",
    )
    parser.add_argument(
        "--repeats", type=positive, default=20, help="rounds of turns (default: %(default)s)"
    )
    parser.add_argument(
        "--warmup", type=positive, default=5, help="steps before the first (default: %(default)s)"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="list oneDNN's kernels in Paddle Inference, or Paddle's operators in a training step, "
        "and what a step takes besides them",
    )
    parser.add_argument(
        "--exports",
        type=file_or_folder,
        metavar="DIR",
        help="keep the exported networks here, and take those that are here already",
    )
    parser.add_argument(
        "--json", type=file_or_folder, metavar="FILE", help="write all figures here too"
    )
    parser.add_argument(
        "--csv", type=file_or_folder, metavar="FILE", help="write the table here too"
    )
    parser.add_argument(
        "--fail-below",
        type=_ratio,
        metavar="RATIO",
        help="exit with code 1 if a speed-up over the twin is below this",
    )


def run(args: argparse.Namespace) -> int:
    """Measure and print a table."""
    from ..measure.benchmark import measure
    from ..measure.rows import as_json

    settings = Settings(
        train_step=args.train_step,
        threads=args.threads,
        onednn=args.onednn,
        keep_tensors=args.keep_tensors,
        gpu=args.device == "gpu",
        warmup=args.warmup,
        repeats=args.repeats,
        profile=args.profile,
    )
    engines = cases.engines_of(args.engine)
    formats = cases.formats_of(engines, args.precision, gpu=args.device == "gpu")
    _check(args, settings, engines)
    networks = [parse(text) for text in args.networks]
    reference = parse(args.vs) if args.vs else None
    if not all(network.folder for network in (*networks, reference) if network):
        _demand_converters(formats)
    sizes = _image_sizes(args, [*networks, *([reference] if reference else [])])
    labelled = _labelled(args, sizes) if args.data else None
    contenders = _contenders(networks, reference, args, sizes[0])
    if labelled:
        _demand_trained(contenders)
    planned = cases.cases_of(
        contenders, formats, sizes, args.batch_size or [4 if args.train_step else 1]
    )
    if args.fail_below and not any(contender.twin for contender in contenders):
        raise OctConvError("--fail-below: no network here has a twin to be faster than; see --vs")
    if args.exports:
        with writing("--exports", args.exports):
            args.exports.mkdir(parents=True, exist_ok=True)
    facts = {**machine.describe(), "busy_cpus": round(_busy_cpus(), 2)}
    facts["versions"].setdefault("paddleclas", LIBRARY.version)  # where none is installed
    with contextlib.closing(_Progress()) as progress:
        table = measure(contenders, planned, settings, progress.say, labelled, args.exports)
    print(render(table, settings))
    if settings.profile:
        print(render_kernels(table))
    result = as_json(table, settings, facts)
    if args.json:
        with writing("--json", args.json):
            write_atomically(args.json, (json.dumps(result, indent=2) + "\n").encode())
    if args.csv:
        with writing("--csv", args.csv):
            write_atomically(args.csv, as_csv(table).encode())
    return _judge(table, args.fail_below)


def parse(text: str) -> Contender:
    """A network, as ``options.named_network`` reads it, or an exported folder (``./NAME``)."""
    is_name = text in CATALOGUE or f"Oct{text}" in CATALOGUE
    if os.path.isdir(text) and not is_name:
        return Contender(text, folder=text)
    name, options = named_network(text)
    return Contender(label_of(name, options), name, options)


def _contenders(
    networks: Sequence[Contender],
    reference: Contender | None,
    args: argparse.Namespace,
    image_size: int,
) -> list[Contender]:
    """What to measure: each network in each form, and what it is compared with, once."""
    from ..measure.prepare import twin_of

    chosen: dict[str, Contender] = {}
    forms = FORMS if args.form == "both" else (args.form,)
    for network in networks:
        twin = reference
        if reference is None and not network.folder:
            twin = twin_of(network, image_size)
        is_plain_possible = network.folder is None and not args.train_step and twin is not None
        for form in forms if is_plain_possible else ("deploy",):
            label = network.label if form == "deploy" else f"{network.label} (plain)"
            compared_with = twin.label if twin and twin.label != label else None
            chosen.setdefault(
                label,
                Contender(
                    label, network.name, network.options, form, network.folder, compared_with
                ),
            )
        if twin is not None:
            chosen.setdefault(twin.label, twin)
    return list(chosen.values())


def _image_sizes(args: argparse.Namespace, networks: Sequence[Contender]) -> list[int]:
    """The sizes to measure at: an exported folder has its own, unless it takes any."""
    from ..measure.prepare import size_of_export

    own = {n.folder: size_of_export(n.folder) for n in networks if n.folder}
    fixed = {folder: size for folder, size in own.items() if size is not None}
    for folder, size in fixed.items():
        for wanted in args.image_size or sorted(set(fixed.values())):
            if wanted != size:
                what = "--image-size" if args.image_size else "another folder is of"
                raise OctConvError(f"{what} {wanted}: {folder} takes images of {size} pixels alone")
    return args.image_size or list(fixed.values())[:1] or [IMAGE_SIZE]


def _labelled(args: argparse.Namespace, sizes: Sequence[int]) -> Labelled:
    """The images of ``--data``, as large as those that are measured."""
    from ..config import find_config, load_config
    from ..config.values import check_values
    from ..deploy import metadata
    from ..deploy.images import Preprocess, listed
    from ..measure.benchmark import Labelled

    config = load_config(find_config(args.data))
    try:
        check_values(config)
        found = listed(config, "Eval")
        steps, decoding = metadata.transform_ops(config), metadata.decode_image(config)
        _, *size = Preprocess(steps, decoding).read(found.paths[0]).shape
    except OctConvError as error:
        raise OctConvError(f"--data {args.data}: {error}") from None
    for wanted in sizes:
        if size != [wanted, wanted]:
            shown = "x".join(map(str, size))
            raise OctConvError(
                f"--data {args.data}: makes images of {shown}, but {wanted}x{wanted} is measured "
                "(see --image-size)"
            )
    found = found.spread(args.eval_images) if args.eval_images else found
    return Labelled([str(path) for path in found.paths], found.labels, steps, dict(decoding))


def _demand_trained(contenders: Sequence[Contender]) -> None:
    for contender in contenders:
        if not contender.folder and not contender.options.get("pretrained"):
            raise OctConvError(
                f"--data: {contender.label} would be measured with random weights, whose top-1 "
                "means nothing; give folders that 'paddleclas export' wrote"
            )


def _check(args: argparse.Namespace, settings: Settings, engines: Sequence[str]) -> None:
    """Options that do not go together, and files that cannot be written, before anything runs."""
    is_paddle = list(engines) == ["paddle"]
    if args.profile and (settings.gpu or not settings.onednn or not is_paddle):
        raise OctConvError("--profile: shows what Paddle runs on the CPU, with oneDNN, alone")
    for option, given in (("--train-step", args.train_step), ("--device gpu", settings.gpu)):
        if given and not is_paddle:
            raise OctConvError(f"{option}: goes with --engine paddle alone")
    if args.train_step and args.data:
        raise OctConvError("--data: goes with predictions, not with --train-step")
    if args.eval_images and not args.data:
        raise OctConvError("--eval-images: goes with --data")
    for option, path in (("--json", args.json), ("--csv", args.csv)):
        if path:
            demand_place(option, path)


def _demand_converters(formats: Sequence[tuple[str, str]]) -> None:
    """See that networks can be exported for engines and precisions: an exported folder is whole."""
    from ..deploy.int8 import add

    for engine, precision in formats:
        if engine in CONVERTED:
            CONVERTED[engine].demand_conversion(f"--engine {engine}")
            if precision == "int8":
                add.demand([CONVERTED[engine]], f"--precision int8 with --engine {engine}")


def _judge(table: Sequence[Row], least: float | None) -> int:
    slow = [row for row in table if least and row.speed_up and row.speed_up < least]
    untold = [row for row in table if least and is_withheld(row)]
    for row in (*slow, *untold):
        ratio = "cannot be told to be" if row in untold else f"is {row.speed_up:.2f} times"
        say(
            f"--fail-below {least:g}: {row.label} {ratio} as fast as {row.vs} in {row.engine} "
            f"{row.precision}, {row.image_size}x{row.image_size}, batch {row.batch_size}"
            + f": its times have a spread of {row.spread:.0%}"
            * (row in untold)
        )
    return 1 if slow or untold else 0


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise argparse.ArgumentTypeError(f"{text!r} should be names with commas between them")
    return words


def _several(kind: Callable[[str], int]) -> Callable[[str], list[int]]:
    def parse_all(text: str) -> list[int]:
        return list(dict.fromkeys(kind(part.strip()) for part in text.split(",")))

    return parse_all


def _ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} should be a ratio, such as 1.3")
    return value


def _busy_cpus() -> float:
    """How many CPUs others keep busy, with a warning where that disturbs."""
    load = machine.load()
    if load > machine.IDLE:
        say(
            f"warning: other programs keep {load:.1f} of {machine.cpu_count()} CPUs busy: the "
            "times are not to be trusted, the ratios less than otherwise"
        )
    return load


class _Progress:
    """One line on standard error that is written over; nothing where that is no terminal."""

    def say(self, message: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{message}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        self.say("")
