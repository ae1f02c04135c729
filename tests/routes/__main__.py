"""Whether the programs that people deploy with give what Paddle Inference gives.

``python tests/routes`` takes ``inference.onnx`` of three octave networks through each route, one a
file in this folder (and of their vanilla twins, where the route is wrong), and writes
``results/routes.json``, which holds what one run of all routes has found. ``--time`` times them
beside their twins at the larger size, for ``benchmarks/routes.json``. A route's tools are installed
into an environment of its own under the cache folder, of which one after the other is there at a
time; ``--keep`` leaves them, and the next run takes them. Its exit code is 1 where an octave
network gives an image another class than Paddle Inference does, unless the route's script says so,
and 2 where the tool of a route cannot be had.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np
from networks import PAIRS, SIZES, export, photographs

from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.files import why_no_folder, write_atomically, writing
from paddleclas_octconv.common.suggest import suggest
from paddleclas_octconv.deploy import agreement
from paddleclas_octconv.deploy.engines import CONVERTED

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "routes"
RESULTS = ROOT / "results" / "routes.json"
TIMES = ROOT / "benchmarks" / "routes.json"
TURNS = 50  # of a network and its twin, where they are timed
LARGE = max(SIZES)
PATIENCE = 1800  # seconds that the networks of one job may take
_FACT = r"^\W*{}: (.*)$"


class Route(NamedTuple):
    """A program that runs ONNX models, or makes of them what it runs.

    Attributes:
        script: does the jobs; lines of it hold what follows.
        title: how its makers call it.
        installs: the packages that it needs.
        wrong: networks and sizes of which it is known that it gives them other classes.
    """

    script: Path
    title: str
    installs: list[str]
    wrong: list[str]

    @property
    def name(self) -> str:
        return self.script.stem

    def install(self, folder: Path) -> list[str]:
        """Make the route's environment; the command line that runs a job, but for the job.

        Raises:
            OctConvError: a tool is not there, or cannot be installed.
        """
        if self.script.suffix == ".mjs":
            commands = [
                # Their install scripts fetch the libraries for GPUs.
                ["npm", "install", "--silent", "--ignore-scripts", "--no-save", *self.installs]
            ]
            runner = ["node", str(folder / self.script.name)]
            folder.mkdir(parents=True, exist_ok=True)
            for script in self.script.parent.glob("*.mjs"):
                shutil.copy(script, folder)
        else:
            python = str(folder / "bin" / "python")
            commands = [[sys.executable, "-m", "venv", str(folder)]]
            # One by one: what the first brings is not fetched again in another version.
            commands += [[python, "-m", "pip", "install", "-q", each] for each in self.installs]
            runner = [python, str(self.script)]
        for command in commands:
            try:
                done = subprocess.run(
                    command,
                    cwd=folder if "npm" in command else None,
                    capture_output=True,
                    text=True,
                )
            except FileNotFoundError:
                raise OctConvError(f"{self.name}: {command[0]} is not there") from None
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise OctConvError(f"{self.name}: {' '.join(command)}: {''.join(said)}")
        return runner


def routes() -> list[Route]:
    """Those of this folder, by name."""
    found = []
    for script in sorted([*HERE.glob("*.py"), *HERE.glob("*/*.mjs")]):
        text = script.read_text(encoding="utf-8")
        title, installs, wrong = (
            re.search(_FACT.format(fact), text, re.M) for fact in ("title", "installs", "wrong")
        )
        if title and installs and script.name != "__main__.py":
            known = wrong[1].split(", ") if wrong else []
            found.append(Route(script, title[1], installs[1].split(), known))
    return found


def main() -> int:
    """Try the routes."""
    parser = argparse.ArgumentParser(
        prog="python tests/routes", description=__doc__.splitlines()[0]
    )
    known = {route.name: route for route in routes()}
    parser.add_argument("routes", nargs="*", metavar="ROUTE", help=f"some of {', '.join(known)}")
    parser.add_argument("--data", type=Path, help="a folder of images to take, not scikit-learn's")
    parser.add_argument(
        "--time",
        action="store_true",
        help=f"time the networks at {LARGE}x{LARGE} beside their twins, on an idle machine",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave environments and models in .cache/routes"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="write what is found here (default, where all routes are tried: results/routes.json, "
        "with --time benchmarks/routes.json)",
    )
    args = parser.parse_args()
    if args.output is None and not args.routes:
        args.output = TIMES if args.time else RESULTS
    try:
        for name in args.routes:
            if name not in known:
                raise OctConvError(f"{name}: no such route{suggest(name, known)}")
        wrong = args.output and why_no_folder(args.output.absolute().parent)
        if wrong:
            raise OctConvError(f"--output {args.output}: its folder: {wrong}")
        CONVERTED["onnxruntime"].demand_conversion("python tests/routes")
        chosen = [known[name] for name in dict.fromkeys(args.routes or known)]
        sizes = [LARGE] if args.time else SIZES
        images = {size: photographs(size, args.data) for size in sizes}
        rows: list[dict[str, Any]] = []
        return max(told(route, images, args, rows) for route in chosen)
    except (OctConvError, OSError) as error:  # such as a full disk
        print(f"routes: {error}", file=sys.stderr)
        return 2
    finally:
        for folder in () if args.keep else MADE:
            shutil.rmtree(folder, ignore_errors=True)


def told(
    route: Route, images: dict[int, np.ndarray], args: argparse.Namespace, found: list[dict]
) -> int:
    """Try a route and note what it gives; 1 if it is wrong where that is not known, 2 if its tool
    cannot be had.

    Args:
        route: this one.
        images: by size.
        args: the command line's.
        found: the rows of the routes before, to which its own are added.

    Raises:
        OctConvError: the results cannot be written.
    """
    try:
        rows = list(tried(route, images, args))
    except OctConvError as error:
        print(f"routes: {error}", file=sys.stderr)
        rows = [{"route": route.title, "installs": route.installs, "not_run": str(error)}]
    found += rows
    if args.output:
        write(args.output, found)
    if "not_run" in rows[0]:
        return 2
    octave = [row for row in rows if "twin" in row]
    wrong = {
        f"{row['network']} at {row['size']}x{row['size']}": row for row in octave if is_wrong(row)
    }
    for place, row in wrong.items():
        given = row.get("error") or f"the same class for {row['same']} of {row['images']} images"
        known = " (known)" if place in route.wrong else ""
        print(f"routes: {route.name}: {place}: {given}{known}")
    print(f"routes: {route.name}: {len(octave) - len(wrong)} of {len(octave)} networks are right")
    return 1 if set(wrong) - set(route.wrong) else 0


def tried(
    route: Route, images: dict[int, np.ndarray], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """What a route gives: a row for each octave network and size of images, and one for the twin
    where the two are timed, or the octave network is wrong.

    Raises:
        OctConvError: its tool cannot be had.
    """
    environment = CACHE / "environments" / route.name
    try:
        runner = route.install(environment)
        for size in images:
            for name, twin in PAIRS.items():
                both = [name, twin] if args.time else [name]
                rows = rows_of(route, runner, both, images[size], TURNS if args.time else 0)
                yield {**rows[0], "twin": twin}
                if not args.time and is_wrong(rows[0]):
                    rows += rows_of(route, runner, [twin], images[size], 0)
                yield from rows[1:]
    finally:
        if not args.keep:
            shutil.rmtree(environment, ignore_errors=True)


def rows_of(
    route: Route, runner: list[str], names: list[str], images: np.ndarray, turns: int
) -> list[dict[str, Any]]:
    """A route's rows for some networks, timed in turns."""
    size = images.shape[-1]
    made = [model(name, images) for name in names]
    folder = CACHE / route.name
    shutil.rmtree(folder, ignore_errors=True)
    for name, (exported, _) in zip(names, made):
        (folder / name).mkdir(parents=True)
        shutil.copy(exported / "inference.onnx", folder / name)
    np.save(folder / "images.npy", images)
    images.tofile(folder / "images.bin")
    result = run(runner, folder, names, images, turns)
    shutil.rmtree(folder)
    return [
        {
            **{"route": route.title, "installs": route.installs, "network": name},
            **{"size": size, "images": len(images)},
            **judged(result.get(name, result), wanted),
        }
        for name, (_, wanted) in zip(names, made)
    ]


def model(name: str, images: np.ndarray) -> tuple[Path, np.ndarray]:
    """The folder with a network's export, and what Paddle Inference gives for the images; made once
    a run."""
    size = images.shape[-1]
    folder = CACHE / f"{name}-{size}"
    if folder not in MADE:
        shutil.rmtree(folder, ignore_errors=True)
        MADE[folder] = export(name, size, images, folder)
    return folder, MADE[folder]


MADE: dict[Path, np.ndarray] = {}


def run(
    runner: list[str], folder: Path, names: list[str], images: np.ndarray, turns: int
) -> dict[str, Any]:
    """A route's results, by network; or one of them all where it has ended without any."""
    models = {name: str(folder / name / "inference.onnx") for name in names}
    job = {"models": models, "turns": turns, "shape": images.shape}
    (folder / "job.json").write_text(json.dumps(job))
    try:
        done = subprocess.run(
            [*runner, str(folder)], capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {"error": f"is not done after {PATIENCE // 60} minutes"}
    result = folder / "result.json"
    if result.is_file():
        return json.loads(result.read_text())
    said = done.stderr.strip().splitlines()[-1:]
    return {"error": "".join(said) or f"its process ended with code {done.returncode}"}


def is_wrong(row: dict[str, Any]) -> bool:
    """Whether some image has another class than in Paddle Inference."""
    return row.get("same") != row["images"]


def judged(result: dict[str, Any], wanted: np.ndarray) -> dict[str, Any]:
    """What a row tells of a network's result."""
    if "error" in result:
        return {"error": result["error"]}
    given = np.array(result["outputs"], np.float32).reshape(len(wanted), -1)
    row: dict[str, Any] = {"same": int((given.argmax(1) == wanted.argmax(1)).sum())}
    images = [("", np.empty(0))]
    found = agreement.difference(lambda _: [wanted], lambda _: [given], images)
    row["difference"] = float(f"{found.relative:.1e}")
    if "ms" in result:
        row["ms"] = round(result["ms"], 3)
    return row


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    """Write what one run has found so far.

    Raises:
        OctConvError: it cannot be written.
    """
    command = " ".join(["python tests/routes", *sys.argv[1:]])
    data = {"machine": {**machine.describe(), "command": command}, "rows": rows}
    with writing("--output", file):
        write_atomically(file, (json.dumps(data, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
