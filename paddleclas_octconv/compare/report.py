"""Writes the report of a comparison: ``report.md``, ``report.html``, ``results.json``, plots."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Sequence

import jinja2

from ..common.documents import read_json
from ..common.files import MOST_TEXT, write_atomically
from . import curves, plots, results
from .folder import load_runs
from .runs import is_done
from .tables import facts, tables_of

PLOTS = "plots"
RESULTS = "results.json"
OVERLAY = "visualdl"


def write(
    folder: Path,
    engine: str = "paddle",
    precisions: Sequence[str] = (),
    stage: results.Stage = lambda name, detail="": None,
) -> Path:
    """Write the report on all finished runs of a comparison.

    Args:
        folder: of the comparison.
        engine: what latency is measured in.
        precisions: of it, in which top-1 and latency are shown side by side.
        stage: is told what is going on.

    Returns:
        The path of ``report.html``.

    Raises:
        OctConvError: the folder holds no comparison, or a network cannot be measured.
    """
    collected = results.collect(folder, engine, precisions, stage)
    stage("plots")
    for run in load_runs(folder):
        if is_done(run):
            curves.overlay(run, curves.read(run), folder / OVERLAY)
    captions = plots.draw_all(collected, folder / PLOTS) if collected["models"] else {}
    _write(folder / RESULTS, json.dumps(collected, indent=2) + "\n")
    _write(folder / "report.md", markdown(collected, captions, folder))
    page = folder / "report.html"
    _write(page, html(collected, captions, folder))
    return page


def read(folder: Path) -> dict[str, Any]:
    """What ``write`` has collected."""
    return read_json(folder / RESULTS, "", MOST_TEXT)


def markdown(collected: dict[str, Any], captions: dict[str, str], folder: Path) -> str:
    """The report as Markdown, with links to the plots."""
    return _render("report.md", collected, captions, folder)


def html(collected: dict[str, Any], captions: dict[str, str], folder: Path) -> str:
    """The report as a page that needs no other file."""
    images = {
        name: base64.b64encode((folder / PLOTS / name).read_bytes()).decode() for name in captions
    }
    widths = {name: plots.least_width(folder / PLOTS / name) for name in captions}
    return _render("report.html", collected, captions, folder, images=images, widths=widths)


def _render(template: str, collected: dict, captions: dict, folder: Path, **more: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=template.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{template}.j2").render(
        results=collected,
        facts=facts(collected),
        tables=tables_of(collected),
        captions=captions,
        plots=PLOTS,
        overlay=f"{folder}/{OVERLAY}",
        **more,
    )


def _write(path: Path, text: str) -> None:
    # A folder's name may be no UTF-8.
    write_atomically(path, text.encode("utf-8", errors="backslashreplace"))
