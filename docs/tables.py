"""Fills the tables of these pages with the measured data: ``python docs/tables.py``.

``python docs/tables.py --keep FOLDER NAME`` takes over the results of a finished ``paddleclas
compare`` first: ``results/NAME.json``, without weights and images, and its curves,
``docs/images/NAME-*.png``.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; it is made of the JSON files
that ``paddleclas benchmark --json`` (``benchmarks/``) and ``paddleclas compare`` (``results/``)
wrote, and of what the paper's authors published. A test holds pages and data together.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
from itertools import compress
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from paddleclas_octconv.common.machine import IDLE, in_words
from paddleclas_octconv.compare import tables as comparison
from paddleclas_octconv.compare.front import Point, front
from paddleclas_octconv.compare.verdict import verdicts

ROOT = Path(__file__).resolve().parent.parent
MISSING = "_Not measured yet on an idle machine: `make benchmarks`._"
_TIMED = "make routes ROUTES_ARGS=--time"
_TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOT_RUN = "_Not run yet._"
ABSENT = "–"  # of a figure that was not measured
PLOTS = "accuracy-*.png"  # of a report: the curves, and accuracy against what it costs
POINTS = 120  # of a learning rate's curve that are kept
_ENGINES = {"paddle": "Paddle Inference", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "int8": "INT8"}
_LOWER = ("bf16", "int8")  # measured of the trained networks beside float32

Rows = Sequence[dict]


def fill(text: str, root: Path = ROOT) -> str:
    """A page with its tables made anew.

    Args:
        text: the page.
        root: the folder that holds ``benchmarks`` and ``results``.

    Raises:
        KeyError: it has a table of an unknown name.
    """

    def made(match: re.Match) -> str:
        return f"{match[1]}{TABLES[match[2]](root)}\n{match[3]}"

    return _TABLE.sub(made, text)


def pages() -> list[Path]:
    """The pages that have such tables."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    return [page for page in found if _TABLE.search(page.read_text(encoding="utf-8"))]


def provenance(root: Path) -> str:
    """Where the figures of the benchmarks come from: machine, software, date and commands."""
    files = sorted((root / "benchmarks").glob("*.json"))
    return "\n".join(_source(root, file) for file in files) or MISSING


def _source(root: Path, file: Path) -> str:
    """Where the figures of a file come from, as an item of a list."""
    machine = json.loads(file.read_text(encoding="utf-8"))["machine"]
    return (
        f"- [`{file.name}`](../{file.relative_to(root).as_posix()}): {machine['date']}, "
        f"{_busy(machine)}{in_words(machine)}; `{machine['command']}`"
    )


def _busy(machine: dict) -> str:
    """What to say of a machine that others used meanwhile."""
    cpus = machine.get("busy_cpus", 0.0)
    return f"**{cpus:.1f} cores busy with other work**, " if cpus > IDLE else ""


def rule(root: Path) -> str:
    """Which engine to take, and from which image size octave pays, in words."""
    rows = _rows(root, "engines")
    if not rows:
        return MISSING
    lines = [_fastest(rows)]
    by_size = _by_size(root)
    for network in dict.fromkeys(name for name, _ in by_size):
        ratios = {size: ratio for (name, size), ratio in sorted(by_size.items()) if name == network}
        losing = {size: ratio for size, ratio in ratios.items() if ratio < 1}
        paying = [size for size in ratios if size > max(losing, default=0)]
        line = f"- **{network} pays from {min(paying)}x{min(paying)} on**" if paying else (
            f"- **{network} does not pay at the sizes measured**"
        )  # fmt: skip
        line += ": " + ", ".join(f"{ratio:.2f}x at {size}" for size, ratio in ratios.items())
        if losing:
            cost = max(1 / ratio - 1 for ratio in losing.values())
            line += f"; below it costs up to {cost:.0%} more time than the twin"
        lines.append(line + ".")
    return "\n".join(lines)


def engines(root: Path) -> str:
    """Speed-up over the twin in the same engine; latencies of the twin and of ours."""
    rows = _rows(root, "engines")
    formats = list(dict.fromkeys((row["engine"], row["precision"]) for row in rows))
    header = ["", "promised", *(_format(*each) for each in formats)]
    lines = []
    for label, batch in dict.fromkeys((r["label"], r["batch_size"]) for r in rows if r["vs"]):
        mine = {
            (row["engine"], row["precision"]): row
            for row in rows
            if (row["label"], row["batch_size"]) == (label, batch)
        }
        promised = next(iter(mine.values()))["promised"]
        cells = [_speed_up(mine.get(each), rows) for each in formats]
        lines.append([f"{label}, batch {batch}", f"{promised:.2f}x", *cells])
    return _table(header, lines)


def gains(root: Path) -> str:
    """What README promises: accuracy, and one image in OpenVINO, over the twin."""
    return _gains(root, _GAINS)


def gains_ch(root: Path) -> str:
    """The same in Chinese."""
    return _gains(root, _GAINS_CH)


# The words of that table.
_GAINS = {
    "header": ("", "ImageNet top-1", "multiply-adds"),
    "beside": "{} (vanilla {}; {} at alpha 0.25)",
    "fewer": "{:.0%} fewer",
    "speed": "speed, {}",
    "faster": "**{:.2f}x** ({:.1f} to {:.1f} ms)",
}
_GAINS_CH = {
    "header": ("", "ImageNet top-1", "乘加次数"),
    "beside": "{}（原网络 {}；alpha 为 0.25 时 {}）",
    "fewer": "减少 {:.0%}",
    "speed": "速度，{}",
    "faster": "**{:.2f} 倍**（{:.1f} → {:.1f} ms）",
}


def _gains(root: Path, words: dict) -> str:
    rows = [r for r in _rows(root, "engines") if (r["engine"], r["batch_size"]) == ("openvino", 1)]
    formats = list(dict.fromkeys(row["precision"] for row in rows))
    lines = []
    for label in dict.fromkeys(row["label"] for row in rows if row["vs"]):
        mine = {row["precision"]: row for row in rows if row["label"] == label}
        fewer = 1 - 1 / next(iter(mine.values()))["promised"]
        cells = [_speed_up(mine.get(each), rows, words["faster"]) for each in formats]
        lines.append([label, _top1(root, label, words), words["fewer"].format(fewer), *cells])
    speeds = (words["speed"].format(_PRECISIONS[each]) for each in formats)
    return _table([*words["header"], *speeds], lines)


def _top1(root: Path, network: str, words: dict) -> str:
    """Accuracy at alpha 0.5 as published; beside it, where published, the vanilla one and 0.25."""
    for name in (network, network.replace("Oct", "OctPre", 1)):
        found = _published_top1(root, name)
        if 0.5 not in found:
            continue
        half, *others = (f"{found[each]:.1f}%" for each in (0.5, 0, 0.25) if each in found)
        return words["beside"].format(half, *others) if len(others) == 2 else half
    return ""


def alphas(root: Path) -> str:
    """Accuracy by alpha, as the paper's authors published it."""
    columns = (0, 0.125, 0.25, 0.5, 0.75)
    lines = []
    for network in _vanilla_top1(root):
        found = _published_top1(root, network)
        best = max(found.values())
        cells = (f"{found[each]:.1f}" if each in found else "–" for each in columns)
        lines.append(
            [network, *(f"**{cell}**" if cell == f"{best:.1f}" else cell for cell in cells)]
        )
    return _table(["network", "vanilla", *map(str, columns[1:])], lines)


def _published_top1(root: Path, network: str) -> dict[float, float]:
    """Top-1 in percent by alpha; 0 is the vanilla network, where the authors trained that too."""
    from paddleclas_octconv.backbones.published_weights import PUBLISHED

    found = {each.alpha: each.top1 for each in PUBLISHED if each.network == network}
    vanilla = _vanilla_top1(root)
    return {0: vanilla[network], **found} if network in vanilla else found


def _vanilla_top1(root: Path) -> dict[str, float]:
    file = root / "results" / "published.json"
    return json.loads(file.read_text(encoding="utf-8"))["vanilla"] if file.is_file() else {}


def costs(root: Path) -> str:
    """Latency, files and memory of one image at a time."""
    rows = [row for row in _rows(root, "engines") if row["batch_size"] == 1]
    lines = []
    for row in rows:
        over_paddle = row["speed_up_over_paddle"]
        lines.append(
            [
                row["label"],
                _format(row["engine"], row["precision"]),
                f"{row['median_ms']:.1f}",
                f"{row['minimum_ms']:.1f}",
                f"{row['images_per_second']:.0f}",
                f"{over_paddle:.2f}x" if over_paddle else "",
                f"{row['file_size'] / 1e6:.1f}",
                f"{row['peak_memory'] / 1e6:.0f}",
            ]
        )
    header = ["network", "engine", "median ms", "least ms", "images/s"]
    header += ["over the twin in Paddle float32", "files MB", "peak memory MB"]
    return _table(header, lines)


def sizes(root: Path) -> str:
    """Speed-up by image size, batch 1, in the engine of the file."""
    found = _by_size(root)
    columns = sorted({size for _, size in found})
    lines = [
        [name, *(f"{found[name, size]:.2f}x" if (name, size) in found else "" for size in columns)]
        for name in dict.fromkeys(name for name, _ in found)
    ]
    return _table(["", *(f"{size}x{size}" for size in columns)], lines)


def threads(root: Path) -> str:
    """Speed-up with two threads."""
    return _ratios(_rows(root, "threads"), by="engine")


def forms(root: Path) -> str:
    """What the deploy form gains over the literal one, in Paddle Inference."""
    return _ratios(_rows(root, "forms"), by="form")


def kernels(root: Path) -> str:
    """Where a prediction in Paddle Inference spends its time."""
    lines = []
    for row in _rows(root, "forms"):
        if row["form"] != "deploy" or not row["kernels"]:
            continue
        convolutions = sum(k["milliseconds"] for k in row["kernels"] if k["name"] == "convolution")
        total = sum(k["milliseconds"] for k in row["kernels"])
        count = sum(k["count"] for k in row["kernels"])
        cells = (convolutions, total - convolutions, row["median_ms"] - total)
        name = f"{row['label']}, batch {row['batch_size']}"
        lines.append([name, f"{count:.0f}", *(f"{cell:.1f}" for cell in cells)])
    return _table(["", "kernels run", "in convolutions", "in other kernels", "the rest"], lines)


def training(root: Path) -> str:
    """Training steps: milliseconds, and the speed-up over the twin."""
    lines = [
        [
            f"{row['label']}, batch {row['batch_size']}",
            f"{row['median_ms']:.0f}",
            f"{row['speed_up']:.2f}x" if row["speed_up"] else "",
        ]
        for row in _rows(root, "training")
    ]
    return _table(["", "median ms", "over the twin"], lines)


def profile(root: Path) -> str:
    """Where a training step spends its time: milliseconds by operator, forward and back."""
    rows = _rows(root, "training-profile")
    header = [""]
    names: dict[str, None] = {}
    for row in rows:
        header += [row["label"], "back"]
        names.update(dict.fromkeys(_operator(kind["name"]) for kind in row["kernels"]))
    lines = []
    for name in names:
        line = [name]
        for row in rows:
            forward, back = (
                sum(
                    kind["milliseconds"]
                    for kind in row["kernels"]
                    if (_operator(kind["name"]), kind["name"].endswith("_grad")) == (name, is_back)
                )
                for is_back in (False, True)
            )
            line += [f"{forward:.0f}", f"{back:.0f}"]
        if any(float(cell) for cell in line[1:]):
            lines.append(line)
    source = _source(root, root / "benchmarks" / "training-profile.json") if rows else ""
    return f"{_table(header, lines)}\n\n{source}".strip()


_OPERATORS = {
    "conv2d": "convolution",
    "batch_norm": "batch norm",
    "relu": "ReLU",
    "pool2d": "pooling",
    "nearest_interp": "upsampling",
    "matmul": "pooling and upsampling as products",
    "addmm": "upsampling and sum as a product",
    "add": "sum",
    "adam": "update",
}


def _operator(name: str) -> str:
    return _OPERATORS.get(name[: -len("_grad")] if name.endswith("_grad") else name, "others")


def comparisons(root: Path) -> str:
    """Everything that was compared, folded away by the size of the images."""
    sizes: dict[int, list[tuple[Path, dict]]] = {}
    for file, results in _comparisons(root):
        sizes.setdefault(results["models"][0]["image_size"], []).append((file, results))
    parts = []
    for size, found in sorted(sizes.items(), reverse=True):
        names = ", ".join(file.stem for file, _ in found)
        parts += [f"<details><summary>{size}x{size}: {names}</summary>"]
        parts += [_comparison(root, *each) for each in found] + ["</details>"]
    return "\n\n".join(parts) or NOT_RUN


def _comparison(root: Path, file: Path, results: dict) -> str:
    """One of them: verdict, tables, curves and what they depend on."""
    names = ", ".join(model["model"] for model in results["models"])
    parts = [f"### {file.stem}: {names}", f"Data: [`results/{file.name}`](../results/{file.name})."]
    parts += [f"> {verdict['text']}" for verdict in _verdicts(results)]
    for table in comparison.tables_of(results):
        parts += [_table(table.header, table.rows), table.note]
    images = sorted((root / "docs" / "images").glob(f"{file.stem}-{PLOTS}"))
    parts += [f"![{image.stem}](images/{image.name})" for image in images]
    facts = (f"{name}: {_fact(name, value)}" for name, value in comparison.facts(results))
    return "\n\n".join([*parts, "; ".join(facts) + "."])


def verdict(root: Path) -> str:
    """The verdicts of the comparisons with several seeds, each with its file."""
    lines = []
    for file, results in _comparisons(root):
        seeds = min(len(model["runs"]) for model in results["models"])
        said = [each["text"] for each in _verdicts(results)] if seeds > 1 else []
        lines += [f"- {text} ([`{file.stem}`](../results/{file.name}))" for text in said]
    return "\n".join(lines) or NOT_RUN


def _verdicts(results: dict) -> list[dict]:
    return [*verdicts(results["models"]), *results.get("fronts", ())]


def stems(root: Path) -> str:
    """What a stem made for small images gains in the same time of training."""
    rows = []
    for file, results in _comparisons(root):
        if "-stem" not in file.stem:
            continue
        for model in results["models"]:
            rate, seconds = (model[key]["mean"] for key in ("images_per_second", "train_seconds"))
            stride = 1 if model["arch"].get("small_images") else 2
            accuracy = model["eval_accuracy"]["mean"]
            line = [f"{model['model']}, stem of stride {stride}", f"{rate:.0f} images/s"]
            line += [str(model["epochs"]), f"{seconds / 60:.1f} min", f"{accuracy:.4f}"]
            rows.append((seconds, [*line, f"[`{file.stem}`](../results/{file.name})"]))
    lines = [line for _, line in sorted(rows)]
    header = ["", "training speed", "epochs", "training time", "eval acc", "data"]
    return _table(header, lines) if lines else NOT_RUN


def _comparisons(root: Path) -> Iterable[tuple[Path, dict]]:
    """The files of ``paddleclas compare`` in ``results``, which holds others too."""
    for file in sorted((root / "results").glob("*.json")):
        results = json.loads(file.read_text(encoding="utf-8"))
        if "verdicts" in results:
            yield file, results


def keep(folder: Path, name: str, root: Path = ROOT) -> None:
    """Take over the results of a comparison.

    Args:
        folder: that ``paddleclas compare`` has written.
        name: what they are called here.
        root: the folder that holds ``results`` and ``docs``.
    """
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for model in results["models"]:
        model["mistakes"] = []  # they name images
        for run in model["runs"]:
            rates = run["curves"]["learning_rate"]
            run["curves"]["learning_rate"] = rates[:: max(1, len(rates) // POINTS)]
    (root / "results").mkdir(exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    # Points of curves and rows of matrices are lists of numbers: each on a line of its own.
    text = re.sub(r"\[\s+([-\d.e]+(?:,\s+[-\d.e]+)*)\s+\]", _on_a_line, text)
    (root / "results" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    images = root / "docs" / "images"
    for stale in images.glob(f"{name}-{PLOTS}"):
        stale.unlink()
    for plot in sorted((folder / "plots").glob(PLOTS)):
        shutil.copy(plot, images / f"{name}-{plot.name}")


def _on_a_line(match: re.Match) -> str:
    return f"[{', '.join(match[1].split())}]".replace(",,", ",")


def _fact(name: str, value: str) -> str:
    return f"`{value}`" if name == "Command" else value


def _rows(root: Path, name: str) -> Rows:
    """The rows of a file in ``benchmarks``; none where it was not measured."""
    file = root / "benchmarks" / f"{name}.json"
    if not file.is_file():
        return []
    return json.loads(file.read_text(encoding="utf-8"))["networks"]


def _by_size(root: Path) -> dict[tuple[str, int], float]:
    """Speed-ups at batch 1 in OpenVINO in float32, by network and image size."""
    return {
        (row["label"], row["image_size"]): row["speed_up"]
        for row in [*_rows(root, "sizes"), *_rows(root, "engines")]
        if row["speed_up"]
        and (row["engine"], row["precision"], row["batch_size"]) == ("openvino", "fp32", 1)
    }


def _fastest(rows: Rows) -> str:
    """The engine that predicts one image fastest, by precision, in words."""
    octave = [row for row in rows if row["vs"] and row["batch_size"] == 1]
    said = []
    for precision in dict.fromkeys(row["precision"] for row in octave):
        winners = []
        for label in dict.fromkeys(row["label"] for row in octave):
            mine = [r for r in octave if (r["label"], r["precision"]) == (label, precision)]
            winners.append(min(mine, key=lambda row: row["median_ms"]))
        names = " and ".join(dict.fromkeys(_ENGINES[row["engine"]] for row in winners))
        times = ", ".join(f"{row['label']} {row['median_ms']:.1f} ms" for row in winners)
        said.append(f"{_PRECISIONS[precision]}: {names} ({times})")
    size = octave[0]["image_size"]
    start = f"- **Take the fastest engine**, for one image of {size}x{size}: "
    return start + "; ".join(said) + "."


def _ratios(rows: Rows, by: str) -> str:
    """Speed-ups, a line for each network and batch size and a column for each value of a key."""
    octave = [row for row in rows if row["speed_up"]]
    values = list(dict.fromkeys(row[by] for row in octave))
    lines = []
    for label, batch in dict.fromkeys((_plain(row), row["batch_size"]) for row in octave):
        mine = {r[by]: r for r in octave if (_plain(r), r["batch_size"]) == (label, batch)}
        promised = next(iter(mine.values()))["promised"]
        cells = [_speed_up(mine.get(value), rows) for value in values]
        lines.append([f"{label}, batch {batch}", f"{promised:.2f}x", *cells])
    return _table(["", "promised", *(_ENGINES.get(value, value) for value in values)], lines)


def _plain(row: dict) -> str:
    return row["label"].replace(" (plain)", "")


def _speed_up(row: dict | None, rows: Rows, words: str = _GAINS["faster"]) -> str:
    """``1.63x (72.4 to 44.5 ms)``"""
    if row is None:
        return ""
    keys = ("engine", "precision", "image_size", "batch_size")
    twin = next(
        other
        for other in rows
        if other["label"] == row["vs"] and all(other[key] == row[key] for key in keys)
    )
    return words.format(row["speed_up"], twin["median_ms"], row["median_ms"])


def _format(engine: str, precision: str) -> str:
    return f"{_ENGINES[engine]} {_PRECISIONS[precision]}"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    lines = list(lines)
    if not lines:
        return MISSING
    rule_line = "|:--" + "|--:" * (len(header) - 1) + "|"
    return "\n".join(["| " + " | ".join(header) + " |", rule_line]
                     + ["| " + " | ".join(line) + " |" for line in lines])  # fmt: skip


def published(root: Path) -> str:
    """The weights that the paper's authors published."""
    from paddleclas_octconv.backbones.published_weights import PUBLISHED

    lines = [
        "| network | alpha | top-1 | top-5 | Open Model Zoo | file |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for checkpoint in PUBLISHED:
        reproduced = f"{checkpoint.reproduced:.2f}" if checkpoint.reproduced else ""
        lines.append(
            f"| {checkpoint.network} | {checkpoint.alpha:g} | {checkpoint.top1:.1f} | "
            f"{checkpoint.top5:.1f} | {reproduced} | `{checkpoint.path}`, {checkpoint.about_size} |"
        )
    return "\n".join(lines)


def finetune(root: Path) -> str:
    """Octave networks from a twin's weights and from scratch, seed by seed."""
    file = root / "results" / "finetune.json"
    if not file.is_file():
        return "_Not measured yet: `python benchmarks/finetune.py`._"
    data = json.loads(file.read_text(encoding="utf-8"))
    rates = sorted({run["rate"] for run in data["runs"]})
    lines = [
        f"| start | {' | '.join(f'learning rate {rate:g}' for rate in rates)} |",
        f"|---|{'--:|' * len(rates)}",
    ]
    for arm in dict.fromkeys(run["arm"] for run in data["runs"]):
        cells = []
        for rate in rates:
            top1 = [r["top1"] for r in data["runs"] if (r["arm"], r["rate"]) == (arm, rate)]
            mean = sum(top1) / len(top1)
            cells.append(f"**{100 * mean:.1f}** ({', '.join(f'{100 * t:.1f}' for t in top1)})")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    machine = data["machine"]
    paddle = machine["versions"].get("paddlepaddle") or machine["versions"].get("paddlepaddle-gpu")
    lines += [
        "",
        f"Top-1 in percent on {data['test_images']} images after {data['steps']} steps, mean and "
        f"each of three seeds; the twin knew the digits before at {100 * data['twin_top1']:.1f} %. "
        f"{machine['date']}, {machine['processor'].strip()}, {machine['cores']} cores, Paddle "
        f"{paddle}; `{machine['command']}`, [data](../results/finetune.json).",
    ]
    return "\n".join(lines)


def trained(root: Path) -> str:
    """Trained networks made octave: top-1 cut, solved and distilled, and what is gained."""
    header = ["network", "alpha", "vanilla", "cut", "solved", "distilled", "multiply-adds", "speed"]
    lines = []
    for row in sorted(_trained(root), key=lambda row: (row["network"], row["alpha"])):
        top1 = [_percent(row, name) for name in ("vanilla", "cut", "solved", "distilled")]
        fewer = f"{1 - row['multiply_adds'] / row['vanilla_multiply_adds']:.0%} fewer"
        lines.append([row["network"], f"{row['alpha']:g}", *top1, fewer, _gain(row, "")])
    return _known(header, lines)


def before_after(root: Path) -> str:
    """The first of the trained networks, before and after: top-1 and milliseconds."""
    words = ("{}, alpha", "top-1 before", "after", "distilled", "ms before", "ms after", "{:.2f}x")
    return _before_after(root, words)


def before_after_ch(root: Path) -> str:
    """The same in Chinese."""
    words = ("{}，alpha", "之前 top-1", "之后", "蒸馏后", "之前 ms", "之后 ms", "{:.2f} 倍")
    return _before_after(root, words)


def _before_after(root: Path, words: Sequence[str]) -> str:
    rows = _trained(root)
    first, *header, faster = words
    lines = []
    for row in sorted(rows, key=lambda row: row["alpha"]):
        if row["network"] != rows[0]["network"]:
            continue
        top1 = [_percent(row, name) for name in ("vanilla", "solved", "distilled")]
        times = [ABSENT, ABSENT]
        if "speed_up" in row:
            after = f"{row['ms']:.1f} (**{faster.format(row['speed_up'])}**)"
            times = [f"{row['vanilla_ms']:.1f}", after]
        lines.append([f"{row['alpha']:g}", *top1, *times])
    return _known([first.format(rows[0]["network"]), *header], lines) if rows else NOT_RUN


def deciding(root: Path) -> str:
    """Accuracy and milliseconds together: each trained network, and what it becomes."""
    header = ["network", "", "top-1", "distilled", "from scratch", "multiply-adds", "float32"]
    for precision in _LOWER:
        header += [f"{_PRECISIONS[precision]} top-1", _PRECISIONS[precision]]
    lines = []
    rows = _trained(root)
    for network in dict.fromkeys(row["network"] for row in rows):
        mine = sorted((r for r in rows if r["network"] == network), key=lambda row: row["alpha"])
        before = mine[0]
        cost = f"{before['vanilla_multiply_adds'] / 1e6:,.0f} M"
        lines.append([f"**{network}**", "vanilla", _percent(before, "vanilla"), "", "", cost, ""])
        for precision in _LOWER:
            known = next((row for row in mine if f"vanilla_{precision}" in row), {})
            lines[-1] += [_percent(known, f"vanilla_{precision}"), ""]
        for row in mine:
            top1 = [_percent(row, name) for name in ("solved", "distilled", "scratch")]
            cost = f"{row['multiply_adds'] / 1e6:,.0f} M"
            lines.append(["", f"alpha {row['alpha']:g}", *top1, cost, _gain(row, "")])
            for precision in _LOWER:
                lines[-1] += [_percent(row, precision), _gain(row, f"{precision}_")]
    return _known(header, lines)


_ALIKE = 0.02  # a ratio of latencies that is nearer to 1 is noise


def decided(root: Path) -> str:
    """Which of all these lie on the front of top-1 over latency, in words."""
    lines = []
    for kind, prefix, vanilla, octave in (
        ("float32", "", "vanilla", ("solved", "distilled", "scratch")),
        *((_PRECISIONS[key], f"{key}_", f"vanilla_{key}", (key,)) for key in _LOWER),
    ):
        measured = [row for row in _trained(root) if f"{prefix}speed_up" in row]
        # Milliseconds of one machine say nothing of another's.
        for processor in dict.fromkeys(_processor(row, prefix) for row in measured):
            rows = [row for row in measured if _processor(row, prefix) == processor]
            points = _points(rows, prefix, vanilla, octave)
            if len(points) < 2:
                continue
            on_it = front(points)
            said = ", ".join(f"{p.model} ({p.top1:.2f}%, {p.ms:.1f} ms)" for p in on_it)
            names = ", ".join(p.model for p in on_it if p.model.startswith("Oct ")) or "none"
            lines.append(
                f"- {kind} ({processor}), front of top-1 over latency: {said}. Octave networks on "
                f"it: {names}."
            )
    return "\n".join(lines) or NOT_RUN


def _processor(row: dict, prefix: str) -> str:
    """What a row's latencies were measured on, in float32 or, with a prefix, below it."""
    about = row["measured_on"]
    return (row.get("precisions_measured_on", about) if prefix else about)["processor"]


def _points(rows: Rows, prefix: str, vanilla: str, octave: Sequence[str]) -> list[Point]:
    """Vanilla and octave networks that were measured on one machine in one precision."""
    points = []
    for network in dict.fromkeys(row["network"] for row in rows):
        mine = [row for row in rows if row["network"] == network]
        # Each octave network was measured in turns with its vanilla one.
        ms = statistics.median(row[f"vanilla_{prefix}ms"] for row in mine)
        top1 = next((row[vanilla] for row in mine if vanilla in row), None)
        if top1 is not None:
            points.append(Point(network, "", top1, ms))
        for row in mine:
            name = f"Oct {network} alpha {row['alpha']:g}"
            ways = {way: row[way] for way in octave if way in row}
            faster = row[f"{prefix}speed_up"]
            own_ms = ms if abs(faster - 1) < _ALIKE else ms / faster
            points += [Point(f"{name} {way}", prefix, ways[way], own_ms) for way in ways]
    return points


def _known(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table without the columns that nothing was measured of."""
    if not lines:
        return NOT_RUN
    known = [any(line[column] != ABSENT for line in lines) for column in range(len(header))]
    return _table([*compress(header, known)], [[*compress(line, known)] for line in lines])


def _trained(root: Path) -> Rows:
    """The rows of the data: what was measured below float32 is under keys with a prefix."""
    file = root / "results" / "trained-96.json"
    return json.loads(file.read_text(encoding="utf-8"))["rows"] if file.is_file() else []


def _percent(row: dict, name: str) -> str:
    return f"{row[name]:.2f}%" if name in row else ABSENT


def _gain(row: dict, prefix: str) -> str:
    """``1.23x (9.3 to 7.6 ms)``; the keys of a precision have a prefix."""
    if f"{prefix}speed_up" not in row:
        return ABSENT
    before, after = row[f"vanilla_{prefix}ms"], row[f"{prefix}ms"]
    return f"{row[f'{prefix}speed_up']:.2f}x ({before:.1f} to {after:.1f} ms)"


def searched(root: Path) -> str:
    """What ``octavize --max-drop`` found."""
    header = ("network", "images", "points allowed", "alpha", "top-1", "speed")
    return _searched(root, (*header, "{} to {}", "{:.2f}x"))


def searched_ch(root: Path) -> str:
    """The same in Chinese."""
    header = ("网络", "图像", "允许损失（百分点）", "alpha", "top-1", "速度")
    return _searched(root, (*header, "{} → {}", "{:.2f} 倍"))


def _searched(root: Path, words: Sequence[str]) -> str:
    file = root / "results" / "max-drop.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.is_file() else []
    *header, change, faster = words
    lines = []
    for row in rows:
        score, size = row["score"], row["image_size"]
        times = change.format(f"{row['vanilla_ms']:.1f}", f"{row['ms']:.1f} ms")
        top1 = change.format(f"{score['vanilla_top1']:.2f}%", f"{score['top1']:.2f}%")
        alphas = str(row["alphas"])
        speed = f"**{faster.format(row['speed_up'])}** ({times})"
        lines.append(
            [row["network"], f"{size}x{size}", f"{row['max_drop']:g}", alphas, top1, speed]
        )
    return _table(header, lines) if lines else NOT_RUN


def draw_trained(root: Path) -> None:
    """The table of trained networks as a plot: top-1 against the latency of one image."""
    rows = _trained(root)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for network in sorted({row["network"] for row in rows if "speed_up" in row}):
        mine = [row for row in rows if row["network"] == network and "speed_up" in row]
        vanilla_ms = sum(row["vanilla_ms"] for row in mine) / len(mine)
        mine.sort(key=lambda row: row["speed_up"])
        (line,) = axes.plot(
            [vanilla_ms, *(vanilla_ms / row["speed_up"] for row in mine)],
            [mine[0]["vanilla"], *(row["solved"] for row in mine)],
            "o-",
            label=f"{network}, solved without training",
        )
        axes.plot(vanilla_ms, mine[0]["vanilla"], "^", color=line.get_color(), markersize=9)
        for row in mine:
            place = (vanilla_ms / row["speed_up"], row["solved"])
            axes.annotate(f"alpha {row['alpha']:g}", place, (5, -11), textcoords="offset points")
            if "distilled" in row:
                axes.plot(place[0], row["distilled"], "*", color=line.get_color(), markersize=11)
    axes.set_xlabel("latency of one image in OpenVINO, in ms (triangle: vanilla; star: distilled)")
    axes.set_ylabel("top-1, %")
    axes.legend()
    with rc_context({"svg.hashsalt": "trained"}):
        figure.savefig(root / "docs" / "images" / "trained.svg", metadata={"Date": None})


def octavize(root: Path) -> str:
    """What becomes of PaddleClas's networks, one of each family."""
    rows = json.loads((root / "benchmarks/octavize/coverage.json").read_text(encoding="utf-8"))
    cells = []
    for row in rows:
        if "error" in row:
            cells.append([row["network"], row["error"], "", "", "", ""])
            continue
        before, after = (f"{count / 1e6:,.0f}" for count in row["multiply_adds"])
        convs = f"{row['octave']} of {row['convolutions']}"
        where = row["joins"] + row["opaque"]
        cells.append(
            [row["network"], convs, f"{row['share']:.0%}", before, f"{after} (×{row['ratio']:.2f})",
             str(where)]
        )  # fmt: skip
    more = sum(row.get("share", 0) > 0.5 for row in rows)
    head = ["network", "octave convolutions", "octave", "M multiply-adds", "after", "joins"]
    lines = [head, ["---"] * len(head), *cells]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\n{more} of {len(rows)} have more than half of their multiply-adds octave."


def precisions(root: Path) -> str:
    """Top-1 of trained networks in every precision of OpenVINO, on the same images."""
    files = sorted((root / "results").glob("precisions-*.json"))
    found = (json.loads(file.read_text(encoding="utf-8"))["networks"] for file in files)
    rows = [row for rows in found for row in rows if row["engine"] == "openvino"]
    formats = list(dict.fromkeys(row["precision"] for row in rows))
    lines = []
    for label in dict.fromkeys(row["label"] for row in rows):
        mine = {row["precision"]: row for row in rows if row["label"] == label}
        top1 = {precision: 100 * row["top1"] for precision, row in mine.items()}
        # A processor without bfloat16 leaves its column empty.
        cells = (f"{top1[form]:.2f} %" if form in top1 else "" for form in formats)
        images = f"{mine['fp32']['images']:,}"
        lines.append([Path(label).name, images, *cells, f"{top1['fp32'] - top1['int8']:.2f}"])
    names = (_PRECISIONS[precision] for precision in formats)
    table = _table(["", "images", *names, "points that INT8 loses"], lines)
    return "\n".join([table, "", *(_source(root, file) for file in files)])


def routes(root: Path) -> str:
    """Classes in the programs that other people's machines run."""
    file = root / "results" / "routes.json"
    if not file.is_file():
        return "_Not tried yet: `make routes`._"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    ran = [row for row in rows if "not_run" not in row]
    found = {(row["route"], row["network"], row["size"]): row for row in ran}
    pairs = {row["network"]: row["twin"] for row in ran if "twin" in row}
    sizes = list(dict.fromkeys(row["size"] for row in ran))
    header = ["", *(f"{name}, {size}" for name in pairs for size in sizes)]
    lines: list[list[str]] = []
    errors = [f"- {row['route']}, not run: {row['not_run']}" for row in rows if "not_run" in row]
    for route in dict.fromkeys(row["route"] for row in rows):
        cells = []
        for name, twin in pairs.items():
            for size in sizes:
                mine, other = (found.get((route, each, size), {}) for each in (name, twin))
                cells.append(_same(mine, other))
                if "error" in mine:
                    errors.append(f"- {route}, {name} at {size}x{size}: `{mine['error']}`")
        lines.append([route, *cells])
    return "\n".join([_table(header, lines), "", *errors, _source(root, file)])


def route_times(root: Path) -> str:
    """What octave networks gain in these programs."""
    file = root / "benchmarks" / "routes.json"
    if not file.is_file():
        return f"_Not timed yet on an idle machine: `{_TIMED}`._"
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    took = {(row["route"], row["network"]): row["ms"] for row in rows if "ms" in row}
    pairs = {row["network"]: (row["twin"], row["size"]) for row in rows if "twin" in row}
    lines = []
    for route in dict.fromkeys(row["route"] for row in rows):
        cells = [route]
        for name, (twin, _) in pairs.items():
            mine, other = (took.get((route, each)) for each in (name, twin))
            told = mine and other and f"{other / mine:.2f}x ({other:.1f} to {mine:.1f} ms)"
            cells.append(told or ABSENT)
        lines.append(cells)
    header = ["", *(f"{name}, {size}" for name, (_, size) in pairs.items())]
    return "\n".join([_table(header, lines), "", _source(root, file)])


def _same(row: dict, twin: dict) -> str:
    """How many images have the class that Paddle Inference gives, and how near the logits are."""
    if not row:
        return "not run"
    if "error" in row:
        return "fails, as its twin does" if "error" in twin else "fails"
    return f"{row['same']} of {row['images']} ({row['difference']:.0e})"


def worth(root: Path) -> str:
    """Speed-up of octavised networks over the vanilla ones, by engine."""
    table = _ratios(_rows(root, "octavize/speed"), by="engine")
    return f"{table}\n\n{_source(root, root / 'benchmarks' / 'octavize' / 'speed.json')}"


TABLES: dict[str, Callable[[Path], Any]] = {
    table.__name__: table
    for table in (
        *(provenance, rule, gains, gains_ch, engines, costs, sizes, threads, forms, kernels),
        *(training, published, alphas, finetune, comparisons, verdict, stems, octavize, worth),
        *(precisions, trained, searched, searched_ch),
        *(before_after, before_after_ch),
        *(deciding, decided, profile, routes, route_times),
    )
}


def main() -> None:
    """Write the pages whose tables have changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", nargs=2, metavar=("FOLDER", "NAME"))
    given = parser.parse_args().keep
    if given:
        keep(Path(given[0]), given[1])
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = fill(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))
    draw_trained(ROOT)


if __name__ == "__main__":
    main()
