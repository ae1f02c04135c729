"""What is measured: networks or exported folders, each in engines, precisions and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

from ..common.errors import OctConvError
from ..deploy.engines import ENGINES, engine_of, precision_of

FORMS = ("deploy", "plain")
BASELINE = ("paddle", "fp32")  # the engine and precision that others are compared with


@dataclass
class Settings:
    """How to measure.

    Attributes:
        train_step: measure training steps, not predictions.
        threads: on the CPU.
        onednn: Paddle Inference uses oneDNN on the CPU.
        keep_tensors: as in ``create_predictor``.
        gpu: on GPU 0 instead.
        warmup: steps before the first that counts.
        repeats: rounds of turns.
        profile: list kernels too.
    """

    train_step: bool = False
    threads: int = 1
    onednn: bool = True
    keep_tensors: bool = True
    gpu: bool = False
    warmup: int = 5
    repeats: int = 20
    profile: bool = False

    def engine_options(self, engine: str) -> dict[str, Any]:
        """The options of ``create_predictor`` that an engine has."""
        return {
            name: getattr(self, name) for name in engine_of(engine).options if hasattr(self, name)
        }


@dataclass
class Contender:
    """A network by name and options, or an exported folder.

    Attributes:
        label: its name in the table.
        name: of the network.
        options: of the network, as the keys of ``Arch``.
        form: of a network, "deploy" or "plain".
        folder: the exported folder.
        twin: label of the contender it is compared with.
    """

    label: str
    name: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    form: str = "deploy"
    folder: str | None = None
    twin: str | None = None

    def demand_name(self) -> str:
        """The network's name.

        Raises:
            OctConvError: it is a folder, which has none.
        """
        if self.name is None:
            raise OctConvError(f"--train-step: {self.label} is an exported folder; it cannot train")
        return self.name


@dataclass(frozen=True)
class Case:
    """One row of the table: a contender, by its label, in one engine and at one size.

    Attributes:
        contender: its label.
        engine, precision: as in ``create_predictor``.
        image_size: in pixels.
        batch_size: images a step.
    """

    contender: str
    engine: str = "paddle"
    precision: str = "fp32"
    image_size: int = 224
    batch_size: int = 1


def engines_of(names: Sequence[str]) -> list[str]:
    """The engines of an option's words; "all" stands for those that are installed.

    Raises:
        OctConvError: there is no such engine, or it is not installed.
    """
    if list(names) == ["all"]:
        return [name for name, engine in ENGINES.items() if engine.is_installed()]
    for name in names:
        engine_of(name).demand()
    return list(dict.fromkeys(names))


def formats_of(
    engines: Sequence[str], precisions: Sequence[str], gpu: bool = False
) -> list[tuple[str, str]]:
    """The engines, each with the precisions it has of those asked for, on a GPU or a CPU.

    Raises:
        OctConvError: there is no such precision, or an engine or a precision is left without any.
    """
    wanted = list(dict.fromkeys(precision_of(precision) for precision in precisions))
    found = []
    for name in engines:
        engine = engine_of(name)
        measurable = engine.measured(gpu)
        able = [precision for precision in wanted if precision in measurable]
        if not able:
            engine.demand_precision(wanted[0])
            raise OctConvError(
                f"precision {wanted[0]!r} on a {'GPU' if gpu else 'CPU'}: "
                f"the engine {name} is measured in {', '.join(measurable)}"
            )
        found += [(name, precision) for precision in able]
    return found


def cases_of(
    contenders: Sequence[Contender],
    formats: Sequence[tuple[str, str]],
    image_sizes: Sequence[int],
    batch_sizes: Sequence[int],
) -> list[Case]:
    """Every contender in every engine, precision, image and batch size.

    Twins are measured in the baseline, too: what another engine gains is over that.
    """
    twins = {contender.twin for contender in contenders}
    cases: dict[Case, None] = {}
    for batch_size in batch_sizes:
        for image_size in image_sizes:
            for contender in contenders:
                own = list(formats)
                if contender.label in twins and BASELINE not in own:
                    own.append(BASELINE)
                for engine, precision in own:
                    case = Case(contender.label, engine, precision, image_size, batch_size)
                    cases[case] = None
    return list(cases)


def groups_of(contenders: Sequence[Contender], cases: Sequence[Case]) -> list[list[Case]]:
    """The cases that are measured in turns with each other: of one twin, and of one size."""
    groups: dict[tuple, list[Case]] = {}
    heads = {c.label: c.twin or c.label for c in contenders}
    for case in cases:
        key = case.batch_size, case.image_size, heads[case.contender]
        groups.setdefault(key, []).append(case)
    return list(groups.values())


def label_of(name: str, options: dict[str, Any]) -> str:
    """``NAME:KEY=VALUE,…``, or ``Octave:BACKBONE,KEY=VALUE,…``"""
    words = [str(v) if k == "backbone" else f"{k}={v!r}" for k, v in options.items()]
    return ":".join(filter(None, [name, ",".join(words)]))
