"""Which of two networks to take: from accuracy with its paired test, and from latency."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

# Differences of accuracies that deviate by less are the same but for PaddleClas's five decimals.
ALIKE = 2e-5
SMALL = 0.01  # of accuracy, that a faster network may lie below the other as far as seeds tell
_FEW = 3  # seeds, below which their spread is hardly known

Model = Mapping[str, Any]


class Advice(NamedTuple):
    """What to take. take: the name, None where that is undecided; text: that, and why."""

    take: str | None
    text: str


def advise(first: Model, second: Model, found: Any) -> Advice:
    """Say which of two networks to take.

    Args:
        first, second: entries of ``results.json``.
        found: their accuracies seed by seed, a ``verdict.Paired``.
    """
    names = [first["model"], second["model"]]
    guessing = [name for name, each in zip(names, (first, second)) if is_at_chance(each)]
    if guessing:
        who = "both are" if len(guessing) == 2 else f"{guessing[0]} is"
        return Advice(None, f"Undecided: {who} at chance: train longer (--epochs).")
    better = names[found.mean < 0]
    faster, speed = _faster(first, second)
    doubt = _doubt(found)
    if found.is_beyond_seeds and faster not in (None, better):
        gap = f"{abs(found.mean):.4f}"
        return Advice(
            None,
            f"Undecided: take {better} where accuracy counts, by {gap} more than seeds explain, "
            f"and {faster} where speed does, {speed}.",
        )
    if found.is_beyond_seeds:
        return Advice(better, f"Take {better}: more accurate than seeds explain, and {speed}.")
    if doubt:
        though = f", though {faster} is {speed}" if faster else ""
        return Advice(None, f"Undecided: {doubt}{though}.")
    if faster:
        return Advice(faster, f"Take {faster}: {speed}, and as accurate as far as seeds tell.")
    return Advice(None, f"Undecided: they are equally accurate as far as seeds tell, and {speed}.")


def is_at_chance(model: Model) -> bool:
    """Whether a network's accuracy is one that guessing reaches, too."""
    accuracy, chance = model.get("eval_accuracy"), model.get("chance")
    return accuracy is not None and chance is not None and accuracy["mean"] <= chance


def times_as_fast(ours: Model, theirs: Model) -> float | None:
    """The ratio of two latencies; None where they cannot be told apart."""
    gap = abs(ours["median_ms"] - theirs["median_ms"])
    if gap < sum(latency["spread"] * latency["median_ms"] for latency in (ours, theirs)):
        return None
    return theirs["median_ms"] / ours["median_ms"]


def _faster(first: Model, second: Model) -> tuple[str | None, str]:
    """The faster one of two with what there is to say of it, or why none is."""
    ours, theirs = first.get("latency"), second.get("latency")
    if not ours or not theirs:
        return None, "their latency is not known"
    if ours.get("busy") or theirs.get("busy"):
        return None, "their latency was measured on a busy machine"
    ratio = times_as_fast(ours, theirs)
    if ratio is None:
        return None, "their latencies cannot be told apart"
    name = first["model"] if ratio > 1 else second["model"]
    return name, f"{max(ratio, 1 / ratio):.2f} times as fast"


def _doubt(found: Any) -> str:
    """Why seeds leave the accuracies open; empty where they are alike as far as seeds tell."""
    count, gap = len(found.seeds), abs(found.mean)
    if gap < ALIKE and found.deviation is not None:
        return ""
    if count < _FEW:
        few = "one seed does" if count == 1 else "two seeds do"
        return f"{few} not tell their accuracies apart (--seeds 1,2,3 may)"
    if found.p is None:
        return "each seed gives the same difference, which leaves nothing to test"
    if gap > SMALL:
        return f"their accuracies differ by {gap:.4f}, which {count} seeds do not confirm"
    return ""
