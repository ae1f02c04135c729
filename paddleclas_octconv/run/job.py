"""A mode of PaddleClas's trainer, with a config that was checked, and its run."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Iterator, Mapping

from ..common.errors import OctConvError
from ..common.say import say
from ..common.spelling import Spelling
from ..config import Config
from ..config.check import check_config
from ..handover import Handover
from ..trainer.locate import Trainer
from . import launch, process
from .display import Display
from .outcome import Watch
from .start_weights import with_weights

_QUIET = {"GLOG_minloglevel": "2"}  # errors of Paddle's C++ code alone


@dataclass
class Job:
    """What ``train``, ``eval``, ``infer`` and ``export`` run.

    Attributes:
        mode: one of these four.
        trainer: the PaddleClas that does it.
        config: the config, with the weights to start from.
        options: those of the launcher, by the names in ``launch.OPTIONS``; empty: one process.
        profiler_options: PaddleClas's ``-p``.
        trust_weights: whether weights are loaded even from a file that can run code.
        allow_non_finite_loss: whether it trains on where the loss is not a number.
        verbose: whether the terminal has all that Paddle and PaddleClas have to say.
        batch_size: how many images an exported model takes at a time; None: any number.
        output: the file that takes all that is said; None: standard output and error.
        display: shows how far it is, in place of what PaddleClas says of that.
        spelling: how the command line has said what is in the config, for what is told.
        results: what the last run has found, see ``outcome.Outcome``.
        error: why it has failed, as far as that is known.
    """

    mode: str
    trainer: Trainer
    config: Config
    options: Mapping[str, str] = field(default_factory=dict)
    profiler_options: str | None = None
    trust_weights: bool = False
    allow_non_finite_loss: bool = False
    verbose: bool = False
    batch_size: int | None = None
    output: IO[str] | None = None
    display: Display | None = None
    spelling: Spelling = field(default_factory=Spelling)
    results: tuple[dict, ...] = ()
    error: str = ""
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
        config = self.config.changed(changes or {})
        environ = {
            **({} if self.verbose else _QUIET),
            **launch.environment(config.device, self.options),
            **(environ or {}),
        }
        start = Handover(
            mode=self.mode,
            trainer=str(self.trainer.root),
            config=config.sections,
            config_file=str(config.file),
            profiler_options=self.profiler_options,
            resume=resume,
            checked=self._checked,
            allow_non_finite_loss=self.allow_non_finite_loss,
            trust_weights=self.trust_weights,
            verbose=self.verbose,
            is_shown=self.display is not None,
            options=dict(self.spelling.given),
            batch_size=self.batch_size,
        )
        if self.options and not self._checked:
            # One process says once what is wrong, not each rank.
            with _folder() as folder, Watch(folder) as watch:
                code = self._start(replace(start, check_only=True), {}, folder, environ)
                self.error = watch.conclude(code, launched=False).error
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
            say(self.spelling.of(line), self.output)
        self.results, self.error = outcome.results, outcome.error
        return outcome.code

    def _start(
        self,
        handover: Handover,
        options: Mapping[str, str],
        folder: Path,
        environ: Mapping[str, str],
    ) -> int:
        command = launch.command(handover.write(folder), options, self.verbose)
        if self.display is None or handover.check_only:
            demand_progress = self.mode == "export"  # what trains may wait for other machines
            return process.run(command, environ, self.output, demand_progress=demand_progress)
        with self.display, self.display.output() as output:
            return process.run(command, environ, output, self.display.look)


def create_job(
    mode: str,
    config: Config,
    checkout: str | None = None,
    allow_unknown_keys: bool = False,
    **attributes: Any,
) -> Job:
    """Find and check all that a mode needs, so that it can run.

    Args:
        mode: "train", "eval", "infer" or "export".
        config: the config, overrides applied.
        checkout: the folder of a checkout of PaddleClas to take; None: the one that is found.
        allow_unknown_keys: let keys pass that neither PaddleClas nor this package reads.
        **attributes: others of the ``Job``.

    Raises:
        OctConvError: something is missing or malformed.
    """
    trainer = check_config(config, mode, checkout=checkout, allow_unknown_keys=allow_unknown_keys)
    output = attributes.get("output")
    config = with_weights(config, mode, output)
    say(f"trainer: {trainer}", output)
    return Job(mode, trainer, config, **attributes)


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
