"""What a comparison runs: each config, with what is changed in it, once for each seed."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import yaml

from .. import data
from ..common.errors import OctConvError
from ..common.files import write_atomically, writing
from ..common.suggest import suggest
from ..config import check, find_config, load_config
from ..config.recipe import Recipe, apply
from ..config.vocabulary import check_vocabulary
from ..data.list_files import Label, delimiter_of, list_text, read_labels, write_list
from ..data.subsets import stratified_subset
from ..trainer.locate import locate
from ..trainer.source import source_of
from . import differences, variants
from .presets import PRESETS, config_names

MANIFEST = "comparison.json"
_BATCH = "DataLoader.Train.sampler.batch_size"
_NEEDED = ("DataLoader.Train.dataset", "DataLoader.Eval.dataset", _BATCH)


@dataclass
class Options:
    """What the command line says; None stands for "as configured".

    Attributes:
        configs, models: by name.
        alphas: of the octave networks; each is trained with each.
        beside: more networks of PaddleClas, under the same recipe.
    """

    configs: list[str] = field(default_factory=list)
    preset: str | None = None
    models: list[str] | None = None
    epochs: int | None = None
    subset: int | None = None
    eval_subset: int | None = None
    image_size: int | None = None
    same_steps: bool | None = None
    seeds: list[int] | None = None
    alphas: list[float] | None = None
    beside: list[str] | None = None
    gpus: str | None = None
    overrides: list[str] = field(default_factory=list)
    output: Path = Path("output/compare")


@dataclass(eq=False)
class Run:
    """One training: a config of its own, in a folder of its own.

    name: unique, such as "ResNet50" or "ResNet50-seed2"; model: the same for all seeds.
    steps: optimizer steps an epoch. world: processes that train, one on each GPU.
    """

    name: str
    model: str
    seed: int
    config: dict[str, Any]
    folder: Path
    steps: int
    train_images: int
    eval_images: int
    world: int = 1

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def epochs(self) -> int:
        return self.config["Global"]["epochs"]


class Drawn(NamedTuple):
    """The entries of a list file, and what stands between an image and its label."""

    entries: list[tuple[str, Label]]
    delimiter: str


@dataclass
class Plan:
    """runs: in the order to run them. lists: list files to write, with what goes into them."""

    options: Options
    output: Path
    runs: list[Run]
    lists: dict[Path, Drawn]


def make(options: Options) -> Plan:
    """Read and check everything; write nothing (but data that this package brings itself).

    Raises:
        OctConvError: the options, a config, its data or the output folder do not fit.
    """
    paths = _configs(options)
    preset = PRESETS[options.preset] if options.preset else None
    if preset:
        for name in ("subset", "eval_subset", "image_size", "same_steps"):
            if getattr(options, name) is None:
                setattr(options, name, getattr(preset, name))
    configs = {name: load_config(path, options.overrides) for name, path in paths.items()}
    if options.alphas:
        configs = variants.with_alphas(configs, options.alphas)
    if options.beside:
        configs = variants.with_others(configs, options.beside)
    source = source_of(locate().root)
    for name, config in configs.items():
        with _naming(name):
            if isinstance(config.get("Global"), dict):
                config["Global"]["eval_during_train"] = True
                config["Global"].setdefault("eval_interval", 1)
            check.check_keys(config, "train")
            for key in _NEEDED:
                if check.get(config, key) is None:
                    raise OctConvError(f"{key}: missing from the config; compare needs it")
            check.check_keys(config, "export")
            check_vocabulary(config, "train", source)
            data.ensure_for(config, "train")
            check.check_files(config, "train")
    _check_same_data(configs)
    plan = Plan(options, options.output, [], {})
    world = len(options.gpus.split(",")) if options.gpus else 1
    if plan.output.exists() and not plan.output.is_dir():
        raise OctConvError(f"--output {plan.output}: is a file; give a folder")
    manifest = read_manifest(plan.output)
    kept_runs = _runs(plan.output, manifest) if manifest else []
    kept = {(run.model, run.seed): run.name for run in kept_runs}
    for name, config in configs.items():
        changed = _changed(config, plan)
        for seed in options.seeds or [int(changed["Global"].get("seed") or 0)]:
            # A seed that was trained before is the same run, whichever way it was asked for.
            new_name = f"{name}-seed{seed}" if options.seeds else name
            run_name = kept.get((name, seed), new_name)
            plan.runs.append(_run(plan, run_name, name, seed, changed, world))
    if manifest:
        _check_kept(plan, kept_runs, manifest.get("preset"))
    elif plan.output.is_dir() and any(plan.output.iterdir()):
        raise OctConvError(f"--output {plan.output}: holds something else; give an empty folder")
    return plan


def write(plan: Plan) -> None:
    """Write the lists, the configs, and the manifest that makes the folder this comparison's.

    Raises:
        OctConvError: the folder cannot be written.
    """
    with writing("--output", plan.output):
        _write(plan)


def _write(plan: Plan) -> None:
    plan.output.mkdir(parents=True, exist_ok=True)
    for path, drawn in plan.lists.items():
        path.parent.mkdir(exist_ok=True)
        write_list(path, drawn.entries, drawn.delimiter)
    manifest = read_manifest(plan.output) or {"runs": {}}
    for run in plan.runs:
        run.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True)
        write_atomically(run.config_file, text.encode())
        manifest["runs"][run.name] = {
            "model": run.model,
            "seed": run.seed,
            "steps": run.steps,
            "train_images": run.train_images,
            "eval_images": run.eval_images,
            "world": run.world,
        }
    manifest["preset"] = plan.options.preset
    command = shlex.join(["paddleclas", *sys.argv[1:]])
    manifest["commands"] = list(dict.fromkeys([*manifest.get("commands", []), command]))
    text = json.dumps(manifest, indent=2) + "\n"
    write_atomically(plan.output / MANIFEST, text.encode())


def read_manifest(folder: Path) -> dict | None:
    """What `write` has left in a folder; None where it has not."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OctConvError(f"--output {folder}: {MANIFEST} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("runs"), dict):
        raise OctConvError(f"--output {folder}: {MANIFEST} is not what compare writes")
    return manifest


def load_runs(folder: Path) -> list[Run]:
    """The runs of a folder that `write` has made."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise OctConvError(f"--output {folder}: holds no comparison")
    return _runs(folder, manifest)


def _runs(folder: Path, manifest: dict[str, Any]) -> list[Run]:
    return [
        Run(
            name,
            kept["model"],
            kept["seed"],
            load_config(_folder(folder, name) / "config.yaml"),
            _folder(folder, name),
            kept["steps"],
            kept["train_images"],
            kept["eval_images"],
            kept.get("world", 1),
        )
        for name, kept in manifest["runs"].items()
    ]


def _folder(output: Path, name: str) -> Path:
    return output / "runs" / name


def _configs(options: Options) -> dict[str, Path]:
    """The configs to compare, by the names that stand for them in the report."""
    if options.preset is not None and options.preset not in PRESETS:
        near = suggest(options.preset, PRESETS)
        known = ", ".join(PRESETS)
        raise OctConvError(f"--preset {options.preset}: no such preset{near} (there are: {known})")
    if options.configs and options.preset:
        raise OctConvError("--preset goes with the shipped configs: leave it out, or the configs")
    preset = options.preset or "reference"
    if not options.configs:
        options.preset = preset
    names: Sequence[str] = options.configs or config_names(preset)
    paths = [find_config(name) for name in names]
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        labels = [f"{path.parent.name}-{path.stem}" for path in paths]
    configs = dict(zip(labels, paths))
    if len(configs) < len(paths):
        raise OctConvError(f"compare: the same config twice: {', '.join(map(str, names))}")
    if options.models is not None:
        for model in options.models:
            if model not in configs:
                raise OctConvError(
                    f"--models {model}: no such model{suggest(model, configs)} "
                    f"(there are: {', '.join(configs)})"
                )
        configs = {name: configs[name] for name in dict.fromkeys(options.models)}
    if len(configs) < 2 and not options.models:
        raise OctConvError("compare: give two configs or more")
    return configs


def _check_same_data(configs: dict[str, dict]) -> None:
    first, *others = configs
    for other in others:
        for key in differences.DATA:
            here, there = check.get(configs[first], key), check.get(configs[other], key)
            if here != there:
                raise OctConvError(
                    f"{key}: {first} has {here}, {other} has {there}: "
                    "only networks on the same data can be compared"
                )


def _changed(config: dict, plan: Plan) -> dict:
    """The config with the options applied to it."""
    options, config = plan.options, copy.deepcopy(config)
    apply(config, Recipe(epochs=options.epochs, image_size=options.image_size))
    config["Global"].update(use_visualdl=True, pretrained_model=None, checkpoints=None)
    _draw(config, plan, "Eval", options.eval_subset, "--eval-subset")
    whole = _draw(config, plan, "Train", options.subset, "--subset")
    given = any(override.startswith(f"{_BATCH}=") for override in options.overrides)
    if options.same_steps and options.subset is not None and not given:
        sampler = config["DataLoader"]["Train"]["sampler"]
        sampler["batch_size"] = max(2, round(sampler["batch_size"] * options.subset / whole))
    return config


def _draw(config: dict, plan: Plan, part: str, size: int | None, option: str) -> int:
    """Let a part of the data be a stratified subset of it; the size of the whole."""
    key = differences.LIST.format(part)
    dataset = config["DataLoader"][part]["dataset"]
    if not isinstance(dataset.get("cls_label_path"), str):
        raise OctConvError(f"{key}: {dataset.get('cls_label_path')!r} should be a list file")
    entries = read_labels(dataset, key.rpartition(".")[0])
    if size is None:
        return len(entries)
    target = plan.output / differences.LISTS / f"{part.lower()}_{size}.txt"
    if target not in plan.lists:
        try:
            drawn = stratified_subset(entries, size)
        except OctConvError as error:
            raise OctConvError(f"{option} {size}: {error}") from None
        plan.lists[target] = Drawn(drawn, delimiter_of(dataset))
    dataset["cls_label_path"] = str(target)
    return len(entries)


def _run(plan: Plan, run_name: str, model: str, seed: int, config: dict, world: int) -> Run:
    folder = _folder(plan.output, run_name)
    config = copy.deepcopy(config)
    counts = {}
    for part in ("Train", "Eval"):
        dataset = config["DataLoader"][part]["dataset"]
        drawn = plan.lists.get(Path(dataset["cls_label_path"]))
        entries = drawn.entries if drawn else read_labels(dataset, f"DataLoader.{part}.dataset")
        counts[part] = len(entries)
    sampler = config["DataLoader"]["Train"]["sampler"]
    share = counts["Train"] / world / sampler["batch_size"]
    steps = int(share) if sampler.get("drop_last") else math.ceil(share)
    if steps < 1:
        raise OctConvError(
            f"DataLoader.Train.sampler.batch_size: {sampler['batch_size']} (of {model}) is more "
            f"than the {counts['Train']} images to train on, and drop_last leaves none"
        )
    general = config["Global"]
    general.update(
        seed=seed,
        output_dir=str(folder / "output"),
        save_inference_dir=str(folder / "inference"),
        eval_during_train=True,
        # The last epoch is evaluated, and the last step of each is logged: PaddleClas logs the
        # running mean of the epoch, which is then the mean of all of it.
        eval_interval=_divisor(general["epochs"], general.get("eval_interval", 1)),
        print_batch_step=_divisor(steps - 1, general["print_batch_step"]),
    )
    with _naming(model):
        check.check_values(config)  # with the seed and epochs of the command line
    images = counts["Train"], counts["Eval"]
    return Run(run_name, model, seed, config, folder, steps, *images, world)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above another."""
    return max(n for n in range(1, max(1, min(most, number)) + 1) if number % n == 0)


def _check_kept(plan: Plan, kept_runs: Sequence[Run], preset: str | None) -> None:
    """A folder belongs to one comparison, to which models and seeds can be added."""
    folder = plan.output
    models = list(dict.fromkeys(kept.model for kept in kept_runs))
    same_preset = plan.options.preset and plan.options.preset == preset
    if not same_preset and not {run.model for run in plan.runs} & set(models):
        raise OctConvError(
            f"--output {folder}: belongs to a comparison of {', '.join(models)}; "
            "give another folder"
        )
    for kept in kept_runs:
        for run in plan.runs:
            of = differences.of_one_model if kept.model == run.model else differences.of_data
            difference = of(kept.config, run.config)
            if difference:
                raise OctConvError(
                    f"--output {folder}: belongs to another comparison ({kept.name} has "
                    f"{difference}); give another folder"
                )
    for path, drawn in plan.lists.items():
        if path.exists() and path.read_text(encoding="utf-8") != list_text(path, *drawn):
            raise OctConvError(
                f"--output {folder}: belongs to another comparison, whose {path.name} was drawn "
                "from other images; give another folder"
            )


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """An error inside names the model, too."""
    try:
        yield
    except OctConvError as error:
        raise OctConvError(f"{name}: {error}") from None
