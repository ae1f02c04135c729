"""``paddleclas compare``: train several networks on the same data and report on them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..common import machine
from ..common.errors import OctConvError
from ..common.files import refuse_links_out, writing
from ..common.numbers import whole
from ..compare import folder, plan
from ..compare.jobs import run_all, watched
from ..compare.planned import Comparison, Options
from ..compare.presets import PRESETS
from ..compare.runs import read_state
from ..deploy.engines import CONVERTED, ENGINES, PRECISIONS
from ..measure.cases import formats_of
from ..run import estimate, launch
from ..run.display import Display
from .options import add_overrides, alpha, asks_for_cpu, file_or_folder, pixels, positive

HELP = "train, evaluate and export several networks, and report on them side by side"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    presets = "; ".join(f"{name}: {preset.meaning}" for name, preset in PRESETS.items())
    parser.add_argument(
        "configs",
        nargs="*",
        metavar="CONFIG",
        help="two or more YAML files or shipped configs (default: those of the preset)",
    )
    parser.add_argument("--preset", help=f"{presets} (default: reference)")
    parser.add_argument("--models", type=_names, metavar="A,B", help="only these of the configs")
    parser.add_argument("--epochs", type=positive, metavar="N", help="epochs to train")
    parser.add_argument(
        "--subset", type=positive, metavar="N", help="train on N images, classes in equal shares"
    )
    parser.add_argument(
        "--eval-subset", type=positive, metavar="N", help="evaluate on N images likewise"
    )
    parser.add_argument("--image-size", type=pixels, metavar="PIXELS", help="side of the input")
    parser.add_argument("--seeds", type=_seeds, metavar="1,2,3", help="train once with each seed")
    parser.add_argument(
        "--alphas",
        type=_alphas,
        metavar="0.25,0.5",
        help="train each octave network with each of these shares of low-frequency channels",
    )
    parser.add_argument(
        "--beside",
        type=_names,
        metavar="A,B",
        help="train these networks of PaddleClas, too, such as PPLCNet_x1_0, by the recipe of the "
        "last config",
    )
    parser.add_argument(
        "--octavize",
        type=_alphas,
        metavar="0.25,0.5",
        help="make of each vanilla network, once it is trained, an octave one at each of these "
        "alphas, without training it again (as 'paddleclas octavize' does)",
    )
    parser.add_argument(
        "--distil",
        type=positive,
        metavar="EPOCHS",
        help="with --octavize: distil each of these for so many epochs, as one more network",
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="trainings at the same time, each with its share of the CPU threads (default: 1)",
    )
    parser.add_argument(
        "--engine",
        choices=tuple(ENGINES),
        default="paddle",
        help="what the latency of the exported networks is measured in (default: paddle)",
    )
    parser.add_argument(
        "--precision",
        type=_names,
        metavar="A,B",
        help=f"some of {', '.join(PRECISIONS)}: evaluate the exported networks in --engine in each "
        "of these, too, and tell which lie on the front of top-1 over latency",
    )
    parser.add_argument("--gpus", metavar="0,1", help="GPUs to train on, one process each")
    add_overrides(parser, "set a value in every config, such as Optimizer.lr.learning_rate=0.01")
    parser.add_argument(
        "--output",
        type=file_or_folder,
        metavar="DIR",
        help="folder of the runs and the report; a second call with it skips what is finished "
        "(default: ./output/compare/<preset>)",
    )


def run(args: argparse.Namespace) -> int:
    """Run all that is left to run, then write the report; 1 if a run has failed."""
    if args.gpus is not None:
        launch.check({"gpus": args.gpus})
        if args.jobs > 1:
            raise OctConvError("--jobs: trainings at once share a CPU; --gpus takes one at a time")
    ENGINES[args.engine].demand()
    if args.engine in CONVERTED:
        CONVERTED[args.engine].demand_conversion(f"--engine {args.engine}")
    precisions = _precisions(args)
    if args.distil and not args.octavize:
        raise OctConvError("--distil: goes with --octavize, which makes the networks to distil")
    name = args.preset or ("configs" if args.configs else "reference")
    planned = plan.make(
        Options(
            configs=args.configs,
            preset=args.preset,
            models=args.models,
            epochs=args.epochs,
            subset=args.subset,
            eval_subset=args.eval_subset,
            image_size=args.image_size,
            seeds=args.seeds,
            alphas=args.alphas,
            beside=args.beside,
            octavize=args.octavize,
            distil=args.distil,
            formats=[(args.engine, precision) for precision in precisions],
            gpus=args.gpus,
            overrides=args.override,
            output=args.output or Path("output", "compare", name),
        )
    )
    refuse_links_out(planned.output, "--output")
    _check_cpu(args, planned)
    folder.write(planned)
    with Display([watched(run) for run in planned.runs], args.jobs) as display:
        try:
            failures = run_all(planned.output, planned.runs, args.jobs, args.gpus, display.look)
        except KeyboardInterrupt:
            display.say("paddleclas: interrupted: the same command goes on where it stopped")
            raise
        for failure in failures:
            display.say(f"paddleclas: error: {failure}")
        display.stage("report")
        from ..compare import report, tables  # which draws: matplotlib takes its time

        with writing("--output", planned.output):
            page = report.write(planned.output, args.engine, precisions, display.stage)
    print(tables.in_terminal(report.read(planned.output)))
    print(f"paddleclas: report: {page}")
    return 1 if failures else 0


def _check_cpu(args: argparse.Namespace, planned: Comparison) -> None:
    """See that the trainings end before anybody has forgotten them; not once they have begun.

    Raises:
        OctConvError: they would take very long on this machine's CPU, and nobody has asked for it.
    """
    has_begun = any(read_state(run)["segments"] for run in planned.runs)
    if machine.has_gpu() or asks_for_cpu(args) or has_begun:
        return
    expected = [
        estimate.estimate(run.config, {"Train": run.train_images, "Eval": run.eval_images})
        for run in planned.runs
        if run.epochs
    ]
    seconds = sum(each.seconds for each in expected if each)
    if seconds > estimate.PATIENCE:
        raise OctConvError(
            f"Global.device: Paddle sees no GPU here, and {estimate.told_on_cpu(seconds)}: fewer "
            "of --epochs, --seeds and --subset and a smaller --image-size shorten it, --preset "
            "small has them for CIFAR-10, and -o Global.device=cpu starts it as it is"
        )


def _precisions(args: argparse.Namespace) -> list[str]:
    """Those of ``--precision``, which engine and machine have.

    Raises:
        OctConvError: one of them lacks one.
    """
    gpu = args.engine == "paddle" and machine.has_gpu()
    found = []
    for word in args.precision or ():
        try:
            ((_, precision),) = formats_of([args.engine], [word], gpu)
            if not gpu:
                ENGINES[args.engine].demand_processor(precision)
        except OctConvError as error:
            raise OctConvError(f"--precision {word}: {error}") from None
        if precision == "int8":
            from ..deploy.int8 import add

            add.demand([CONVERTED[args.engine]], f"--precision {word}")
        found.append(precision)
    return list(dict.fromkeys(found))


def _seeds(text: str) -> list[int]:
    seeds = [whole(seed) for seed in text.split(",")]
    known = [seed for seed in seeds if seed is not None and 0 <= seed < 2**32]
    if len(set(known)) < len(seeds):
        raise argparse.ArgumentTypeError(
            f"{text!r} should be different whole numbers below 2**32: 1,2,3"
        )
    return known


def _alphas(text: str) -> list[float]:
    values = alpha(text)
    return list(dict.fromkeys(values if isinstance(values, list) else [values]))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
