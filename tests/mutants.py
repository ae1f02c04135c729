"""Plants single errors in the code, one at a time, and tells which of them the tests let pass.

    make mutants                                    # 300 of them, some hours
    make mutants N=60 SEED=2 ROOMS="layers weights"

The errors are cosmic-ray's (other operators, numbers, conditions, loops that never run), at most
one for each place in the code, drawn at random. Each is planted in a copy of the repository, where
the tests of its room run until one fails.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, WorkResult

PACKAGE = "paddleclas_octconv"
# The tests of each room, the quickest first.
ROOMS = {
    "layers": "test_layers test_layers_values",
    "weights": "test_weights_match test_weights_vanilla test_weights_mxnet test_weights_safe_load"
    " test_weights_published test_weights_convert test_weights_pretrained test_weights_store",
    "config": "test_config_values test_config_load test_config_check test_config_recipe"
    " test_config_vocabulary",
    "run": "test_launch test_run_published test_run_estimate test_run_outcome"
    " test_training test_cli_job test_trainer_process",
    "checkpoints": "test_alone test_checkpoints test_training",
    "octavizer": "test_octavize test_octavize_styles test_octavize_families",
    "deploy": "test_deploy_formats test_deploy_folders test_deploy_metadata test_deploy_agreement"
    " test_deploy_inference_form test_deploy_onnx test_deploy_export test_deploy_predict"
    " test_deploy_engines test_deploy_benchmark",
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(ROOMS)}; all by default")
    parser.add_argument("-n", "--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    rooms = args.rooms or list(ROOMS)
    errors = draw(rooms, args.number, args.seed)

    killed, survived = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(
        args.jobs, initializer=enter_copy, initargs=(folder,)
    ) as pool:
        for room, result in zip(rooms, pool.map(plant, rooms, [None] * len(rooms))):
            if result.is_killed:
                sys.exit(f"{room}: its tests fail on the code as it is:\n{result.output}")
        for (room, error), result in zip(errors, pool.map(plant, *zip(*errors))):
            (killed if result.is_killed else survived)[room] += 1
            print("killed  " if result.is_killed else "SURVIVED", end=" ")
            print(f"{error.module_path}:{error.start_pos[0]} {error.operator_name}", flush=True)
            if not result.is_killed:
                print(result.diff, flush=True)
    for room in rooms:
        print(f"{room}: {killed[room]} of {killed[room] + survived[room]} killed")
    total = sum(killed.values())
    print(f"all: {total} of {len(errors)} killed ({total / max(1, len(errors)):.0%})")


if __name__ == "__main__":
    main()
