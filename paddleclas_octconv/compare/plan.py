"""What a comparison runs: each config, with what is changed in it, once for each seed."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any, Iterator, Sequence

from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..config import Config, find_config
from ..config.check import check_config
from ..config.recipe import PATIENCE, Recipe
from ..data.list_files import delimiter_of, list_text, read_labels
from ..data.subsets import stratified_subset
from ..deploy.export import is_quantized
from . import differences, variants
from .accuracy import accuracy_of
from .folder import folder_of, read_manifest, runs_of
from .planned import Comparison, Drawn, Options, Run
from .presets import PRESETS, config_names

_BATCH = "DataLoader.Train.sampler.batch_size"


def make(options: Options) -> Comparison:
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
    configs = {name: _read(name, path, options.overrides) for name, path in paths.items()}
    if options.alphas:
        configs = variants.with_alphas(configs, options.alphas)
    if options.beside:
        configs = variants.with_others(configs, options.beside)
    if options.octavize:
        variants.check_octavize(configs, options.octavize)
    for name, config in configs.items():
        with _naming(name):
            _check(config, options)
    _check_same_data(configs)
    plan = Comparison(options, options.output, [], {})
    world = len(options.gpus.split(",")) if options.gpus else 1
    if plan.output.exists() and not plan.output.is_dir():
        raise OctConvError(f"--output {plan.output}: is a file; give a folder")
    manifest = read_manifest(plan.output)
    kept_runs = runs_of(plan.output, manifest) if manifest else []
    kept = {(run.model, run.seed): run.name for run in kept_runs}
    for name, config in configs.items():
        with _naming(name):
            changed = _changed(config, plan)
            made = variants.octavized(name, changed, options.octavize or (), options.distil)
            for each in made:
                check_config(each.config, "train", "compare", "export")
        for seed in options.seeds or [changed.at("Global.seed") or 0]:
            runs: dict[str, Run] = {}
            for model, source, its_config in [(name, None, changed), *made]:
                # A seed that was trained before is the same run, whichever way it was asked for.
                new_name = f"{model}-seed{seed}" if options.seeds else model
                run_name = kept.get((model, seed), new_name)
                run = _run(plan, run_name, model, seed, its_config, world)
                run.source = runs[source] if source else None
                run.formats = tuple(options.formats)
                runs[model] = run
            plan.runs.extend(runs.values())
    if manifest:
        _check_kept(plan, kept_runs, manifest.get("preset"))
    elif plan.output.is_dir() and any(plan.output.iterdir()):
        raise OctConvError(
            f"--output {plan.output}: is not empty, and holds no comparison; give an empty folder"
        )
    return plan


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
    if len(configs) < 2 and not options.models and not options.octavize:
        raise OctConvError("compare: give two configs or more")
    return configs


def _check(config: Config, options: Options) -> None:
    check_config(config, "train", "compare", "export")
    accuracy_of(config)
    if is_quantized(config.sections):
        for option, given in (("--octavize", options.octavize), ("--precision", options.formats)):
            if given:
                raise OctConvError(
                    f"{option}: this config trains for INT8 by PaddleSlim (Slim.quant): "
                    "leave Slim out of it"
                )


def _check_same_data(configs: dict[str, Config]) -> None:
    first, *others = configs
    for other in others:
        for key in differences.DATA:
            here, there = configs[first].at(key), configs[other].at(key)
            if here != there:
                raise OctConvError(
                    f"{key}: {first} has {here}, {other} has {there}: "
                    "only networks on the same data can be compared"
                )
        accuracies = [accuracy_of(configs[name]) for name in (first, other)]
        if accuracies[0] != accuracies[1]:
            raise OctConvError(
                f"Metric.Eval.0: {first} is evaluated by {accuracies[0]}, {other} by "
                f"{accuracies[1]}: only networks with the same metric can be compared"
            )


def _read(name: str, path: Path, overrides: Sequence[str]) -> Config:
    """A config that evaluates after its epochs, as a comparison does."""
    with _naming(name):
        config = Config.read(path, overrides)
        interval = config.at("Global.eval_interval") or 1
        return config.changed({"Global.eval_during_train": True, "Global.eval_interval": interval})


def _changed(config: Config, plan: Comparison) -> Config:
    """The config with the options applied to it."""
    options = plan.options
    config = config.with_recipe(Recipe(epochs=options.epochs, image_size=options.image_size))
    changes: dict[str, Any] = {
        "Global.use_visualdl": True,
        "Global.pretrained_model": None,
        "Global.checkpoints": None,
        **_drawn(config, plan, "Eval", options.eval_subset, "--eval-subset"),
        **_drawn(config, plan, "Train", options.subset, "--subset"),
    }
    given = any(override.startswith(f"{_BATCH}=") for override in options.overrides)
    if options.same_steps and options.subset is not None and not given:
        whole = len(read_labels(config.dataset("Train"), "DataLoader.Train.dataset"))
        changes[_BATCH] = max(2, round(config.at(_BATCH) * options.subset / whole))
    return config.changed(changes)


def _drawn(
    config: Config, plan: Comparison, part: str, size: int | None, option: str
) -> dict[str, Any]:
    """What to change so that a part of the data is a stratified subset of it."""
    key = differences.LIST.format(part)
    dataset = config.dataset(part)
    if not isinstance(dataset.get("cls_label_path"), str):
        raise OctConvError(f"{key}: {dataset.get('cls_label_path')!r} should be a list file")
    if size is None:
        return {}
    target = plan.output / differences.LISTS / f"{part.lower()}_{size}.txt"
    if target not in plan.lists:
        entries = read_labels(dataset, key.rpartition(".")[0])
        try:
            drawn = stratified_subset(entries, size)
        except OctConvError as error:
            raise OctConvError(f"{option} {size}: {error}") from None
        plan.lists[target] = Drawn(drawn, delimiter_of(dataset))
    return {key: str(target)}


def _run(plan: Comparison, run_name: str, model: str, seed: int, config: Config, world: int) -> Run:
    folder = folder_of(plan.output, run_name)
    counts = {}
    for part in ("Train", "Eval"):
        dataset = config.dataset(part)
        drawn = plan.lists.get(Path(dataset["cls_label_path"]))
        entries = drawn.entries if drawn else read_labels(dataset, f"DataLoader.{part}.dataset")
        counts[part] = len(entries)
    batch_size = config.at(_BATCH)
    share = counts["Train"] / world / batch_size
    drop_last = config.at("DataLoader.Train.sampler.drop_last")
    steps = int(share) if drop_last else math.ceil(share)
    if steps < 1:
        raise OctConvError(
            f"{_BATCH}: {batch_size} (of {model}) is more than the {counts['Train']} images to "
            "train on, and drop_last leaves none"
        )
    changes = {
        "Global.seed": seed,
        "Global.output_dir": str(folder / "output"),
        "Global.save_inference_dir": str(folder / "inference"),
        # The last epoch is evaluated, and the last step of each is logged: PaddleClas logs the
        # running mean of the epoch, which is then the mean of all of it.
        "Global.eval_interval": _divisor(config.epochs, config.at("Global.eval_interval")),
        "Global.print_batch_step": _divisor(steps - 1, config.at("Global.print_batch_step")),
    }
    if config.at(PATIENCE):
        changes[PATIENCE] = None  # all networks train for as long
    images = counts["Train"], counts["Eval"]
    return Run(run_name, model, seed, config.changed(changes), folder, steps, *images, world)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above another."""
    return max(n for n in range(1, max(1, min(most, number)) + 1) if number % n == 0)


def _check_kept(plan: Comparison, kept_runs: Sequence[Run], preset: str | None) -> None:
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
