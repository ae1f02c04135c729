"""From a trained network to an octave one: solved, measured, and written as a whole or not at all.

What has Paddle runs in a process of its own (``networks``); what is measured runs in the engine
that is asked for (``engine``).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

from ..common.documents import read_json
from ..common.errors import OctConvError
from ..common.files import demand_room
from ..common.say import say
from ..common.worker import Worker
from ..data.staging import Kind, publish
from ..octavizer.options import Options
from . import report, search, written
from .engine import OCTAVE, VANILLA, Exports, worker_for
from .evaluation import Predictions, Score, fitting, score
from .images import Images, listed, shuffled
from .search import ALPHAS, Alphas, Measured
from .task import Task, octave_arch

#: Shows what is done now; called once for each of the steps, and within it with how much is done
#: and of how much.
Tell = Callable[..., None]

HELD_OUT = 1000  # images of the training list that a search judges networks by
FAR = 5  # times the allowed loss: what loses more is not tried at larger alphas
SEARCH_IMAGES = 100  # to calibrate on while one resolution after the other is tried
ROUNDS, SEARCH_ROUNDS = 20, 8  # of latencies
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
        alphas: of each of them.
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
    alphas: Sequence[float] = ()
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
    _demand_free(task.output)
    if task.output.is_dir() and not any(task.output.iterdir()):
        task.output.rmdir()
    found: list[Result] = []

    def build(folder: Path) -> None:
        _demand_free(task.output)  # another may have made one while this one waited
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with worker_for(task.engine) as worker:
                found.append(_Run(task, tell, folder, work, worker).result())
        except OctConvError:
            demand_room(folder, Path(task.weights).stat().st_size if task.weights else 0)
            raise
        shutil.rmtree(work)

    publish(task.output, build, task.stamp, anew=True, kind=KIND)
    return found[0]


def _demand_free(output: Path) -> None:
    if KIND.is_complete(output):
        raise OctConvError(
            f"--output {output}: holds a network already: remove it, or choose another folder"
        )


class _Run:
    """One run, in a hidden folder that takes its place in the end."""

    def __init__(self, task: Task, tell: Tell, folder: Path, work: Path, worker: Worker) -> None:
        self._task, self._tell, self._folder, self._worker = task, tell, folder, worker
        self._exports = Exports(worker, task.engine, task.shape, work)
        self._training = shuffled(listed(task.config, "Train"), task.seed)
        self._evaluated = listed(task.config, "Eval")
        self._vanilla: Predictions | None = None

    def result(self) -> Result:
        task, worker = self._task, self._worker
        self._tell("the vanilla network")
        for key, images in (("Train", self._training), ("Eval", self._evaluated)):
            paths = [str(path) for path in images.paths]
            worker.call("demand_readable", paths=paths, key=f"DataLoader.{key}", **task.transforms)
        opened = worker.call("open", arch=task.vanilla, weights=task.weights, shape=task.shape)
        self._vanilla_multiply_adds = opened["multiply_adds"]
        if task.max_drop is None:  # what cannot become octave is told before anything else
            arch = octave_arch(task.vanilla, task.alpha or 0.0, task.shape[-1])
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
        self._tell("exporting the vanilla network")
        self._exports.export(VANILLA)
        found = self._one(arch) if task.max_drop is None else self._searched(read["tried"])
        written.write(self._folder, task, found.arch)
        return found

    def _one(self, arch: dict[str, Any]) -> Result:
        """The network at the alpha that was asked for."""
        multiply_adds = self._solve(arch, self._task.images)
        self._worker.call("save", file=str(self._folder / written.WEIGHTS))
        self._exports.export(OCTAVE)
        return self._finished(arch, multiply_adds)

    def _solve(
        self, arch: dict[str, Any], images: int, what: str = "solving the convolutions"
    ) -> int:
        """Make the octave network; returns its multiply-adds."""
        self._tell(what)
        return self._worker.call(
            "solve",
            lambda done, of: self._tell(what, done, of),
            arch=arch,
            images=images,
            seed=self._task.seed,
        )["multiply_adds"]

    def _finished(self, arch: dict[str, Any], multiply_adds: int, **more: Any) -> Result:
        """What is told of the network that is exported now."""
        found = self._scored()
        self._tell("latency")
        vanilla, octave = self._exports.time(OCTAVE, ROUNDS)
        before = self._vanilla_multiply_adds
        times = vanilla.median_ms, octave.median_ms
        return Result(arch, True, found, before, multiply_adds, *times, **more)

    def _scored(self) -> Score:
        """The network that is exported now, on the evaluation list."""
        self._tell("evaluating")
        if self._vanilla is None:
            self._vanilla = self._ask(VANILLA, self._evaluated, "evaluating")
            self._evaluated = fitting(self._evaluated, self._vanilla)
        given = self._ask(OCTAVE, self._evaluated, "evaluating")
        return score(self._evaluated, self._vanilla, given)

    def _ask(self, label: str, images: Images, what: str) -> Predictions:
        def tell(done: int, of: int) -> None:
            self._tell(what, done, of)

        return self._exports.ask(label, images, self._task.transforms, tell)

    # The search

    def _searched(self, used: int) -> Result:
        """The fastest network that loses no more than is allowed."""
        budget = self._task.max_drop
        assert budget is not None
        self._too_much = FAR * max(1.0, budget)
        self._resolutions = self._worker.call("resolutions")
        self._strides = [each["stride"] for each in self._resolutions]
        self._kept = _Kept(self._folder / _SEARCH)
        rest = Images(self._training.paths[used:], (self._training.labels or [])[used:] or None)
        held_out = rest if rest.paths else self._training
        self._held_out = held_out.chosen(range(min(HELD_OUT, len(held_out.paths))))
        self._said_by_vanilla = self._ask(VANILLA, self._held_out, "held-out images")
        self._held_out = fitting(self._held_out, self._said_by_vanilla)
        singles = self._singles()
        steps = search.path(singles)
        last = search.farthest(steps, lambda alphas: self._whole(alphas).drop <= budget)
        together = self._together(singles)
        best = search.in_turn([*steps[last : last + 1], *together], self._whole, budget)
        for alphas in (*best, *reversed(steps[: max(last, 0)])):
            found = self._checked(alphas)
            if found.score.drop <= budget and found.speed_up > 1:
                return self._reported(found, singles, [*steps, *together])
        gentlest = min(
            (each for each in map(self._whole, [*steps[:1], *together]) if each.gain > 0),
            key=lambda each: each.divergence,
            default=None,
        )
        if gentlest is not None:  # it loses too much, and is the one that loses least
            found = self._checked(gentlest.alphas)
            if found.speed_up > 1:
                within = found.score.drop <= budget
                found = found._replace(is_within=within)
                return self._reported(found, singles, [*steps, *together])
        return self._reported(self._as_it_was(), singles, [*steps, *together])

    def _arch(self, alphas: Alphas) -> dict[str, Any]:
        side = self._task.shape[-1]
        return octave_arch(self._task.vanilla, list(alphas), side, by_resolution=True)

    def _singles(self) -> list[Measured]:
        """Each resolution alone, at each alpha, as long as it does not lose far too much."""
        found: list[Measured] = []
        for index in range(len(self._strides)):
            for alpha in ALPHAS:
                alphas = search.alone(len(self._strides), index, alpha)
                if not self._worker.call("can_be", arch=self._arch(alphas)):
                    continue  # its maps have too few channels, or are for plain tensors alone
                found.append(self._measured(alphas, SEARCH_IMAGES))
                if found[-1].drop > self._too_much:  # a larger alpha loses more
                    break
        return found

    def _together(self, singles: Sequence[Measured]) -> list[Alphas]:
        """All resolutions at one alpha: what gains nothing alone may gain together, for every
        place where a pair is made or joined costs time."""
        able = [any(each.alphas[place] for each in singles) for place in range(len(self._strides))]
        found = []
        for alpha in ALPHAS:
            alphas = tuple(
                alpha if can_be and stride <= Options.max_stride else 0.0
                for can_be, stride in zip(able, self._strides)
            )
            if any(alphas):
                found.append(alphas)
                if self._whole(alphas).drop > self._too_much:
                    break
        return found

    def _whole(self, alphas: Alphas) -> Measured:
        return self._measured(alphas, self._task.images)

    def _measured(self, alphas: Alphas, images: int) -> Measured:
        """A network on the held-out images, and its latency; measured once."""
        key = f"{list(alphas)} {images}"
        if key not in self._kept.measured:
            what = f"trying {search.shown(alphas, self._strides)}"
            self._solve(self._arch(alphas), images, what)
            self._exports.export("tried")
            given = self._ask("tried", self._held_out, what)
            found = score(self._held_out, self._said_by_vanilla, given)
            vanilla, octave = self._exports.time("tried", SEARCH_ROUNDS)
            times = vanilla.median_ms, octave.median_ms
            self._kept.add(key, Measured(alphas, *times, found.drop, found.divergence))
        return self._kept.measured[key]

    def _relative(self, alphas: Alphas) -> float:
        """The latency of a network over the vanilla one's; its weights do not matter."""
        for each in self._kept.measured.values():
            if each.alphas == alphas:
                return 1.0 / each.speed_up
        self._tell(f"timing {search.shown(alphas, self._strides)}")
        self._worker.call("cut", arch=self._arch(alphas))
        self._exports.export("tried")
        vanilla, octave = self._exports.time("tried", SEARCH_ROUNDS)
        return octave.median_ms / vanilla.median_ms

    def _checked(self, alphas: Alphas) -> Result:
        """A network, less what gains nothing in it, on the evaluation list; its weights written."""
        alphas = search.without_what_gains_nothing(alphas, self._relative)
        arch = self._arch(alphas)
        multiply_adds = self._solve(arch, self._task.images)
        self._worker.call("save", file=str(self._folder / written.WEIGHTS))
        self._exports.export(OCTAVE)
        return self._finished(arch, multiply_adds, strides=self._strides, alphas=alphas)

    def _as_it_was(self) -> Result:
        """The vanilla network, since no octave one is faster."""
        self._worker.call("save", file=str(self._folder / written.WEIGHTS), vanilla=True)
        shutil.copytree(
            self._exports.folder(VANILLA), self._exports.folder(OCTAVE), dirs_exist_ok=True
        )
        before = self._vanilla_multiply_adds
        found = self._finished(self._task.vanilla, before, strides=self._strides)
        return found._replace(is_octave=False, ms=found.vanilla_ms)

    def _reported(
        self, found: Result, singles: Sequence[Measured], steps: Sequence[Alphas]
    ) -> Result:
        wholes = [each for each in self._kept.measured.values() if each.alphas in steps]
        report.write(self._folder, self._task, found, singles, wholes)
        return found


def _measured(kept: dict[str, Any]) -> Measured:
    """What was measured of one network, from a file."""
    alphas = tuple(float(alpha) for alpha in kept.pop("alphas"))
    return Measured(alphas, **{key: float(value) for key, value in kept.items()})


class _Kept:
    """What was measured, in a file: a killed run goes on with it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.measured: dict[str, Measured] = {}
        # What is no such file, damaged or not of ours, is measured anew.
        with contextlib.suppress(OctConvError, AttributeError, KeyError, TypeError, ValueError):
            self.measured = {key: _measured(each) for key, each in read_json(file, "").items()}

    def add(self, key: str, measured: Measured) -> None:
        from ..common.files import write_atomically

        self.measured[key] = measured
        content = {key: each._asdict() for key, each in self.measured.items()}
        write_atomically(self._file, json.dumps(content, indent=1).encode())
