"""Export that any reader can open: one folder, one parameter file, both model formats.

PaddleClas's exporter writes whichever format Paddle is set to when the process starts, so it
is run once for each format. Paddle 3 reads ``inference.json`` (PIR), the faster of the two;
PaddleClas's predictor command and Paddle 2.6 read ``inference.pdmodel``. Both formats of one
network have the same parameters, byte for byte, and share one ``inference.pdiparams``.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, Sequence

from ..common import machine
from ..common.alone import alone_in
from ..common.documents import read_yaml
from ..common.errors import OctConvError
from ..common.files import why_no_folder, writing
from ..common.say import say
from . import metadata
from .engines import ENGINES

SUFFIX = {"pir": ".json", "pdmodel": ".pdmodel"}
CHOICES = (*SUFFIX, "both")
_FLAG = {"pir": "1", "pdmodel": "0"}
# Exit codes of an exporter that a format is too much for: an exception, an abort, a crash. Others
# tell of bad input or an interruption.
_CANNOT_WRITE = (1, 134, 139)
_KEY = "Global.save_inference_dir"

#: Runs PaddleClas's exporter in a process of its own, given environment variables to add and
#: values to set in the config, by dotted key; returns its exit code.
RunExporter = Callable[[Dict[str, str], Dict[str, Any]], int]


def is_quantized(config: dict[str, Any]) -> bool:
    """Whether a config trains with PaddleSlim's quantisation."""
    return bool((config.get("Slim") or {}).get("quant"))


def formats_of(choice: str | None, quantized: bool = False) -> tuple[str, ...]:
    """The formats to write for the option ``--format``: by default, all that Paddle can.

    Args:
        choice: the option's value, one of ``CHOICES``.
        quantized: whether the network is quantised by PaddleSlim, which writes pdmodel alone.

    Raises:
        OctConvError: that format cannot be written.
    """
    pir = machine.paddle_writes_pir() and not quantized
    if choice in ("pir", "both") and not pir:
        reason = (
            "with Slim.quant, PaddleSlim"
            if quantized
            else "PIR (inference.json) needs Paddle 3; this Paddle"
        )
        raise OctConvError(f"--format {choice}: {reason} writes pdmodel alone")
    if choice in (None, "both"):
        return tuple(SUFFIX) if pir else ("pdmodel",)
    if choice not in SUFFIX:
        raise OctConvError(f"--format {choice}: should be one of {', '.join(CHOICES)}")
    return (choice,)


def export(
    run_exporter: RunExporter,
    config: dict[str, Any],
    formats: Sequence[str] = (),
    roots: Iterable[Path] = (),
    finish: Callable[[Path], object] = lambda folder: None,
) -> Path:
    """Export a network into ``Global.save_inference_dir``.

    The folder changes only once everything is written and checked, and keeps files that are not of
    an export.

    Args:
        run_exporter: runs PaddleClas's exporter.
        config: the whole config, overrides applied.
        formats: some of "pir", "pdmodel", each of which has to be written; by default those that
            the installed Paddle can write of this network, at least one.
        roots: where a relative label map is looked for beside the current folder.
        finish: adds to the complete folder before it is put in place.

    Returns:
        That folder.

    Raises:
        OctConvError: the config does not fit, or the folder cannot be written.
        SystemExit: the exporter has failed, and has said why; with its exit code.
    """
    target = _target(config)
    described = metadata.describe(config, roots)
    wanted = tuple(formats) or formats_of(None, quantized=is_quantized(config))
    with writing(_KEY, target), _staging_in(target) as staging:
        complete = staging / "complete"
        complete.mkdir()
        failed: dict[str, int] = {}
        for form in wanted:
            code = _run(run_exporter, form, staging / form)
            if not code:
                _merge(staging / form, complete)
                continue
            failed[form] = code
            if formats or code not in _CANNOT_WRITE or len(failed) == len(wanted):
                raise SystemExit(code)
        for form in failed:
            say(
                f"warning: Paddle cannot write this network as inference{SUFFIX[form]} (the error "
                "above): the other format is exported alone"
            )
        if (complete / metadata.CONFIG_FILE).exists():  # Global.export_for_fd was set
            written = read_yaml(complete / metadata.CONFIG_FILE, "")
            described = {**written, **described}
        metadata.write(complete, described)
        finish(complete)
        _place(complete, target)
    return target


def _target(config: dict[str, Any]) -> Path:
    value = (config.get("Global") or {}).get("save_inference_dir")
    if not value:
        raise OctConvError(f"{_KEY} is not set: it should name the folder to export into")
    if not isinstance(value, str):
        raise OctConvError(f"{_KEY}: {value!r} should be the path of a folder")
    wrong = why_no_folder(value)
    if wrong and wrong != "no such folder":
        raise OctConvError(f"{_KEY}: {value} {wrong}")
    return Path(value)


@contextlib.contextmanager
def _staging_in(target: Path) -> Iterator[Path]:
    """A new folder in the target, of one export at a time, so that files can be moved into place.

    Relative if the target is, for the exporter's messages and its -o. It is removed in the end.
    """
    with alone_in(str(target), _KEY, "export"):
        staging = target / Path(tempfile.mkdtemp(prefix=".export-", dir=target)).name
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _run(run_exporter: RunExporter, form: str, folder: Path) -> int:
    """Export in one format; returns the exporter's exit code."""
    flags = {"FLAGS_enable_pir_api": _FLAG[form]} if machine.paddle_writes_pir() else {}
    code = run_exporter(flags, {_KEY: str(folder)})
    if code:
        return code
    if not list(folder.glob("*" + SUFFIX[form])) or not list(folder.glob("*.pdiparams")):
        raise OctConvError(
            f"--format {form}: the exporter wrote no *{SUFFIX[form]} with a *.pdiparams"
        )
    return 0


def _merge(source: Path, complete: Path) -> None:
    """Move the files of one run into the folder; what both runs wrote must be the same."""
    for path in sorted(source.iterdir()):
        merged = complete / path.name
        if (
            path.suffix == ".pdiparams"
            and merged.exists()
            and not filecmp.cmp(path, merged, shallow=False)
        ):
            raise OctConvError(
                "the parameters of the two formats differ, so they cannot share one folder: "
                "are trained weights given (Global.pretrained_model)? --format pir or "
                "--format pdmodel exports one format alone"
            )
        os.replace(path, merged)


def _place(complete: Path, target: Path) -> None:
    """Put the new files into the target and take away what they make stale; all, or nothing.

    Raises:
        OctConvError: some file cannot be moved; the target is as it was.
    """
    aside = complete.with_name("aside")
    aside.mkdir()
    new = sorted(path.name for path in complete.iterdir())
    moved: list[tuple[Path, Path]] = []
    try:
        stale = [name for engine in ENGINES.values() for name in engine.exported]
        for name in dict.fromkeys((*stale, *new)):
            if os.path.lexists(target / name):
                os.replace(target / name, aside / name)
                moved.append((aside / name, target / name))
        for name in new:
            os.replace(complete / name, target / name)
            moved.append((target / name, complete / name))
    except BaseException as error:  # an interrupt, too
        for here, there in reversed(moved):
            os.replace(here, there)
        if not isinstance(error, OSError):
            raise
        raise OctConvError(f"{_KEY}: {target} cannot be written: {error.strerror}") from None
