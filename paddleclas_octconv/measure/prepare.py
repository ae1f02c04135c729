"""What has to be there before anything is measured: twins, counts and exports."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable, Sequence

from .. import registry
from ..common import machine
from ..common.errors import OctConvError
from ..common.worker import Worker
from ..deploy import conversion
from ..deploy.engines import CONVERTED
from .cases import Case, Contender, label_of
from .operations import Operations

Say = Callable[[str], None]


def twin_of(contender: Contender, image_size: int) -> Contender | None:
    """The vanilla network that an octave network replaces; None if it is not one.

    Where PaddleClas has none, that is the network itself without low frequencies.
    """
    name = contender.demand_name()
    with Worker(Operations) as worker:
        described = worker.call(
            "describe", name=name, options=contender.options, image_size=image_size
        )
    if described["multiply_adds"] == described["vanilla_multiply_adds"]:
        return None
    twin, options = registry.twin_of(name, contender.options)
    if twin is None:
        twin, options = name, {**contender.options, "alpha": 0}
        options.pop("conv_bias", None)
    return Contender(label_of(twin, options), twin, options)


def size_of_export(folder: str) -> int | None:
    """The height and width that an exported folder's model takes; None if it takes any.

    Raises:
        OctConvError: it cannot be read, or takes images that are not square.
    """
    with Worker(Operations) as worker:
        _, height, width = worker.call("describe_folder", folder=folder)["image_shape"]
    if height != width:
        raise OctConvError(f"{folder}: takes images of {height}x{width}; only squares are measured")
    return height if height > 0 else None


def count(
    contenders: Sequence[Contender], image_sizes: Sequence[int], say: Say
) -> dict[tuple[str, int], dict[str, Any]]:
    """Parameters and multiply-adds of each contender, by label and image size."""
    counted = {}
    with Worker(Operations) as worker:
        for contender in contenders:
            say(f"building {contender.label}")
            for size in image_sizes:
                if contender.folder:
                    found = worker.call("describe_folder", folder=contender.folder)
                else:
                    name, options = contender.demand_name(), contender.options
                    found = worker.call("describe", name=name, options=options, image_size=size)
                counted[contender.label, size] = found
    return counted


def export(
    contenders: Sequence[Contender], cases: Sequence[Case], kept: Path, say: Say
) -> dict[tuple[str, int], Path]:
    """The folder that each contender's cases read, by label and image size.

    Networks are exported with random weights, for each engine in its own format, and each is
    checked against Paddle Inference. INT8 is calibrated on noise, which is right for measuring
    time alone. What a former call has left complete in ``kept`` is not made again.
    """
    by_label = {contender.label: contender for contender in contenders}
    folders: dict[tuple[str, int], Path] = {}
    steps: dict[tuple[str, int], list[str]] = {}
    for case in cases:
        key = case.contender, case.image_size
        contender = by_label[case.contender]
        folders[key] = Path(contender.folder or kept / _slug(contender, case.image_size))
        if not contender.folder:
            wanted = steps.setdefault(key, [])
            wanted += [step for step in _steps(case) if step not in wanted]
    for step in STEPS:
        todo = {
            key: folders[key]
            for key, wanted in steps.items()
            if step in wanted and not (folders[key] / f".{step}").exists()
        }
        if step in ("paddle", "pdmodel"):
            environ = {"FLAGS_enable_pir_api": "0"} if step == "pdmodel" else {}
            _export_for_paddle(by_label, todo, say, **environ)
        for (label, size), folder in todo.items():
            if step in CONVERTED:
                say(f"converting {label} for {step}")
                conversion.add(CONVERTED[step], folder, [3, size, size])
            elif step.endswith("-int8"):
                say(f"quantising {label} for {step.partition('-')[0]}")
                with Worker(Operations, machine.cpu_count()) as worker:
                    worker.call(
                        "quantize",
                        engine=step.partition("-")[0],
                        folder=str(folder),
                        image_size=size,
                    )
            (folder / f".{step}").touch()
    return folders


STEPS = ("paddle", "pdmodel", *CONVERTED, *(f"{engine}-int8" for engine in CONVERTED))


def _steps(case: Case) -> list[str]:
    """What has to be done, in the order of ``STEPS``, so that a case can be measured."""
    steps = ["paddle"]
    engine = CONVERTED.get(case.engine)
    if engine:
        if engine.needs_pdmodel and machine.paddle_writes_pir():
            steps.append("pdmodel")  # Paddle writes it in a process of its own
        steps.append(case.engine)
        if case.precision == "int8":
            steps.append(f"{case.engine}-int8")
    return steps


def _slug(contender: Contender, image_size: int) -> str:
    """A folder's name that no other contender has."""
    whole = repr((contender.name, contender.options, contender.form))
    code = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{contender.name}-{contender.form}-{image_size}-{code}"


def _export_for_paddle(
    by_label: dict[str, Contender],
    folders: dict[tuple[str, int], Path],
    say: Say,
    **environ: str,
) -> None:
    if not folders:
        return
    with Worker(Operations, 1, **environ) as worker:
        for (label, size), folder in folders.items():
            contender = by_label[label]
            say(f"exporting {label}")
            worker.call(
                "export",
                name=contender.demand_name(),
                options=contender.options,
                image_size=size,
                deploy=contender.form == "deploy",
                folder=str(folder),
            )
