"""What a comparison shows, in words: who is better, by how much, and whether by more than seeds."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple, Sequence

from .accuracy import noted
from .advice import ALIKE, advise, times_as_fast

LEVEL = 0.05  # a difference as large as this would come of seeds alone once in twenty comparisons


class Paired(NamedTuple):
    """The differences of two networks, seed by seed.

    Attributes:
        seeds: those that both were trained with.
        mean: of the first's accuracy less the second's.
        deviation: sample standard deviation of the differences; None for one seed.
        p: of Student's paired t-test: how likely so large a mean is if seeds alone make it; None
            for one seed, and where the differences are all the same, which leaves nothing to test.
    """

    seeds: list[int]
    mean: float
    deviation: float | None
    p: float | None

    @property
    def is_beyond_seeds(self) -> bool:
        """Whether the difference is more than seeds explain."""
        return self.p is not None and self.p < LEVEL


def paired(first: Sequence[dict], second: Sequence[dict]) -> Paired | None:
    """Compare the runs of two networks by the seeds that they have in common.

    Args:
        first, second: runs with ``seed`` and ``eval_accuracy``.

    Returns:
        None where they have no seed in common.
    """
    ours, theirs = (
        {run["seed"]: run["eval_accuracy"] for run in runs if run["eval_accuracy"] is not None}
        for runs in (first, second)
    )
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    differences = [ours[seed] - theirs[seed] for seed in seeds]
    mean = statistics.mean(differences)
    if len(seeds) == 1:
        return Paired(seeds, mean, None, None)
    deviation = statistics.stdev(differences)
    if deviation < ALIKE:
        return Paired(seeds, mean, 0.0, None)
    from scipy.stats import ttest_rel

    p = float(ttest_rel([ours[s] for s in seeds], [theirs[s] for s in seeds]).pvalue)
    return Paired(seeds, mean, deviation, p)


def verdicts(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each octave network whose twin is there; else one for two networks alone.

    Args:
        models: the entries of ``results.json``.

    Returns:
        For each: octave, twin, seeds, mean, deviation, p, beyond_seeds, text, and the name to
        ``take``, with the ``advice`` in words.
    """
    by_name = {model["model"]: model for model in models}
    twins = {name: by_name.get(model.get("twin_model")) for name, model in by_name.items()}
    pairs = [(by_name[name], twin) for name, twin in twins.items() if twin]
    if not pairs and len(models) == 2:
        pairs = [(models[0], models[1])]
    found = []
    for model, twin in pairs:
        compared = paired(model["runs"], twin["runs"])
        if not compared:
            continue
        advice = advise(model, twin, compared)
        found.append(
            {
                "octave": model["model"],
                "twin": twin["model"],
                **compared._asdict(),
                "beyond_seeds": compared.is_beyond_seeds,
                "take": advice.take,
                "advice": advice.text,
                "text": f"{_accuracy(model, twin, compared)} {_cost(model, twin)}".strip(),
            }
        )
    return found


def _accuracy(model: dict, twin: dict, found: Paired) -> str:
    names = f"{model['model']} and {twin['model']}"
    accuracy = f"evaluation accuracy{noted(model)}"
    if abs(found.mean) < ALIKE:
        said = f"{names} reach the same {accuracy}"
    else:
        better, worse = (model, twin) if found.mean > 0 else (twin, model)
        gap = f"{abs(found.mean):.4f}"
        said = f"{better['model']} is {gap} above {worse['model']} in {accuracy}"
    return f"{said}{_seeds(found)}.{_recipes(model)}"


def _seeds(found: Paired) -> str:
    count = len(found.seeds)
    if found.deviation is None:
        seed = found.seeds[0]
        return f", with one seed ({seed}): another seed may change that (--seeds 1,2,3 tells)"
    if found.p is None:
        return f", with each of {count} seeds alike, which leaves nothing to test"
    said = f", in the mean of {count} seeds (differences ± {found.deviation:.4f})"
    test = f"(paired t-test, p {_p(found.p)})"
    if found.is_beyond_seeds:
        said += f": more than the spread of seeds explains {test}"
    else:
        said += f": within the spread of seeds {test}"
    return said + ("; of two seeds that says little" if count == 2 else "")


def _recipes(model: dict) -> str:
    """That more than the network differs."""
    keys = model.get("twin_differs")
    return f" They differ in {', '.join(keys)}, too." if keys else ""


def _cost(model: dict, twin: dict) -> str:
    parts = []
    if model["multiply_adds"] and twin["multiply_adds"]:
        share = model["multiply_adds"] / twin["multiply_adds"]
        parts.append(f"takes {share:.0%} of the multiply-adds")
    if model["latency"] and twin["latency"]:
        parts.append(_speed(model["latency"], twin["latency"], twin["model"]))
    return f"{model['model']} {' and '.join(parts)}." if parts else ""


def _speed(ours: dict, theirs: dict, their_name: str) -> str:
    ratio = times_as_fast(ours, theirs)
    said = f"is {ratio:.2f} times as fast" if ratio else ""
    if not ratio:
        said = f"has a latency that cannot be told from that of {their_name}"
    where = f"{ours.get('engine', 'paddle')}, one image"
    if ours.get("busy") or theirs.get("busy"):
        where += ", on a busy machine: a guide alone"
    return f"{said} once exported ({where})"


def _p(value: float) -> str:
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"
