"""What ``train``, ``eval``, ``infer`` and ``export`` have in common: a config run in a trainer."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from .. import data
from ..checkpoints.outputs import best_weights
from ..child.main import CHECK_ONLY, CHECKED
from ..common.errors import OctConvError
from ..common.say import say
from ..config import check, find_config, load_config
from ..config.vocabulary import ALLOW_OPTION, check_vocabulary
from ..patches.compat import is_pinned
from ..run import launch
from ..run.report import FOLDER, Report
from ..trainer.locate import Trainer, locate
from ..trainer.source import source_of
from ..weights import TRUST_VARIABLE
from .options import add_config, add_overrides


@dataclass
class Job:
    """A mode ("train", "eval", "infer", "export") of a trainer, with a config that was checked."""

    mode: str
    trainer: Trainer
    config: dict[str, Any]  # overrides applied
    arguments: list[str]  # the trainer's: -c FILE -o KEY=VALUE …
    launch: dict[str, str] = field(default_factory=dict)
    trust_weights: bool = False
    _checked: bool = False

    def run(self, environ: Mapping[str, str] | None = None, overrides: Sequence[str] = ()) -> int:
        """Run it in a process of its own, with more variables and overrides; the exit code."""
        arguments = [*self.arguments, *(word for item in overrides for word in ("-o", item))]
        device = self.config["Global"]["device"]
        environ = {**launch.environment(device, self.launch), **(environ or {})}
        if self.trust_weights:
            environ[TRUST_VARIABLE] = "1"
        if self.launch and not self._checked:  # one process says once what is wrong, not each rank
            only = {**environ, CHECK_ONLY: "1"}
            code = launch.run(self.mode, self.trainer, arguments, {}, only)
            if code:
                return code
            self._checked = True
        environ[CHECKED] = str(int(self._checked))
        self._checked = True
        with Report() as report:
            environ[FOLDER] = str(report.folder)
            code = launch.run(self.mode, self.trainer, arguments, self.launch, environ)
            return report.conclude(code, launched=bool(self.launch))


def add_arguments(parser: argparse.ArgumentParser, distributed: bool = True) -> None:
    """Add the options of a job to a command, those of the launcher if ``distributed``."""
    add_config(
        parser, "a YAML file, or the name of a shipped config ('paddleclas configs' lists them)"
    )
    add_overrides(parser, "set a value of the config, such as Global.epochs=5; any number of times")
    parser.add_argument(
        "-p", "--profiler_options", metavar="OPTIONS", help="passed on to PaddleClas"
    )
    parser.add_argument(
        "--paddleclas",
        metavar="DIR",
        help="run the trainer of this checkout of PaddleClas (also: PADDLECLAS_HOME)",
    )
    parser.add_argument(
        ALLOW_OPTION,
        action="store_true",
        help="let keys of the config through that PaddleClas does not read",
    )
    parser.add_argument(
        "--trust-weights",
        action="store_true",
        help=f"load weights even from a file that can run code (also: {TRUST_VARIABLE}=1)",
    )
    if distributed:
        group = parser.add_argument_group(
            "many processes", "options of python -m paddle.distributed.launch, which then runs"
        )
        for name, meaning in launch.OPTIONS:
            spellings = dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}"))
            group.add_argument(*spellings, dest=_dest(name), metavar="VALUE", help=meaning)


def prepare(mode: str, args: argparse.Namespace) -> Job:
    """Find, read and check all that a mode needs, so that it can run.

    Raises:
        OctConvError: something is missing or malformed.
    """
    options = {name: getattr(args, _dest(name), None) for name, _ in launch.OPTIONS}
    options = {name: value for name, value in options.items() if value is not None}
    launch.check(options)
    path = find_config(args.config)
    overrides = list(args.override)
    config = load_config(path, overrides)
    check.check_keys(config, mode)
    trainer = locate(args.paddleclas)
    check_vocabulary(config, mode, source_of(trainer.root), args.allow_unknown_keys)
    overrides += _weights(config, mode)
    config = load_config(path, overrides)
    data.ensure_for(config, mode)
    check.check_files(config, mode)
    if mode == "infer":
        check.check_images(config, nested=not is_pinned(trainer.root))
    say(f"trainer: {trainer}")
    arguments = ["-c", str(path)]
    for override in overrides:
        arguments += ["-o", override]
    if args.profiler_options:
        arguments += ["-p", args.profiler_options]
    return Job(mode, trainer, config, arguments, options, args.trust_weights)


def _weights(config: dict[str, Any], mode: str) -> list[str]:
    """The override, if one is needed, that names the weights to start from."""
    given = config["Global"]["pretrained_model"]
    if given:
        # 2.4 wants the path without its suffix, later versions take either.
        suffix = ".pdparams"
        is_file = isinstance(given, str) and given.endswith(suffix) and "://" not in given
        return [f"Global.pretrained_model={given[: -len(suffix)]}"] if is_file else []
    if mode == "train":
        return []
    try:
        best: Path = best_weights(config)
    except OctConvError:
        if config["Arch"].get("pretrained"):  # those of the network, then
            return []
        raise
    say(f"weights: {best}.pdparams")
    return [f"Global.pretrained_model={best}"]


def _dest(option: str) -> str:
    return f"launch_{option.replace('-', '_')}"
