"""The folder of a comparison: what was planned is written there, and read again."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import write_atomically, writing
from ..config import Config
from ..data.list_files import write_list
from .planned import Comparison, Run

MANIFEST = "comparison.json"


def write(plan: Comparison) -> None:
    """Write the lists, the configs, and the manifest that makes the folder this comparison's.

    Raises:
        OctConvError: the folder cannot be written.
    """
    with writing("--output", plan.output):
        _write(plan)


def _write(plan: Comparison) -> None:
    plan.output.mkdir(parents=True, exist_ok=True)
    for path, drawn in plan.lists.items():
        path.parent.mkdir(exist_ok=True)
        write_list(path, drawn.entries, drawn.delimiter)
    manifest = read_manifest(plan.output) or {"runs": {}}
    for run in plan.runs:
        run.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(run.config.sections, sort_keys=False, allow_unicode=True)
        write_atomically(run.config_file, text.encode())
        manifest["runs"][run.name] = {
            "model": run.model,
            "seed": run.seed,
            "steps": run.steps,
            "train_images": run.train_images,
            "eval_images": run.eval_images,
            "world": run.world,
            "source": run.source and run.source.name,
            "formats": [list(form) for form in run.formats],
        }
    manifest["preset"] = plan.options.preset
    command = shlex.join(["paddleclas", *sys.argv[1:]])
    manifest["commands"] = list(dict.fromkeys([*manifest.get("commands", []), command]))
    text = json.dumps(manifest, indent=2) + "\n"
    write_atomically(plan.output / MANIFEST, text.encode())


def read_manifest(folder: Path) -> dict | None:
    """What `write` has left in a folder; None where it has not."""
    if not os.path.lexists(folder / MANIFEST):
        return None
    manifest = read_json(folder / MANIFEST, "--output")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("runs"), dict):
        raise OctConvError(f"--output {folder}: {MANIFEST} is not what compare writes")
    return manifest


def load_runs(folder: Path) -> list[Run]:
    """The runs of a folder that `write` has made."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise OctConvError(f"--output {folder}: holds no comparison")
    return runs_of(folder, manifest)


def runs_of(folder: Path, manifest: dict[str, Any]) -> list[Run]:
    """The runs that a manifest tells of."""
    runs: dict[str, Run] = {}
    for name, kept in manifest["runs"].items():  # a source stands before what is made of it
        runs[name] = Run(
            name,
            kept["model"],
            kept["seed"],
            Config.read(folder_of(folder, name) / "config.yaml"),
            folder_of(folder, name),
            kept["steps"],
            kept["train_images"],
            kept["eval_images"],
            kept.get("world", 1),
            runs.get(kept.get("source")),
            tuple((engine, precision) for engine, precision in kept.get("formats", ())),
        )
    return list(runs.values())


def folder_of(output: Path, name: str) -> Path:
    """That of a run."""
    return output / "runs" / name
