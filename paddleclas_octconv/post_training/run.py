"""From a trained network to an octave one: solved, measured, and written as a whole or not at all.

What has Paddle runs in a process of its own (``networks``); what is measured runs in the engine
that is asked for (``engine``).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

from ..common.errors import OctConvError
from ..common.files import demand_room
from ..common.say import say
from ..common.worker import Worker
from ..data.staging import Kind, publish
from . import report, search, written
from .engine import OCTAVE, VANILLA, Exports, worker_for
from .evaluation import Predictions, Score, fitting, score
from .images import listed, shuffled
from .search import Alphas
from .task import Task, octave_arch
from .trials import Trials

#: Shows what is done now; called once for each of the steps, and within it with how much is done
#: and of how much.
Tell = Callable[..., None]

ROUNDS = 20  # of latencies
_SEARCH = "search.json"


class Result(NamedTuple):
    """What has come of it.

    Attributes:
        arch: ``Arch`` of the network that was written.
        is_octave: whether it is an octave network; False where none is faster.
        score: on the evaluation list.
        vanilla_multiply_adds, multiply_adds: of one image.
        vanilla_ms, ms: latencies of one image, measured in turns.
        strides: of the resolutions, where they were searched.
        alphas: of each of them, then.
        is_within: whether it loses no more than was allowed.
    """

    arch: dict[str, Any]
    is_octave: bool
    score: Score
    vanilla_multiply_adds: int
    multiply_adds: int
    vanilla_ms: float
    ms: float
    strides: Sequence[int] = ()
    alphas: Alphas = ()
    is_within: bool = True

    @property
    def speed_up(self) -> float:
        """Over the vanilla network."""
        return self.vanilla_ms / self.ms


KIND = Kind("octave network", "--output", lambda folder: (folder / written.CONFIG).is_file())


def steps(task: Task) -> int:
    """How many steps there are to show, at least."""
    return 7 if task.max_drop is None else 24


def octavize_trained(task: Task, tell: Tell) -> Result:
    """Make ``task.output``, in which config and weights of the octave network lie.

    Args:
        task: what is asked for.
        tell: is told what is done now.

    Raises:
        OctConvError: weights, images or network do not fit, or the folder is there already.
    """
    found: list[Result] = []
    _publish(task, tell, lambda run: found.append(run.result()))
    return found[0]


def solve(task: Task, tell: Tell) -> None:
    """As ``octavize_trained``, at the alpha of the task, but nothing is measured: neither top-1
    nor latency."""
    _publish(task, tell, _Run.solved)


def _publish(task: Task, tell: Tell, made: Callable[[_Run], None]) -> None:
    _demand_free(task.output)
    if task.output.is_dir() and not any(task.output.iterdir()):
        task.output.rmdir()

    def build(folder: Path) -> None:
        _demand_free(task.output)  # another may have made one while this one waited
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with worker_for(task.engine) as worker:
                made(_Run(task, tell, folder, work, worker))
        except OctConvError:
            demand_room(folder, Path(task.weights).stat().st_size if task.weights else 0)
            raise
        shutil.rmtree(work)

    publish(task.output, build, task.stamp, anew=True, kind=KIND)


def _demand_free(output: Path) -> None:
    if KIND.is_complete(output):
        raise OctConvError(
            f"--output {output}: holds a network already: remove it, or choose another folder"
        )


class _Run:
    """One run, in a hidden folder that takes its place in the end."""

    def __init__(self, task: Task, tell: Tell, folder: Path, work: Path, worker: Worker) -> None:
        self._task, self._tell, self._folder, self._worker = task, tell, folder, worker
        self._exports = Exports(worker, task, work)
        self._training = shuffled(listed(task.config, "Train"), task.seed)
        self._evaluated = listed(task.config, "Eval")
        self._vanilla: Predictions | None = None

    def result(self) -> Result:
        arch = self._begun()
        self._tell("exporting the vanilla network")
        self._exports.export(VANILLA)
        found = self._octave(arch) if self._task.max_drop is None else self._searched()
        written.write(self._folder, self._task, found.arch)
        return found

    def solved(self) -> None:
        """The network at the alpha that was asked for, unmeasured."""
        arch = self._begun()
        self._solve(arch)
        written.write(self._folder, self._task, arch)

    def _begun(self) -> dict[str, Any]:
        """Open the vanilla network and read the images; ``Arch`` of what shall become of it."""
        task, worker = self._task, self._worker
        self._tell("the vanilla network")
        opened = worker.call("open", arch=task.vanilla, weights=task.weights, shape=task.shape)
        for key, images in (("Train", self._training), ("Eval", self._evaluated)):
            paths = [str(path) for path in images.paths]
            worker.call("demand_readable", paths=paths, key=f"DataLoader.{key}", **task.transforms)
        self._vanilla_multiply_adds = opened["multiply_adds"]
        arch = octave_arch(task.vanilla, task.alpha or 0.0, task.shape[-1])
        if task.max_drop is None:  # what cannot become octave is told before anything else
            worker.call("cut", arch=arch)
        self._tell("reading images")
        read = worker.call(
            "read",
            paths=[str(path) for path in self._training.paths],
            count=task.images,
            **task.transforms,
        )
        if read["images"] < task.images:
            say(f"warning: --images: the config trains on {read['images']} readable images alone")
        if read["tried"] > read["images"]:
            say(f"warning: {read['tried'] - read['images']} images could not be read")
        return arch

    def _octave(self, arch: dict[str, Any], **more: Any) -> Result:
        """An octave network, solved and exported; ``more`` of what is told of it."""
        multiply_adds = self._solve(arch)
        self._exports.export(OCTAVE)
        return self._finished(arch, multiply_adds, **more)

    def _solve(self, arch: dict[str, Any]) -> int:
        """Make the octave network and write its weights; returns its multiply-adds."""
        what = "solving the convolutions"
        self._tell(what)
        multiply_adds = self._exports.solve(
            arch, self._task.images, lambda *done: self._tell(what, *done)
        )
        self._worker.call("save", file=str(self._folder / written.WEIGHTS))
        return multiply_adds

    def _finished(self, arch: dict[str, Any], multiply_adds: int, **more: Any) -> Result:
        """What is told of the network that is exported now."""
        found = self._scored()
        self._tell("latency")
        vanilla, octave = self._exports.time([OCTAVE], ROUNDS)
        before = self._vanilla_multiply_adds
        times = vanilla.median_ms, octave.median_ms
        return Result(arch, True, found, before, multiply_adds, *times, **more)

    def _scored(self) -> Score:
        """The network that is exported now, on the evaluation list."""
        what = "evaluating"
        self._tell(what)

        def ask(label: str) -> Predictions:
            return self._exports.ask(label, self._evaluated, lambda *done: self._tell(what, *done))

        if self._vanilla is None:
            self._vanilla = ask(VANILLA)
            self._evaluated = fitting(self._evaluated, self._vanilla)
        return score(self._evaluated, self._vanilla, ask(OCTAVE))

    # The search

    def _searched(self) -> Result:
        """The fastest network that loses no more than is allowed; else the one that is faster and
        loses least; else the vanilla one."""
        budget = self._task.max_drop
        assert budget is not None
        self._strides = self._worker.call("strides")
        evaluated = shuffled(self._evaluated, self._task.seed)
        kept = self._folder / _SEARCH
        self._trials = trials = Trials(
            self._task, self._exports, evaluated, self._strides, self._tell, kept
        )
        asked = search.Search(trials, trials.everything(), budget)
        for alphas in asked.candidates():
            found = self._checked(alphas)
            if found.score.drop <= budget and found.speed_up > 1:
                return self._reported(found, asked)
        gentlest = asked.gentlest()
        if gentlest is not None:
            found = self._checked(gentlest)
            if found.speed_up > 1:
                within = found.score.drop <= budget
                return self._reported(found._replace(is_within=within), asked)
        return self._reported(self._as_it_was(), asked)

    def _checked(self, alphas: Alphas) -> Result:
        """A network on the evaluation list; its weights written."""
        return self._octave(self._trials.arch(alphas), strides=self._strides, alphas=alphas)

    def _as_it_was(self) -> Result:
        """The vanilla network, since no octave one is faster."""
        self._worker.call("save", file=str(self._folder / written.WEIGHTS), vanilla=True)
        shutil.copytree(
            self._exports.folder(VANILLA), self._exports.folder(OCTAVE), dirs_exist_ok=True
        )
        before = self._vanilla_multiply_adds
        found = self._finished(self._task.vanilla, before, strides=self._strides)
        return found._replace(is_octave=False, ms=found.vanilla_ms)

    def _reported(self, found: Result, asked: search.Search) -> Result:
        report.write(self._folder, self._task, found, list(asked.measured.values()), asked.parts)
        return found
