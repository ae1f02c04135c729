"""What a trained network loses as an octave one: data for the tables of ``docs/results.md``.

Networks of PaddleClas are trained by ``trained.yaml`` first, on 10,000 images of CIFAR-10 at 96x96
(after ``paddleclas prepare cifar10 --subset 10000``). For each of them and each alpha: its top-1 on
the whole evaluation list with kernels cut, solved by ``paddleclas octavize`` and, with
``--distil``, distilled after that for an epoch; with ``--scratch`` that of the octave network
trained as the vanilla one was, from random weights; with ``--precisions`` that of both networks in
bfloat16 (where the processor has it) and INT8. With ``--latency``, on an idle machine, also its
latency beside the vanilla network's, in turns, in each of these. With ``--max-drop``, on an idle
machine, what ``octavize`` finds, in place of all that. What is measured already is kept, so a run
that was stopped goes on (a search that ended has its folder, which is not overwritten)::

    python benchmarks/octavize/trained.py --output results/trained-96.json ResNet18_vd MobileNetV1
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
from typing import Any, Iterable, Sequence, Tuple

import yaml

from paddleclas_octconv.common import machine
from paddleclas_octconv.config import Config
from paddleclas_octconv.deploy.images import listed, preprocess_of
from paddleclas_octconv.deploy.int8.accuracy import top1
from paddleclas_octconv.deploy.predictor import create_predictor
from paddleclas_octconv.post_training import written
from paddleclas_octconv.post_training.task import find_weights

ALPHAS = (0.125, 0.25, 0.5)
RECIPE = Path(__file__).with_name("trained.yaml")


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "networks", nargs="+", help="of PaddleClas, or YAML files of other trained networks"
    )
    parser.add_argument("--output", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("output/trained"), help="for networks")
    parser.add_argument("--epochs", type=int, default=6, help="to train networks of PaddleClas")
    parser.add_argument("--images", type=int, default=400, help="to calibrate on")
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS)
    parser.add_argument("--distil", action="store_true", help="for an epoch, after solving")
    parser.add_argument("--scratch", action="store_true", help="train the octave network, too")
    parser.add_argument("--latency", action="store_true", help="of one image, in OpenVINO")
    parser.add_argument("--precisions", action="store_true", help="top-1 in bfloat16 and INT8, too")
    parser.add_argument("--max-drop", type=float, metavar="POINTS", help="that may be lost")
    args = parser.parse_args()
    data = json.loads(args.output.read_text("utf-8")) if args.output.exists() else {"rows": []}
    command = ["python", "benchmarks/octavize/trained.py", *sys.argv[1:]]
    data["machine"] = {**machine.describe(), "command": shlex.join(command)}
    for network in args.networks:
        path = Path(network) if Path(network).suffix == ".yaml" else train(network, args)
        if args.max_drop is not None:
            data["rows"].append(searched(path, args))
            write(args.output, data)
            continue
        for alpha in args.alphas:
            row = row_of(data["rows"], Config.read(path), alpha, args.images)
            for measured in measure(path, row, args):
                row.update(measured)
                write(args.output, data)


def train(network: str, args: argparse.Namespace) -> Path:
    """The config of a network of PaddleClas, once it is trained."""
    recipe = yaml.safe_load(RECIPE.read_text("utf-8"))
    recipe["Arch"]["name"] = network
    recipe["Global"].update(
        output_dir=str(args.work), epochs=args.epochs, eval_interval=args.epochs
    )
    config = args.work / f"{network}.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    run("train", config, "--resume")
    return config


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
    config, distil = folder / written.CONFIG, folder.with_name(f"{folder.name}.distil.yaml")
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
    exports = (path, args.work / f"{row['network']}-vanilla"), (config, folder / "solved")
    if args.precisions and "int8" not in row:
        yield precisions(*exports)
    if args.latency and ("int8_ms" if args.precisions else "ms") not in row:
        yield latency(*exports, args.precisions)
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
    return evaluated(config, [(folder, "fp32")])[0]


def evaluated(config: Path, exports: Iterable[tuple[Path, str]]) -> list[float]:
    """The top-1 in OpenVINO of exported folders, each in a precision, in percent."""
    sections = Config.read(config).sections
    threads = machine.cpu_count()
    predictors = [
        create_predictor(folder, engine="openvino", precision=precision, threads=threads)
        for folder, precision in exports
    ]
    listed_images, preprocess = listed(sections, "Eval"), preprocess_of(sections)
    found = top1(predictors, listed_images, preprocess, lambda steps, *about: steps)
    return [each.percent for each in found]


def lower() -> list[str]:
    """The precisions below float32 that this processor is made for."""
    return ["bf16", "int8"] if machine.has_bfloat16() else ["int8"]


#: A network's config, and the folder that it is exported into.
Export = Tuple[Path, Path]


def precisions(vanilla: Export, octave: Export) -> dict[str, float]:
    """The top-1 of both networks below float32, in percent: ``vanilla_int8``, ``int8``, …"""
    of = {}
    for prefix, (config, folder) in (("vanilla_", vanilla), ("", octave)):
        if not (folder / "openvino" / "model-int8.xml").exists():
            shutil.rmtree(folder, ignore_errors=True)
            # Any drop: what INT8 loses is told.
            run("export", config, "--openvino", "--int8", "--max-drop", 100, "--output", folder)
        for precision in lower():
            of[f"{prefix}{precision}"] = (folder, precision)
    return dict(zip(of, evaluated(vanilla[0], of.values())))


def latency(vanilla: Export, octave: Export, below_float32: bool) -> dict[str, Any]:
    """The latencies of both networks, of one image on one thread, in milliseconds: ``vanilla_ms``,
    ``ms``, ``vanilla_int8_ms``, …"""
    for config, folder in (vanilla, octave):
        if not folder.exists():
            run("export", config, "--openvino", "--output", folder)
    file = octave[1].with_name("latency.json")
    named = ",".join(["fp32", *(lower() if below_float32 else ())])
    options = ("--engine", "openvino", "--precision", named, "--repeats", 60, "--json", file)
    run("benchmark", octave[1], "--vs", vanilla[1], *options)
    measured = json.loads(file.read_text("utf-8"))
    found = {"measured_on": measured["machine"]}
    for row in measured["networks"]:
        if row["engine"] != "openvino":
            continue
        prefix = "" if row["precision"] == "fp32" else f"{row['precision']}_"
        if row["vs"]:
            found[f"{prefix}ms"] = row["median_ms"]
            found[f"{prefix}speed_up"] = row["speed_up"]
        else:
            found[f"vanilla_{prefix}ms"] = row["median_ms"]
    return found


def run(command: str, file: Path, *options: Any, finished: Sequence[int] = (0,)) -> str:
    """What a command of this package prints, for a config or a folder; ``finished``: its exit codes
    that mean that it has done what it could."""
    given = [file] if file.is_dir() else ["-c", file]
    words = [sys.executable, "-m", "paddleclas_octconv", command, *given, *options]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode not in finished or (done.returncode and not done.stdout):
        raise SystemExit(re.sub(r"^", f"{command}: ", done.stderr, flags=re.MULTILINE))
    return done.stdout


if __name__ == "__main__":
    main()
