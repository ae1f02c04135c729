"""What a trained network loses as an octave one: data for the table of ``docs/octavize.md``.

For each config of a trained vanilla network and each alpha: its top-1 on the whole evaluation list
with kernels cut, solved by ``paddleclas octavize`` and, with ``--distil``, distilled after that for
an epoch; with ``--scratch`` that of the octave network trained as the vanilla one was, from random
weights. With ``--latency``, on an idle machine, also its latency beside the vanilla network's, in
turns; with ``--precisions`` top-1 and latency of both networks in float32, bfloat16 (where the
processor has it) and INT8. With ``--max-drop``, on an idle machine, what ``octavize`` finds, in
place of all that. What is measured already is kept, so a run that was stopped goes on (a search
that ended has its folder, which is not overwritten)::

    python benchmarks/octavize/trained.py --output results/trained-96.json ResNet18_vd.yaml
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterable, Sequence

from paddleclas_octconv.common import machine
from paddleclas_octconv.config import Config
from paddleclas_octconv.deploy.images import listed, preprocess_of
from paddleclas_octconv.deploy.int8.accuracy import top1
from paddleclas_octconv.deploy.predictor import create_predictor
from paddleclas_octconv.post_training import written
from paddleclas_octconv.post_training.task import find_weights

ALPHAS = (0.125, 0.25, 0.5)


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("configs", nargs="+", type=Path, help="of trained vanilla networks")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("output/trained"), help="for networks")
    parser.add_argument("--images", type=int, default=400, help="to calibrate on")
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS)
    parser.add_argument("--distil", action="store_true", help="for an epoch, after solving")
    parser.add_argument("--scratch", action="store_true", help="train the octave network, too")
    parser.add_argument("--latency", action="store_true", help="of one image, in OpenVINO")
    parser.add_argument("--precisions", action="store_true", help="bfloat16 and INT8, too")
    parser.add_argument("--max-drop", type=float, metavar="POINTS", help="that may be lost")
    args = parser.parse_args()
    data = json.loads(args.output.read_text("utf-8")) if args.output.exists() else {"rows": []}
    command = ["python", "benchmarks/octavize/trained.py", *sys.argv[1:]]
    data["machine"] = {**machine.describe(), "command": shlex.join(command)}
    for path in args.configs:
        if args.max_drop is not None:
            data["rows"].append(searched(path, args))
            write(args.output, data)
            continue
        for alpha in args.alphas:
            row = row_of(data["rows"], Config.read(path), alpha, args.images)
            for measured in measure(path, row, args):
                row.update(measured)
                write(args.output, data)


def write(file: Path, data: dict[str, Any]) -> None:
    """Write what is measured by now."""
    file.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def row_of(rows: list[dict], config: Config, alpha: float, images: int) -> dict[str, Any]:
    """The row of a network and alpha, a new one if there is none."""
    key = {
        "network": config.network,
        "image_size": config.image_shape[-1],
        "alpha": alpha,
        "images": images,
    }
    for row in rows:
        if all(row[name] == value for name, value in key.items()):
            return row
    training = listed(config.sections, "Train").paths
    rows.append({**key, "trained_on": len(training), "epochs": config.epochs})
    return rows[-1]


def measure(path: Path, row: dict, args: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """What the row of a network lacks, one after the other."""
    folder = args.work / f"{row['network']}-{row['alpha']:g}"
    config, distil = folder / written.CONFIG, folder.with_suffix(".distil.yaml")
    if "solved" not in row:
        shutil.rmtree(folder, ignore_errors=True)
        options = ["--alpha", f"{row['alpha']:g}", "--images", str(args.images), "--distil", distil]
        found = json.loads(run("octavize", path, *options, "--output", folder, "--json"))
        score = found["score"]
        yield {
            "evaluated_on": score["images"],
            "vanilla": score["vanilla_top1"],
            "solved": score["top1"],
            "vanilla_multiply_adds": found["vanilla_multiply_adds"],
            "multiply_adds": found["multiply_adds"],
        }
    if "cut" not in row:
        yield {
            "cut": accuracy(config, folder / "cut", "--weights", find_weights(Config.read(path)))
        }
    if args.latency and "speed_up" not in row:
        yield latency(path, config, args.work / f"{row['network']}-vanilla", folder / "solved")
    if args.precisions and "precisions" not in row:
        vanilla = args.work / f"{row['network']}-vanilla-int8"
        yield precisions(path, config, vanilla, folder / "int8")
    if args.distil and "distilled" not in row:
        run("train", distil, "--epochs", "1", "--resume")
        yield {"distilled": accuracy(distil, folder / "distilled")}
    if args.scratch and "scratch" not in row:
        trained = folder / "training"
        random = ("-o", "Global.pretrained_model=null", "--output", trained, "--resume")
        run("train", config, *random)
        yield {"scratch": accuracy(config, folder / "scratch", "--weights", trained)}


def searched(path: Path, args: argparse.Namespace) -> dict[str, Any]:
    """What ``octavize --max-drop`` finds of a network."""
    config = Config.read(path)
    folder = args.work / f"{config.network}-{config.image_shape[-1]}-within-{args.max_drop:g}"
    options = ("--max-drop", args.max_drop, "--images", args.images, "--output", folder, "--json")
    found = json.loads(run("octavize", path, *options, finished=(0, 2)))
    del found["output"]  # a folder of this machine
    return {
        "network": config.network,
        "image_size": config.image_shape[-1],
        "max_drop": args.max_drop,
        **found,
    }


def accuracy(config: Path, folder: Path, *options: Any) -> float:
    """The top-1 of an exported network in OpenVINO, in percent."""
    run("export", config, "--openvino", "--output", folder, *options)
    sections = Config.read(config).sections
    predictor = create_predictor(folder, engine="openvino", threads=machine.cpu_count())
    (found,) = top1(
        [predictor], listed(sections, "Eval"), preprocess_of(sections), lambda steps, *about: steps
    )
    return found.percent


def precisions(vanilla: Path, octave: Path, vanilla_folder: Path, folder: Path) -> dict[str, Any]:
    """Top-1 in percent and latency in milliseconds of both networks in each precision."""
    bfloat16 = "bf16," if machine.has_bfloat16() else ""
    options = ("--precision", f"fp32,{bfloat16}int8", "--data", vanilla)
    any_drop = ("--int8", "--max-drop", "100")  # what INT8 loses is told
    measured = benchmark(vanilla, octave, vanilla_folder, folder, any_drop, options)
    rows = [
        {
            "network": "octave" if row["vs"] else "vanilla",
            "precision": row["precision"],
            "top1": 100 * row["top1"],
            "ms": row["median_ms"],
        }
        for row in measured["networks"]
        if row["engine"] == "openvino"
    ]
    return {"precisions": rows, "precisions_measured_on": measured["machine"]}


def benchmark(
    vanilla: Path,
    octave: Path,
    vanilla_folder: Path,
    folder: Path,
    exported: Sequence[str] = (),
    options: Sequence[Any] = (),
) -> dict[str, Any]:
    """What ``paddleclas benchmark`` tells of both networks in OpenVINO, which are exported first.

    Args:
        vanilla, octave: their configs.
        vanilla_folder, folder: where they go, or are already.
        exported: more options of ``export``.
        options: more of ``benchmark``.
    """
    for config, target in ((vanilla, vanilla_folder), (octave, folder)):
        if not target.exists():
            run("export", config, "--openvino", *exported, "--output", target)
    file = folder.with_name(f"{folder.name}.json")
    against = ("--vs", vanilla_folder, "--engine", "openvino", "--json", file)
    run("benchmark", folder, *against, *options)
    return json.loads(file.read_text("utf-8"))


def latency(vanilla: Path, octave: Path, vanilla_folder: Path, folder: Path) -> dict[str, Any]:
    """The latencies of both networks, of one image on one thread, in milliseconds."""
    measured = benchmark(vanilla, octave, vanilla_folder, folder)
    ours = next(row for row in measured["networks"] if row["vs"])
    theirs = next(row for row in measured["networks"] if row["label"] == ours["vs"])
    return {
        "ms": ours["median_ms"],
        "vanilla_ms": theirs["median_ms"],
        "speed_up": ours["speed_up"],
        "measured_on": measured["machine"],
    }


def run(command: str, file: Path, *options: Any, finished: Sequence[int] = (0,)) -> str:
    """What a command of this package prints, for a config or a folder; ``finished``: its exit codes
    that mean that it has done what it could."""
    given = [file] if file.is_dir() else ["-c", file]
    words = [sys.executable, "-m", "paddleclas_octconv", command, *given, *options]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode not in finished or not done.stdout:
        raise SystemExit(re.sub(r"^", f"{command}: ", done.stderr, flags=re.MULTILINE))
    return done.stdout


if __name__ == "__main__":
    main()
