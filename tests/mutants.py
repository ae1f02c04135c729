"""Plants single errors in the code, one at a time, and tells which of them the tests let pass.

    make mutants                                    # 300 of them, some hours
    make mutants N=60 SEED=2 ROOMS="layers weights"
    python tests/mutants.py --seed 2 --results two.jsonl    # called again, it goes on

The errors are cosmic-ray's (other operators, numbers, conditions, loops that never run), at most
one for each place in the code, drawn at random. Each is planted in a copy of the repository, where
the tests of its room run until one fails: those that run its line first, by how quick they are.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Dict, List

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, WorkResult
from coverage import CoverageData

PACKAGE = "paddleclas_octconv"
# The tests of each room, the quickest first.
ROOMS = {
    "layers": "test_layers test_layers_values test_layers_products test_layers_deploy",
    "weights": "test_configs_published test_run_start_weights test_weights_match"
    " test_weights_vanilla test_weights_mxnet test_weights_safe_load test_weights_published"
    " test_weights_convert test_weights_pretrained test_weights_store",
    "config": "test_config_values test_config_load test_config_check test_config_checks"
    " test_config_recipe test_config_vocabulary test_config_brought",
    "run": "test_launch test_training_log test_run_start_weights test_run_estimate test_display"
    " test_run_outcome test_picture test_training test_cli_job test_trainer_process",
    "checkpoints": "test_alone test_checkpoints test_training",
    "octavizer": "test_octavize_rules test_octavize_channels test_octavize_space"
    " test_octavize_elementwise test_octavize_options test_named test_octavize_wiring"
    " test_octavize test_octavize_styles test_octavize_programs test_octavize_exact",
    "deploy": "test_deploy_folders test_deploy_metadata test_deploy_agreement"
    " test_images test_config_brought test_multi_label test_predictor_folder"
    " test_deploy_inference_form test_deploy_operators"
    " test_deploy_export test_deploy_onnx_graph test_deploy_onnx_int8 test_deploy_onnx"
    " test_deploy_predict test_deploy_engines test_deploy_formats test_deploy_benchmark",
    "calibrate": "test_calibrate_equations test_calibrate_projection test_calibrate_channels"
    " test_calibrate",
    "post_training": "test_post_training_run test_post_training_search test_post_training_trials"
    " test_post_training_evaluation test_post_training_distilling test_octavize_command",
}
# Annotations are not run, and outside of them `|` is rare.
NOT_RUN = "core/ReplaceBinaryOperator_BitOr_"
PATIENCE = 1800  # seconds; a test that hangs is ended by pytest before
# cosmic-ray asks Python to keep nothing that it compiles: each run would compile Paddle anew.
PYTEST = f"env -u PYTHONDONTWRITEBYTECODE {shlex.quote(sys.executable)} -m pytest -x -q"
PYTEST += " -p no:cacheprovider"

#: The tests that run each line of each file, the quickest first.
Reach = Dict[str, Dict[int, List[str]]]


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
    os.environ.setdefault("PYTHONPYCACHEPREFIX", f"{folder}/compiled")


def files_of(room: str) -> str:
    """The tests of a room, as pytest takes them."""
    return " ".join(f"tests/{name}.py" for name in ROOMS[room].split())


def look(room: str) -> tuple[WorkResult, Reach]:
    """Run the tests of a room on the code as it is, and see which of them run each of its lines."""
    seen = "--cov --cov-context=test --cov-report= --durations=0"
    result = mutate_and_test([], f"{PYTEST} {seen} {files_of(room)}", PATIENCE)
    seconds: Counter = Counter()
    for line in result.output.splitlines():
        spent = re.fullmatch(r"([\d.]+)s (?:setup|call|teardown) +(.+)", line)
        if spent:
            seconds[spent[2]] += float(spent[1])
    data = CoverageData()
    data.read()
    reach: Reach = {}
    for module in Path(PACKAGE, room).rglob("*.py"):
        reach[str(module)] = {
            line: sorted({test.rpartition("|")[0] for test in ran if test}, key=seconds.__getitem__)
            for line, ran in data.contexts_by_lineno(str(module.resolve())).items()
            if any(ran)  # else it runs when it is imported
        }
    return result, reach


def plant(room: str, error: MutationSpec, reach: dict[int, list[str]]) -> WorkResult:
    """Run the tests of a room on an error: those that run its line, or one above it, then all."""
    command = f"{PYTEST} {files_of(room)}"
    above = [line for line in reach if line <= error.start_pos[0]]
    if above:
        Path("first").write_text("\n".join(reach[max(above)]), encoding="utf-8")
        # Pytest ends with 1 where a test fails; what it cannot import fails again below.
        command = f"sh -c {shlex.quote(f'{PYTEST} @first; test $? != 1 && {command}')}"
    return mutate_and_test([error], command, PATIENCE)


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
    reach: Reach = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(
        args.jobs, initializer=enter_copy, initargs=(folder,)
    ) as pool:
        asked = [room for room in rooms if any(room == there for there, _ in todo)]
        for room, (result, found) in zip(asked, pool.map(look, asked)):
            if result.is_killed:
                sys.exit(f"{room}: its tests fail on the code as it is:\n{result.output}")
            reach.update(found)
        lines = [reach[str(error.module_path)] for _, error in todo]
        for error, result in zip(todo, pool.map(plant, *zip(*todo), lines) if todo else ()):
            place = place_of(*error)
            kept[place] = result.is_killed
            print("killed  " if result.is_killed else "SURVIVED", *place[1:4], flush=True)
            if not result.is_killed:
                print(result.diff, flush=True)
            if args.results:
                with open(args.results, "a", encoding="utf-8") as file:
                    file.write(json.dumps([*place, result.is_killed, result.diff]) + "\n")
    verdicts = [(room, kept[place_of(room, error)]) for room, error in errors]
    for room in rooms:
        killed = [is_killed for there, is_killed in verdicts if there == room]
        print(f"{room}: {sum(killed)} of {len(killed)} killed")
    total = sum(is_killed for _, is_killed in verdicts)
    print(f"all: {total} of {len(errors)} killed ({total / max(1, len(errors)):.0%})")


if __name__ == "__main__":
    main()
