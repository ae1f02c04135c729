"""The path of a search, as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from .search import Measured, shown

if TYPE_CHECKING:
    from .run import Result
    from .task import Task

PAGE, PLOT = "report.md", "path.png"


def write(
    folder: Path,
    task: Task,
    found: Result,
    singles: Sequence[Measured],
    wholes: Sequence[Measured],
) -> None:
    """Write both into a folder.

    Args:
        folder: where they go.
        task: what was asked for.
        found: the network that was chosen.
        singles: the resolutions alone.
        wholes: networks of the path that were measured.
    """
    _draw(folder / PLOT, task, found, singles, wholes)
    measure = "agreement" if found.score.top1 is None else "top-1"
    lines = [
        f"# {task.vanilla['name']}, at most {task.max_drop:g} points of {measure} lost",
        "",
        f"Chosen: {shown(found.alphas, found.strides)}. On the {found.score.images} images of the "
        f"evaluation list it loses {found.score.drop:.2f} points; {found.vanilla_ms:.2f} ms become "
        f"{found.ms:.2f} ms ({found.speed_up:.2f}x) in {task.engine}, one image at a time.",
        "",
        "Points lost are those on held-out images of the training list; the divergence, by which "
        "steps are ordered, is that of the probabilities from the vanilla network's, in nats.",
        "",
        f"![Points lost against latency]({PLOT})",
        "",
        "| alpha at each resolution | points lost | divergence | speed-up |",
        "|:--|--:|--:|--:|",
    ]
    for each in (*singles, *wholes):
        lines.append(
            f"| {shown(each.alphas, found.strides)} | {each.drop:.2f} | {each.divergence:.4f} "
            f"| {each.speed_up:.2f}x |"
        )
    (folder / PAGE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _draw(
    file: Path, task: Task, found: Result, singles: Sequence[Measured], wholes: Sequence[Measured]
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for label, networks, marker in (
        ("one resolution octave", singles, "o"),
        ("networks of the path", sorted(wholes, key=lambda each: each.ms), "s-"),
    ):
        latencies = [found.vanilla_ms / each.speed_up for each in networks]
        axes.plot(latencies, [each.drop for each in networks], marker, label=label)
    axes.plot([found.vanilla_ms], [0], "k^", label="vanilla")
    axes.plot([found.ms], [found.score.drop], "r*", markersize=12,
              label="chosen, on the evaluation list")  # fmt: skip
    if task.max_drop is not None:
        axes.axhline(task.max_drop, color="0.6", linestyle=":", label="--max-drop")
    axes.set_xlabel(f"latency of one image, in ms ({task.engine})")
    axes.set_ylabel("points lost")
    axes.legend()
    figure.savefig(file, dpi=160, metadata={"Software": None})
