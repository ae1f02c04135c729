"""The path of a search, as a page and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from .search import ALPHAS, Measured, Part, shown

if TYPE_CHECKING:
    from .run import Result
    from .task import Task

PAGE, PLOT = "report.md", "path.png"


def write(
    folder: Path, task: Task, found: Result, tried: Sequence[Measured], parts: Sequence[Part]
) -> None:
    """Write both into a folder.

    Args:
        folder: where they go.
        task: what was asked for.
        found: the network that was chosen.
        tried: networks that were measured.
        parts: what was measured of its resolutions.
    """
    _draw(folder / PLOT, task, found, tried)
    measure = "agreement" if found.score.top1 is None else "top-1"
    lines = [
        f"# {task.vanilla['name']}, at most {task.max_drop:g} points of {measure} lost",
        "",
        f"Chosen: {shown(found.alphas, found.strides)}. On the {found.score.images} images of the "
        f"evaluation list it loses {found.score.drop:.2f} points; {found.vanilla_ms:.2f} ms become "
        f"{found.ms:.2f} ms ({found.speed_up:.2f}x) in {task.engine}, one image at a time.",
        "",
        "Networks that were tried, on a sample of the evaluation list; the divergence is that of "
        "their probabilities from the vanilla network's, in nats.",
        "",
        f"![Points lost against latency]({PLOT})",
        "",
        "| octave at | points lost | divergence | speed-up |",
        "|:--|--:|--:|--:|",
    ]
    for each in tried:
        lines.append(
            f"| {shown(each.alphas, found.strides)} | {each.drop:.2f} | {each.divergence:.4f} "
            f"| {1 / each.latency:.2f}x |"
        )
    lines += [
        "",
        "What it costs in time to take one resolution back, to the smaller alpha or to plain "
        "convolutions, while all others are octave, as a share of the vanilla latency; and by how "
        "much less the network diverges when it is plain, on few images.",
        "",
        f"| resolution | alpha {ALPHAS[1]:g} costs | plain costs | diverges less |",
        "|:--|--:|--:|--:|",
    ]
    for part in parts:
        loss = "" if part.loss is None else f"{part.loss:.4f}"
        at = f"1/{found.strides[part.place]}"
        lines.append(f"| {at} | {part.smaller:.1%} | {part.plain:.1%} | {loss} |")
    (folder / PAGE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _draw(file: Path, task: Task, found: Result, tried: Sequence[Measured]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    by_latency = sorted(tried, key=lambda each: each.latency)
    latencies = [found.vanilla_ms * each.latency for each in by_latency]
    drops = [each.drop for each in by_latency]
    axes.plot(latencies, drops, "s-", label="tried, on a sample")
    axes.plot([found.vanilla_ms], [0], "k^", label="vanilla")
    axes.plot([found.ms], [found.score.drop], "r*", markersize=12,
              label="chosen, on the evaluation list")  # fmt: skip
    if task.max_drop is not None:
        axes.axhline(task.max_drop, color="0.6", linestyle=":", label="--max-drop")
    axes.set_xlabel(f"latency of one image, in ms ({task.engine})")
    axes.set_ylabel("points lost")
    axes.legend()
    figure.savefig(file, dpi=160, metadata={"Software": None})
