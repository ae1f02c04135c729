"""The job that a command line or a call asks for, and what its failure is called."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Mapping, Sequence, TypedDict

from ..checkpoints.outputs import best_weights
from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..config import Config, find_config
from ..config.dotted import leaves
from ..config.recipe import RULES, Recipe, follows_epochs
from ..run import launch
from ..run.job import Job, create_job


class JobOptions(TypedDict, total=False):
    """Options that ``train``, ``evaluate`` and ``export`` have in common; all may be left out.

    Attributes:
        override: ``["Global.seed=1", …]``: values to set in the config, by dotted key.
        paddleclas: a checkout of PaddleClas whose trainer runs.
        profiler_options: PaddleClas's ``-p``.
        allow_unknown_keys: accept keys of the config that PaddleClas does not read.
        trust_weights: load weights even from a file that can run code.
        verbose: show all that Paddle and PaddleClas say.
    """

    override: Sequence[str]
    paddleclas: str | os.PathLike[str] | None
    profiler_options: str | None
    allow_unknown_keys: bool
    trust_weights: bool
    verbose: bool


class ProcessOptions(JobOptions, total=False):
    """``JobOptions``, and those of many processes; what else ``launch.OPTIONS`` has is taken too.

    Attributes:
        gpus: ``"0,1"``: one process on each of these GPUs.
        nproc_per_node: processes on this machine.
        nnodes: machines.
        master: ``"host:port"`` of the first of them.
        rank: the number of this one, from 0.
    """

    gpus: str
    nproc_per_node: int
    nnodes: int
    master: str
    rank: int


_LAUNCHERS = {name.replace("-", "_"): name for name, _ in launch.OPTIONS}
_PLAIN = list(JobOptions.__annotations__)


def find_job(
    mode: str,
    config: str | os.PathLike[str],
    recipe: Recipe,
    override: Sequence[str] = (),
    launch_options: Mapping[str, str] | None = None,
    **attributes: Any,
) -> Job:
    """The job that is asked for: all that it needs is found and checked.

    Args:
        mode: "train", "eval", "infer" or "export".
        config: a YAML file, or the name of a shipped config.
        recipe: what everybody sets.
        override: ``KEY=VALUE`` of other keys.
        launch_options: those of the launcher, by the names in ``launch.OPTIONS``.
        **attributes: others of ``create_job``.

    Raises:
        OctConvError: something is missing or malformed.
    """
    launch.check(launch_options or {})
    given = Config.read(find_config(os.fspath(config)), override)
    if recipe.weights is not None:
        recipe.weights = weights_in(given.at("Arch.name"), recipe.weights)
    changed = given.with_recipe(recipe)
    _refuse_contradictions(override, given, changed)
    return create_job(mode, changed, options=launch_options or {}, **attributes)


def job_of(
    mode: str, config: str | os.PathLike[str], recipe: Recipe, options: Mapping[str, Any]
) -> Job:
    """The same of what a function was given.

    Args:
        mode, config, recipe: as of ``find_job``.
        options: ``JobOptions`` or, but for "export", ``ProcessOptions``.

    Raises:
        OctConvError: an option is unknown, or its value is of another kind.
    """
    launchers = {} if mode == "export" else _LAUNCHERS
    for name, rule in RULES.items():
        if getattr(recipe, name) is not None:
            rule.demand(name, getattr(recipe, name))
    for name in options:
        if name not in (*_PLAIN, *launchers):
            known = (*_PLAIN, *launchers, *vars(recipe))
            raise OctConvError(f"{mode}: unknown option {name}{suggest(name, known, 1)}")
    plain = {name: options[name] for name in _PLAIN if name in options}
    override = plain.pop("override", ())
    checkout = plain.pop("paddleclas", None)
    return find_job(
        mode,
        config,
        recipe,
        [override] if isinstance(override, str) else list(override),
        {
            launchers[name]: str(value)
            for name, value in options.items()
            if name in launchers and value is not None
        },
        checkout=None if checkout is None else os.fspath(checkout),
        **plain,
    )


def text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as a config has it."""
    return None if path is None else os.fspath(path)


def demand_success(job: Job, code: int) -> None:
    """See that a job has come to its end.

    Raises:
        OctConvError: it has not, with what its process has told.
        KeyboardInterrupt: the user has stopped it.
    """
    if code == 128 + signal.SIGINT:
        raise KeyboardInterrupt
    if code:
        raise OctConvError(job.error or f"{job.mode}: ended with exit code {code}; see its output")


def weights_in(name: str | None, path: str) -> str:
    """The weights that ``--weights`` names: a file, or the best in the folder of a training.

    Raises:
        OctConvError: the folder holds none.
    """
    if name is None or not Path(path).is_dir():
        return path
    try:
        return str(best_weights(path, name))
    except OctConvError:
        raise OctConvError(
            f"--weights {path}: holds no best_model.pdparams or latest.pdparams of {name}"
        ) from None


def _refuse_contradictions(overrides: Sequence[str], given: Config, config: Config) -> None:
    """See that no option sets what ``-o`` has set to something else.

    Raises:
        OctConvError: naming the key and both values.
    """
    after = dict(leaves(config))
    for override in overrides:
        key = override.partition("=")[0].strip()
        for leaf, value in leaves(given):
            is_given = leaf == key or leaf.startswith(f"{key}.")
            if is_given and value != after.get(leaf, value) and not follows_epochs(leaf):
                raise OctConvError(
                    f"{leaf}: -o sets {value}, an option {after[leaf]}; give one of the two"
                )
