"""Plants single errors in the code, one at a time, and tells which of them the tests let pass.

    make mutants                                    # 300 of them, some hours
    make mutants N=60 SEED=2 ROOMS="layers weights"
    python tests/mutants.py --seed 2 --results two.jsonl    # called again, it goes on

The errors are cosmic-ray's (other operators, numbers, conditions, loops that never run), at most
one for each place in the code, drawn at random. Each is planted in a copy of the repository, where
the tests of its room run until one fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, WorkResult

PACKAGE = "paddleclas_octconv"
# The tests of each room, the quickest first.
ROOMS = {
    "layers": "test_layers test_layers_values test_layers_products test_layers_deploy",
    "weights": "test_weights_match test_weights_vanilla test_weights_mxnet test_weights_safe_load"
    " test_weights_published test_weights_convert test_weights_pretrained test_weights_store",
    "config": "test_config_values test_config_load test_config_check test_config_checks"
    " test_config_recipe test_config_vocabulary test_config_brought",
    "run": "test_launch test_training_log test_run_start_weights test_run_estimate test_display"
    " test_run_outcome test_picture test_training test_cli_job test_trainer_process",
    "checkpoints": "test_alone test_checkpoints test_training",
    "octavizer": "test_octavize_rules test_octavize_channels test_octavize_space"
    " test_octavize_elementwise test_octavize_options test_named test_octavize_wiring"
    " test_octavize test_octavize_styles test_octavize_programs test_octavize_exact",
    "deploy": "test_deploy_folders test_deploy_metadata test_deploy_agreement"
    " test_images test_predictor_folder test_deploy_inference_form test_deploy_operators"
    " test_deploy_export test_deploy_onnx_graph test_deploy_onnx_int8 test_deploy_onnx"
    " test_deploy_predict test_deploy_engines test_deploy_formats test_deploy_benchmark",
}
# Annotations are not run, and outside of them `|` is rare.
NOT_RUN = "core/ReplaceBinaryOperator_BitOr_"
PATIENCE = 1800  # seconds; a test that hangs is ended by pytest before


def errors_in(room: str) -> list[MutationSpec]:
    """The errors that can be planted in a room, in an order that is always the same."""
    modules = sorted(Path(PACKAGE, room).rglob("*.py"))
    with tempfile.TemporaryDirectory() as folder, use_db(f"{folder}/session") as session:
        init(modules, session, {})
        found = [item.mutations[0] for item in session.work_items]
    found = [error for error in found if not error.operator_name.startswith(NOT_RUN)]
    return sorted(found, key=lambda e: (e.module_path, e.start_pos, e.operator_name, e.occurrence))


def draw(rooms: list[str], number: int, seed: int) -> list[tuple[str, MutationSpec]]:
    """Some of the places in these rooms, and an error for each."""
    places: dict[tuple, list[tuple[str, MutationSpec]]] = {}
    for room in rooms:
        for error in errors_in(room):
            place = (error.module_path, error.start_pos, error.end_pos)
            places.setdefault(place, []).append((room, error))
    chance = random.Random(seed)
    drawn = chance.sample(list(places.values()), min(number, len(places)))
    return [chance.choice(errors) for errors in drawn]


def enter_copy(folder: str) -> None:
    """Work in a copy of the repository, which tests and the processes that they start import."""
    copy = Path(tempfile.mkdtemp(dir=folder))
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.check_output(listed, text=True).split("\0"):
        if os.path.isfile(name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, copy / name)
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)


def plant(room: str, error: MutationSpec | None) -> WorkResult:
    """Run the tests of a room on an error; on the code as it is where there is none."""
    files = " ".join(f"tests/{name}.py" for name in ROOMS[room].split())
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {files}"
    return mutate_and_test([error] if error else [], command, PATIENCE)


def place_of(room: str, error: MutationSpec) -> tuple:
    """An error in words: its room, its file, line, kind and which of that kind it is."""
    return room, str(error.module_path), error.start_pos[0], error.operator_name, error.occurrence


def kept_in(results: Path | None) -> dict[tuple, bool]:
    """Of each error that was planted before, whether it was killed."""
    if not results or not results.exists():
        return {}
    rows = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    return {tuple(row[:5]): row[5] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(ROOMS)}; all by default")
    parser.add_argument("-n", "--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, help="JSON lines, kept and not found out again")
    args = parser.parse_args()
    rooms = args.rooms or list(ROOMS)
    errors = draw(rooms, args.number, args.seed)

    kept = kept_in(args.results)
    todo = [error for error in errors if place_of(*error) not in kept]
    new = [room for room in rooms if not any(place[0] == room for place in kept)]

    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(
        args.jobs, initializer=enter_copy, initargs=(folder,)
    ) as pool:
        for room, result in zip(new, pool.map(plant, new, [None] * len(new))):
            if result.is_killed:
                sys.exit(f"{room}: its tests fail on the code as it is:\n{result.output}")
        for error, result in zip(todo, pool.map(plant, *zip(*todo)) if todo else ()):
            place = place_of(*error)
            kept[place] = result.is_killed
            print("killed  " if result.is_killed else "SURVIVED", *place[1:4], flush=True)
            if not result.is_killed:
                print(result.diff, flush=True)
            if args.results:
                with open(args.results, "a", encoding="utf-8") as file:
                    file.write(json.dumps([*place, result.is_killed, result.diff]) + "\n")
    found = [(room, kept[place_of(room, error)]) for room, error in errors]
    for room in rooms:
        killed = [is_killed for there, is_killed in found if there == room]
        print(f"{room}: {sum(killed)} of {len(killed)} killed")
    total = sum(is_killed for _, is_killed in found)
    print(f"all: {total} of {len(errors)} killed ({total / max(1, len(errors)):.0%})")


if __name__ == "__main__":
    main()
