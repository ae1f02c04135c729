"""A mode of PaddleClas's trainer, with a config that was checked, and its run."""

from __future__ import annotations

import contextlib
import copy
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Iterator, Mapping

from .. import data
from ..checkpoints.outputs import best_weights
from ..common import machine
from ..common.errors import OctConvError
from ..common.say import say
from ..config import check
from ..config.vocabulary import check_vocabulary
from ..handover import Handover
from ..trainer.locate import Trainer, locate
from ..trainer.source import source_of
from ..weights.address import fetched, is_address
from . import launch, process, published
from .outcome import Watch

_WEIGHTS = ".pdparams"
_QUIET = {"GLOG_minloglevel": "2"}  # errors of Paddle's C++ code alone


@dataclass
class Job:
    """What ``train``, ``eval``, ``infer`` and ``export`` run.

    Attributes:
        mode: one of these four.
        trainer: the PaddleClas that does it.
        config: the whole config, overrides applied.
        config_file: the file that it was read from.
        options: those of the launcher, by the names in ``launch.OPTIONS``; empty: one process.
        profiler_options: PaddleClas's ``-p``.
        trust_weights: whether weights are loaded even from a file that can run code.
        allow_non_finite_loss: whether it trains on where the loss is not a number.
        verbose: whether the terminal has all that Paddle and PaddleClas have to say.
        output: the file that takes all that is said; None: standard output and error.
        results: what the last run has found, see ``outcome.Outcome``.
    """

    mode: str
    trainer: Trainer
    config: dict[str, Any]
    config_file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    profiler_options: str | None = None
    trust_weights: bool = False
    allow_non_finite_loss: bool = False
    verbose: bool = False
    output: IO[str] | None = None
    results: tuple[dict, ...] = ()
    _checked: bool = False

    def run(
        self,
        environ: Mapping[str, str] | None = None,
        changes: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> int:
        """Run it in processes of its own.

        Args:
            environ: more environment variables.
            changes: values to set in the config of this run, by dotted key.
            resume: whether it goes on from the newest whole checkpoint, where there is one.

        Returns:
            The exit code; 128 + n after signal n.
        """
        config = changed(self.config, changes or {})
        environ = {
            **({} if self.verbose else _QUIET),
            **launch.environment(config["Global"]["device"], self.options),
            **(environ or {}),
        }
        start = Handover(
            mode=self.mode,
            trainer=str(self.trainer.root),
            config=config,
            config_file=str(self.config_file),
            profiler_options=self.profiler_options,
            resume=resume,
            checked=self._checked,
            allow_non_finite_loss=self.allow_non_finite_loss,
            trust_weights=self.trust_weights,
            verbose=self.verbose,
        )
        if self.options and not self._checked:
            # One process says once what is wrong, not each rank.
            with _folder() as folder:
                code = self._start(replace(start, check_only=True), {}, folder, environ)
            if code:
                return code
            start = replace(start, checked=True)
        self._checked = True
        count = launch.machines(self.options)
        if count > 1:
            where = self.options.get("master") or self.options.get("ips") or "the master"
            say(f"waiting for {count} machines to meet at {where}", self.output)
        with _folder() as folder, Watch(folder) as watch:
            code = self._start(start, self.options, folder, environ)
            outcome = watch.conclude(code, launched=bool(self.options))
        for line in outcome.lines:
            say(line, self.output)
        self.results = outcome.results
        return outcome.code

    def _start(
        self,
        handover: Handover,
        options: Mapping[str, str],
        folder: Path,
        environ: Mapping[str, str],
    ) -> int:
        command = launch.command(handover.write(folder), options, self.verbose)
        return process.run(command, environ, self.output)


def prepare(
    mode: str,
    config: dict[str, Any],
    config_file: Path,
    checkout: str | None = None,
    allow_unknown_keys: bool = False,
    **attributes: Any,
) -> Job:
    """Find and check all that a mode needs, so that it can run.

    Args:
        mode: "train", "eval", "infer" or "export".
        config: the whole config, overrides applied; what is missing in it is filled in.
        config_file: the file that it was read from.
        checkout: the folder of a checkout of PaddleClas to take; None: the one that is found.
        allow_unknown_keys: let keys pass that neither PaddleClas nor this package reads.
        **attributes: others of the ``Job``.

    Raises:
        OctConvError: something is missing or malformed.
    """
    check.check_keys(config, mode)
    _demand_paddle()
    trainer = locate(checkout)
    check_vocabulary(config, mode, source_of(trainer.root), allow_unknown_keys)
    _find_weights(config, mode)
    published.complete(config, mode, attributes.get("output"))
    data.ensure_for(config, mode)
    check.check_files(config, mode)
    if mode == "infer":
        check.check_images(config)
    job = Job(mode, trainer, config, config_file, **attributes)
    say(f"trainer: {trainer}", job.output)
    return job


def changed(config: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config with other values, by dotted key; its sections have to be there."""
    config = copy.deepcopy(config)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = config
        for name in sections:
            section = section[name]
        section[last] = value
    return config


def _demand_paddle() -> None:
    """Say what to install before a process ends in a traceback for want of it.

    Raises:
        OctConvError: Paddle is not installed.
    """
    if not machine.has_paddle():
        raise OctConvError(machine.NO_PADDLE)


def _find_weights(config: dict[str, Any], mode: str) -> None:
    """Let ``Global.pretrained_model`` name the weights to start from, as every version takes it."""
    general = config["Global"]
    for key in ("pretrained_model", "checkpoints"):
        given = general.get(key)
        if key == "pretrained_model" and isinstance(given, str) and is_address(given):
            given = str(fetched(given, "Global.pretrained_model"))
        # 2.4 wants the path without its suffix, later versions take either.
        if isinstance(given, str) and "://" not in given:
            suffixed = given.endswith(_WEIGHTS)
            general[key] = given[: -len(_WEIGHTS)] if suffixed else given
    if general["pretrained_model"]:
        return
    if mode == "train":
        return
    try:
        best = best_weights(config)
    except OctConvError:
        if config["Arch"].get("pretrained"):  # those of the network, then
            return
        raise
    say(f"weights: {best}{_WEIGHTS}")
    config["Global"]["pretrained_model"] = str(best)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder in which the processes of a run find their hand-over, and tell how they fare.

    Raises:
        OctConvError: none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="paddleclas-")
    except OSError as error:
        raise OctConvError(f"TMPDIR: no temporary folder can be made: {error}") from None
    with folder as name:
        yield Path(name)
