"""The table of ``paddleclas benchmark``, as text and as CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from typing import Callable, Sequence

from prettytable import PrettyTable

from ..measure.cases import Settings
from ..measure.rows import TELLING, Row
from .tables import fits, fitted

UNTOLD = "?"  # in place of a ratio


def render(table: Sequence[Row], settings: Settings) -> str:
    """The table as text; as two where the terminal is narrow."""
    sizes = list(dict.fromkeys((row.image_size, row.batch_size) for row in table))
    columns: dict[str, Callable[[Row], str]] = {
        "network": lambda row: row.label,
        "engine": lambda row: f"{row.engine} {row.precision}",
    }
    if len({size for size, _ in sizes}) > 1:
        columns["size"] = lambda row: str(row.image_size)
    if len({batch for _, batch in sizes}) > 1:
        columns["batch"] = lambda row: str(row.batch_size)
    speed: dict[str, Callable[[Row], str]] = {
        "ms": lambda row: f"{row.median_ms:.2f}",
        "spread": lambda row: f"{row.spread:.1%}",
        "x twin": lambda row: UNTOLD if is_withheld(row) else _number(row.speed_up, "{:.2f}"),
        "share": lambda row: _number(row.share_of_promised, "{:.0%}"),
        "x Paddle": lambda row: _number(row.speed_up_over_paddle, "{:.2f}"),
        "top-1": lambda row: _number(row.top1, "{:.4f}"),
    }
    more: dict[str, Callable[[Row], str]] = {
        "images/s": lambda row: f"{row.images_per_second:.1f}",
        "promise": lambda row: _number(row.promised, "{:.2f}"),
        "file MB": lambda row: _number(row.file_size, "{:.1f}", 1e6),
        "peak MB": lambda row: _number(row.peak_memory, "{:.0f}", 1e6),
        "M params": lambda row: _number(row.parameters or row.total_parameters, "{:.3f}", 1e6),
        "G MAdds": lambda row: _number(row.multiply_adds, "{:.3f}", 1e9),
    }
    text = [_title(table, settings)]
    whole = _filled(table, {**columns, **speed, **more})
    if fits(whole):
        text.append(str(whole))
    else:
        del more["images/s"]
        text += [fitted(_filled(table, {**columns, **half})) for half in (speed, more)]
    if any(map(is_withheld, table)):
        text.append(
            f"{UNTOLD}: times with a spread above {TELLING:.0%} tell no ratio; other programs keep "
            "this machine busy:\nmeasure later, or with more --repeats"
        )
    return "\n".join(text)


def as_csv(table: Sequence[Row]) -> str:
    """The table with all its figures, a row a line."""
    names = [each.name for each in fields(Row) if each.name != "kernels"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in table:
        values = [getattr(row, name) for name in names]
        writer.writerow([json.dumps(v) if isinstance(v, list) else v for v in values])
    return text.getvalue()


def render_kernels(table: Sequence[Row]) -> str:
    """The kernels or operators in one step of each network, and the time in none of them."""
    text = PrettyTable(["network", "kernels", "count", "ms"])
    text.align = "l"
    text.align["count"] = text.align["ms"] = "r"
    for row in table:
        found = row.kernels or []
        total = sum(kernels.milliseconds for kernels in found)
        lines: list[tuple[str, str, float]] = [
            (k.name, f"{k.count:.0f}", k.milliseconds) for k in found
        ]
        lines += [("all kernels", "", total), ("the rest", "", row.median_ms - total)]
        for index, (name, count, milliseconds) in enumerate(lines):
            last = index == len(lines) - 1
            label = "" if index else row.label
            text.add_row([label, name, count, f"{milliseconds:.2f}"], divider=last)
    return str(text)


def is_withheld(row: Row) -> bool:
    """Whether the times of a row or its twin vary too much for a ratio."""
    return row.vs is not None and row.speed_up is None


def _title(table: Sequence[Row], settings: Settings) -> str:
    what = "training step" if settings.train_step else "prediction"
    where = "GPU" if settings.gpu else f"CPU, {settings.threads} thread(s)"
    if not settings.gpu and not settings.train_step:
        where += "" if settings.onednn else ", no oneDNN"
        where += "" if settings.keep_tensors else ", tensors freed"
    sizes = sorted({row.image_size for row in table})
    batches = sorted({row.batch_size for row in table})
    return (
        f"{what}, {where}, batch {', '.join(map(str, batches))}, "
        + ", ".join(f"{size}x{size}" for size in sizes)
        + "; x: times as fast as"
    )


def _filled(table: Sequence[Row], columns: dict[str, Callable[[Row], str]]) -> PrettyTable:
    filled = [name for name in columns if any(columns[name](row) for row in table)]
    text = PrettyTable(filled)
    text.align = "r"
    for name in ("network", "engine"):
        text.align[name] = "l"
    for row in table:
        text.add_row([columns[name](row) for name in filled])
    return text


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "" if value is None else form.format(value / unit)
